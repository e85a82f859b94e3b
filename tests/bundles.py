"""Tiny real bundles: scikit-learn pipelines fitted on a few hundred rows and exported to ONNX.

One a task, each with numbers and strings, nullable and not, so that tests of everything that loads
a bundle see what `package` would write.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.bundle import DataLineage, Golden, Interval, Manifest, answer, write
from components.runners import onnx_runner, raw_scores
from components.signature import Feature, Numbers, Output, Signature, Strings, tensors

Task = Literal["binary", "multiclass", "regression"]
ROWS = 300
CITIES = ("Bern", "Lyon", "Turin")
CLASSES: dict[str, tuple[Any, ...] | None] = {
    "binary": ("No", "Yes"),
    "multiclass": (0, 1, 2),
    "regression": None,
}
LABEL_DTYPE: dict[str, Literal["string", "int64"]] = {"binary": "string", "multiclass": "int64"}
SIGNATURE_INPUTS = (
    Feature(name="age", dtype="float32", nullable=False),
    Feature(name="income", dtype="float32", missing=("?", " ")),
    Feature(name="city", dtype="string", categories=CITIES, missing=("?",)),
    Feature(name="plan", dtype="string", nullable=False, categories=("basic", "plus")),
)
GOLDEN: tuple[dict[str, float | str | None], ...] = (
    {"age": 30.0, "income": 1500.0, "city": "Bern", "plan": "basic"},
    {"age": 61.5, "income": None, "city": "Lyon", "plan": "plus"},
    {"age": 44.0, "income": 9000.25, "city": None, "plan": "basic"},
    {"age": 18.0, "income": 300.0, "city": "Atlantis", "plan": "plus"},
)


@dataclass(frozen=True)
class Fitted:
    """A sealed bundle's folder, with the fitted pipeline it came from."""

    folder: Path
    manifest: Manifest
    pipeline: Any

    def scores(self, rows: tuple[dict[str, float | str | None], ...]) -> NDArray[np.float64]:
        """The pipeline's own probabilities or values."""
        return raw_scores(self.pipeline, *tensors(self.manifest.signature, rows))


def signature(task: Task) -> Signature:
    """The signature that all three tasks share, but for the outputs."""
    outputs: tuple[Output, ...] = (Output(name="prediction", dtype="float64"),)
    if task != "regression":
        label = Output(name="label", dtype=LABEL_DTYPE[task])
        outputs = (label, Output(name="probabilities", dtype="float32"))
    return Signature(inputs=SIGNATURE_INPUTS, outputs=outputs, ignored=("customerID", "email"))


def build(folder: Path, task: Task, *, name: str = "churn", shift: float = 0.0) -> Fitted:
    """Fits, exports and seals a bundle.

    Args:
        folder: where it goes; made.
        task: decides estimator, classes and outputs.
        name: the model's name.
        shift: moves the target, so that two versions answer differently.

    Returns:
        The bundle and its pipeline.
    """
    numbers, strings, signal = _data()
    pipeline = _fit(numbers, strings, signal + shift, task)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(_onnx(pipeline, task))
    (folder / "card.md").write_text("# churn\n", encoding="utf-8")
    (folder / "reference.json").write_text('{"format": 1, "features": {}}', encoding="utf-8")
    manifest = _manifest(task, name)
    run = onnx_runner(folder / "model.onnx")
    given = answer(manifest, run(*tensors(manifest.signature, GOLDEN)))
    golden = Golden(rows=GOLDEN)
    if given.labels is not None and given.probabilities is not None:
        probabilities = tuple(map(tuple, given.probabilities.tolist()))
        golden = Golden(rows=GOLDEN, labels=tuple(given.labels), probabilities=probabilities)
    elif given.values is not None:
        golden = Golden(rows=GOLDEN, predictions=tuple(given.values.tolist()))
    sealed = write(folder, manifest.model_copy(update={"golden": golden}))
    return Fitted(folder, sealed, pipeline)


def reseal(fitted: Fitted, folder: Path, **changes: Any) -> Path:
    """Copies a bundle with a changed manifest, its digests right again."""
    folder.mkdir(parents=True)
    for file in fitted.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    write(folder, fitted.manifest.model_copy(update=changes))
    return folder


def _data() -> tuple[Numbers, Strings, NDArray[np.float64]]:
    rng = np.random.default_rng(7)
    numbers = np.column_stack([rng.uniform(18, 80, ROWS), rng.uniform(200, 9000, ROWS)])
    signal = numbers[:, 0] / 40 + numbers[:, 1] / 6000
    numbers[rng.random(ROWS) < 0.1, 1] = np.nan
    strings = np.empty((ROWS, 2), dtype=object)
    strings[:, 0] = rng.choice(CITIES, ROWS)
    strings[:, 1] = rng.choice(["basic", "plus"], ROWS)
    signal = signal + (strings[:, 1] == "plus") * 0.5 + rng.normal(0, 0.1, ROWS)
    return numbers.astype(np.float32), strings, signal


def _fit(numbers: Numbers, strings: Strings, signal: NDArray[np.float64], task: Task) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.concat([pd.DataFrame(numbers), pd.DataFrame(strings)], axis=1)
    frame.columns = pd.RangeIndex(4)
    scaled = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())])
    encoded = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    features = ColumnTransformer([("n", scaled, [0, 1]), ("s", encoded, [2, 3])])
    if task == "regression":
        return Pipeline([("features", features), ("model", Ridge())]).fit(frame, signal * 100)
    edges = [2.3] if task == "binary" else [1.9, 2.7]
    target = np.digitize(signal, edges)
    return Pipeline([("features", features), ("model", LogisticRegression())]).fit(frame, target)


def _onnx(pipeline: Any, task: Task) -> bytes:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    inputs = [("numbers", FloatTensorType([None, 2])), ("strings", StringTensorType([None, 2]))]
    options = None if task == "regression" else {id(pipeline[-1]): {"zipmap": False}}
    model = convert_sklearn(pipeline, initial_types=inputs, options=options, target_opset=21)
    serialized: bytes = model.SerializeToString()
    return serialized


def _manifest(task: Task, name: str) -> Manifest:
    return Manifest(
        name=name,
        task=task,
        runtime="onnx",
        signature=signature(task),
        classes=CLASSES[task],
        threshold=0.5 if task == "binary" else None,
        golden=Golden(rows=()),
        data=DataLineage(rows=ROWS, columns=6, fingerprint="sha256:00"),
        spec={"name": name, "task": task},
        metrics={"test": {"accuracy": Interval(value=0.9, low=0.85, high=0.95)}},
        libraries={"scikit-learn": "1.9.1"},
        revision="test",
        run_id="run-1",
        trained_at="2026-11-20T12:00:00Z",
    )
