"""The benchmark's models: real bundles, judged and packaged by the stages' own logic.

The pipeline is the one that `bench_scores` holds our training against, which a data scientist
writes by habit: numbers imputed and scaled, texts one-hot encoded, then histogram gradient boosting
with our search's defaults, because that wins most tabular tasks and is dear in ONNX Runtime: a
logistic regression would flatter every server's own cost. The very same fitted pipeline serves the
stock server and MLServer. `--lean` takes what our train stage makes for boosting instead, without
imputing and scaling, which spares scikit-learn some 500 µs a request.

It is binary with the classes 0 and 1, so that its `predict` answers what our labels are.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.bundle import Manifest, read
from components.candidate import PIPELINE, write_candidate
from components.champion import Champion
from components.contract import ROWS, Lineage
from components.evaluate.judgement import judge
from components.examples import Examples, ExampleSchema, read_examples, write_schema
from components.package.packaging import Ingredients, package_model
from components.runners import TRUSTED_TYPES, frame, raw_scores
from components.signature import Feature, Output, Signature
from components.spec import Spec, from_json, parse
from components.train.estimators import DEFAULTS, estimator, settle
from components.train.search import search

KINDS = ("numeric", "mixed")
NUMBERS = {"numeric": 20, "mixed": 12}
STRINGS = {"numeric": 0, "mixed": 8}
CATEGORIES = (2, 3, 4, 5, 6, 8, 12, 20)
ROWS_OF_PART = {"train": 4000, "validation": 1000, "test": 1000}
SENT_ROWS = 6400
SEED = 7

Row = list[float | str]


@dataclass(frozen=True)
class Served:
    """One model in the forms that the servers load, and rows to ask it about.

    Attributes:
        kind: numeric or mixed.
        bundle: the bundle's folder, for our server.
        onnx: the bundle's own graph, for bare ASGI and the loop.
        skops: the fitted pipeline, for the servers of scikit-learn.
        manifest: what the bundle says.
        rows: what clients send, in the signature's order: numbers of six decimals, then strings.
        labels: the pipeline's own classes for these rows.
        positive: the pipeline's own probability of class 1.
    """

    kind: str
    bundle: Path
    onnx: Path
    skops: Path
    manifest: Manifest
    rows: list[Row]
    labels: list[int]
    positive: NDArray[np.float64]

    @property
    def numbers(self) -> int:
        """How many of a row's values are numbers; they come first."""
        return NUMBERS[self.kind]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of a row."""
        return tuple(feature.name for feature in self.manifest.signature.inputs)


def build(kind: str, folder: Path, candidate: str, *, lean: bool = False) -> Served:
    """Trains, judges and packages one model.

    Args:
        kind: numeric (20 numbers) or mixed (12 numbers and 8 strings).
        folder: where everything goes; made.
        candidate: a name of the spec's candidates.
        lean: whether the pipeline is our train stage's own.

    Returns:
        The model, ready to be served, with the pipeline's own answers.
    """
    rng = np.random.default_rng(SEED)
    for part, count in ROWS_OF_PART.items():
        _write_part(folder / part, kind, rng, count)
    spec = _spec()
    parts = (read_examples(folder / "train"), read_examples(folder / "validation"))
    pipeline, record = search(candidate, spec, parts)
    if not lean:
        pipeline = _habitual(kind, candidate, parts[0])
    write_candidate(folder / "best", pipeline, record)
    Champion(version=None).write(folder / "none")
    evaluation = judge(spec, [folder / "best"], folder / "test", folder / "none").evaluation
    evaluation.write(folder / "evaluation")
    (folder / "statistics.json").write_text('{"format": 1}', encoding="utf-8")
    made_of = Ingredients(
        best=folder / "best",
        examples=folder / "train",
        validation=folder / "validation",
        evaluation=folder / "evaluation",
        statistics=folder / "statistics.json",
    )
    package_model(spec, made_of, folder / "bundle")
    return _served(kind, folder, rng)


def load_pipeline(skops: Path) -> Any:
    """Loads the fitted pipeline for a server of scikit-learn."""
    from skops import io

    return io.load(skops, trusted=list(TRUSTED_TYPES))


def _served(kind: str, folder: Path, rng: np.random.Generator) -> Served:
    bundle, skops = folder / "bundle", folder / "best" / PIPELINE
    numbers, strings, _ = _draw(kind, rng, SENT_ROWS * 5 // 4)
    scores = raw_scores(load_pipeline(skops), numbers.astype(np.float32), strings)
    # A forest's votes can tie, which scikit-learn decides for the first class and we for the
    # positive one.
    kept = np.flatnonzero(np.abs(scores[:, 1] - 0.5) > 1e-6)[:SENT_ROWS]
    numbers, strings, scores = numbers[kept], strings[kept], scores[kept]
    pairs = zip(numbers.tolist(), strings.tolist(), strict=True)
    rows: list[Row] = [[*some, *others] for some, others in pairs]
    manifest = read(bundle)
    if manifest.runtime != "onnx":
        msg = f"the {kind} model was packaged for {manifest.runtime}: ONNX could not hold it"
        raise SystemExit(msg)
    return Served(
        kind=kind,
        bundle=bundle,
        onnx=bundle / "model.onnx",
        skops=skops,
        manifest=manifest,
        rows=rows,
        labels=scores.argmax(axis=1).tolist(),
        positive=scores[:, 1],
    )


def _habitual(kind: str, candidate: str, train: Examples) -> Pipeline:
    """Fits what a data scientist would write."""
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    blocks: list[tuple[str, Any, list[int]]] = [("numbers", numbers, list(range(NUMBERS[kind])))]
    if STRINGS[kind]:
        encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        texts = list(range(NUMBERS[kind], NUMBERS[kind] + STRINGS[kind]))
        blocks.append(("texts", encode, texts))
    model = estimator(candidate, DEFAULTS[candidate], train.target, seed=SEED, threads=1)
    steps = [("features", ColumnTransformer(blocks, sparse_threshold=0)), ("model", model)]
    pipeline = Pipeline(steps).fit(frame(train.numbers, train.strings), train.target)
    settle(model)
    return pipeline


def _spec() -> Spec:
    head = {"name": "bench", "task": "binary", "source": ["bench.csv"], "target": "target"}
    return from_json(parse(json.dumps(head | {"search": {"trials": 1}})).to_json())


def _draw(
    kind: str, rng: np.random.Generator, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.object_], NDArray[np.float64]]:
    """Draws rows and a signal that bends and interacts, so that boosting grows real trees.

    Six decimals, because a threshold that equals a tied value flips once scaling rounds it, and
    packaging rightly refuses such a graph.
    """
    numbers = rng.normal(0, 1, (rows, NUMBERS[kind])).round(6)
    strings = np.empty((rows, STRINGS[kind]), dtype=object)
    signal = numbers[:, 0] * numbers[:, 1] + np.sin(2 * numbers[:, 2]) + numbers[:, 3:].mean(axis=1)
    for column in range(STRINGS[kind]):
        codes = rng.integers(0, CATEGORIES[column], rows)
        strings[:, column] = [f"category {code}" for code in codes.tolist()]
        signal += 0.4 * np.sin(codes + column)
    return numbers, strings, signal + rng.normal(0, 0.5, rows)


def _write_part(folder: Path, kind: str, rng: np.random.Generator, rows: int) -> None:
    numbers, strings, signal = _draw(kind, rng, rows)
    names = [f"number_{i}" for i in range(NUMBERS[kind])]
    texts = [f"text_{i}" for i in range(STRINGS[kind])]
    seen = [tuple(sorted(set(strings[:, i].tolist()))) for i in range(STRINGS[kind])]
    inputs = [Feature(name=name, dtype="float32") for name in names]
    inputs += [
        Feature(name=name, dtype="string", categories=known)
        for name, known in zip(texts, seen, strict=True)
    ]
    label, scores = (
        Output(name="label", dtype="int64"),
        Output(name="probabilities", dtype="float32"),
    )
    schema = ExampleSchema(
        signature=Signature(inputs=tuple(inputs), outputs=(label, scores)),
        target="target",
        classes=(0, 1),
        lineage=Lineage(run_id="bench", rows=rows, columns=21, fingerprint="sha256:00"),
    )
    columns: dict[str, Any] = {name: numbers[:, i] for i, name in enumerate(names)}
    columns |= {name: strings[:, i].tolist() for i, name in enumerate(texts)}
    columns["target"] = (signal > 0).astype(np.int64)
    folder.mkdir(parents=True)
    pl.DataFrame(columns).write_parquet(folder / ROWS)
    write_schema(folder, schema)
