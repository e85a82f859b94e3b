import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from components.candidate import load_pipeline, write_candidate
from components.examples import Examples
from components.package.onnx import PROBABILITY_TOLERANCE, Parity, compare, export
from components.runners import frame
from components.signature import Feature
from components.spec import CANDIDATES
from components.train.search import search
from components.transformers import Clip
from tests.packaging import SILENT, coded
from tests.tables import CLASSES, spec_of, write_part


def parity(examples: Examples, *steps: Any, path: Path, task: str = "binary") -> Parity:
    pipeline = Pipeline([(f"s{i}", step) for i, step in enumerate(steps)])
    pipeline.fit(frame(examples.numbers, examples.strings), examples.target)
    export(pipeline, examples.schema.signature, path)
    return compare(pipeline, path, examples, task)


def test_compare_of_a_faithful_export_is_within_tolerance(tmp_path: Path) -> None:
    found = parity(coded(tmp_path), SimpleImputer(), LogisticRegression(), path=tmp_path / "m.onnx")
    assert (found.rows, found.labels_differ, found.within) == (600, 0, True)
    assert found.difference < 1e-6


@pytest.mark.parametrize("kind", SILENT)
def test_compare_catches_what_converts_wrongly(kind: str, tmp_path: Path) -> None:
    task, steps = SILENT[kind]
    found = parity(coded(tmp_path, task), *steps, path=tmp_path / "m.onnx", task=task)
    assert not found.within


def test_compare_decides_labels_as_the_bundle_does(tmp_path: Path) -> None:
    """Two equal halves: exactly one half for every row, which is the positive class."""
    half = write_part(tmp_path, {"x": [0.0, 0.0, 0.0, 0.0]}, {}, [0, 1, 0, 1], ("No", "Yes"))
    found = parity(half, DecisionTreeClassifier(), path=tmp_path / "m.onnx")
    assert found == Parity(4, 0.0, 0, PROBABILITY_TOLERANCE, within=True)


def test_compare_counts_a_label_that_flips_at_one_half(tmp_path: Path) -> None:
    """A model of float64 thresholds just above and below one half is not within, however near."""
    rows = write_part(tmp_path, {"x": [0.0, 1.0]}, {}, [0, 1], ("No", "Yes"))

    class Near:
        def predict_proba(self, _: Any) -> np.ndarray:
            return np.array([[0.5 + 1e-9, 0.5 - 1e-9]] * 2)

    half = write_part(tmp_path / "h", {"x": [0.0, 0.0]}, {}, [0, 1], ("No", "Yes"))
    tree = Pipeline([("model", DecisionTreeClassifier())])
    tree.fit(frame(half.numbers, half.strings), half.target)
    export(tree, half.schema.signature, tmp_path / "m.onnx")
    found = compare(Near(), tmp_path / "m.onnx", rows, "binary")
    assert found.difference < 1e-8
    assert (found.labels_differ, found.within) == (2, False)


class Answers:
    """Stands in for a pipeline whose answers are known."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def predict(self, _: Any) -> np.ndarray:
        return self.values


def exported_line(folder: Path, scale: float, offset: float) -> tuple[Examples, np.ndarray]:
    """An exact line through 100 rows, exported, and its answers."""
    x = np.arange(100.0)
    rows = write_part(folder, {"x": x}, {}, x * scale + offset, None)
    line = Pipeline([("model", LinearRegression())])
    line.fit(frame(rows.numbers, rows.strings), rows.target)
    export(line, rows.schema.signature, folder / "m.onnx")
    return rows, line.predict(frame(rows.numbers, rows.strings))


@pytest.mark.parametrize(
    ("scale", "offset"), [(1.0, 0.0), (1e-9, 0.0), (1e9, 0.0), (1.0, 1000.0), (-1e6, 50e6)]
)
def test_compare_of_values_of_any_scale_holds_them_to_their_spread(
    scale: float, offset: float, tmp_path: Path
) -> None:
    rows, answers = exported_line(tmp_path, scale, offset)
    found = compare(Answers(answers), tmp_path / "m.onnx", rows, "regression")
    assert (found.rows, found.within) == (100, True)
    one_off = answers.copy()
    # A tenth of the step between two answers next to each other.
    one_off[50] += scale / 10
    found = compare(Answers(one_off), tmp_path / "m.onnx", rows, "regression")
    assert found.difference == pytest.approx(0.1 / 25, rel=0.1)
    assert not found.within


def test_compare_of_values_that_float32_cannot_tell_apart_is_not_within(tmp_path: Path) -> None:
    """A forest's answers around a million whose spread is 1: one in a million is all of it."""
    x = np.arange(500.0)
    target = np.random.default_rng(0).normal(size=500) + 1e6
    rows = write_part(tmp_path, {"x": x}, {}, target, None)
    forest = RandomForestRegressor(n_estimators=100, random_state=0)
    found = parity(rows, forest, path=tmp_path / "m.onnx", task="regression")
    assert not found.within


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_compare_of_a_value_that_is_no_number_is_not_within(odd: float, tmp_path: Path) -> None:
    rows, answers = exported_line(tmp_path, 1.0, 0.0)
    answers[3] = odd
    assert not compare(Answers(answers), tmp_path / "m.onnx", rows, "regression").within


def test_compare_of_one_answer_for_all_rows_grants_rounding_alone(tmp_path: Path) -> None:
    rows = write_part(tmp_path, {"x": [1.0, 2.0, 3.0]}, {}, [1 / 3] * 3, None)
    flat = Pipeline([("model", DecisionTreeRegressor())])
    flat.fit(frame(rows.numbers, rows.strings), rows.target)
    export(flat, rows.schema.signature, tmp_path / "m.onnx")
    assert compare(flat, tmp_path / "m.onnx", rows, "regression").within
    other = Answers(np.full(3, 1 / 3 + 1e-6))
    assert not compare(other, tmp_path / "m.onnx", rows, "regression").within


def test_compare_of_no_rows_proves_nothing(tmp_path: Path) -> None:
    rows, answers = exported_line(tmp_path, 1.0, 0.0)
    none = dataclasses.replace(rows, numbers=rows.numbers[:0], strings=rows.strings[:0])
    assert not compare(Answers(answers[:0]), tmp_path / "m.onnx", none, "regression").within


def test_export_of_text_alone_and_of_numbers_alone_has_one_input(tmp_path: Path) -> None:
    import onnxruntime
    from sklearn.preprocessing import OneHotEncoder

    texts = write_part(tmp_path / "s", {}, {"s": ["a", "b", "", "a"]}, [0, 1, 0, 1], ("n", "y"))
    encode = ColumnTransformer([("s", OneHotEncoder(sparse_output=False), [0])])
    path = tmp_path / "m.onnx"
    found = parity(texts, encode, LogisticRegression(), path=path)
    assert found.within
    assert [i.name for i in onnxruntime.InferenceSession(str(path)).get_inputs()] == ["strings"]


AWKWARD = [
    "it's",
    "It's",
    "IT'S",
    "naïve",
    "nai\u0308ve",
    "日本",
    "a b",
    " a b",
    "x\ny",
    '"q"',
    "0",
    "a\0b",
]
TASKS = [(task, name) for task in CANDIDATES for name in CANDIDATES[task]]


def awkward(folder: Path, task: str, rows: int, seed: int, unseen: bool = False) -> Examples:
    """Outliers, missing values, 60 and 12 categories that differ in case, space and script."""
    rng = np.random.default_rng(seed)
    x, wild = rng.normal(size=rows), rng.standard_cauchy(rows) * 1e3
    many = [f"{AWKWARD[i % 12]}{i // 12}" for i in rng.integers(0, 60, rows)]
    few = [AWKWARD[i] for i in rng.integers(0, 12, rows)]
    signal = x + np.array([hash_of(text) for text in many]) + rng.normal(0, 0.3, rows)
    signal += np.clip(wild, -500, 500) / 500
    x[rng.random(rows) < 0.1] = np.nan
    wild[rng.random(rows) < 0.1] = np.nan
    cells: list[str | None] = [
        None if gone else t for t, gone in zip(many, rng.random(rows) < 0.1, strict=True)
    ]
    if unseen:
        cells[:6] = ["never", "", "IT'S0 ", "it\u2019s0", "\U0001f600", "a\0"]
    target = (
        signal
        if task == "regression"
        else np.digitize(signal, [0.2, 1.0][: 1 + (task == "multiclass")])
    )
    return write_part(
        folder, {"x": x, "wild": wild}, {"many": cells, "few": few}, target, CLASSES[task]
    )


def hash_of(text: str) -> float:
    """Another effect for each text, whatever its case or script."""
    return (sum(ord(c) * (i + 1) for i, c in enumerate(text)) % 7) / 4 - 0.75


@pytest.mark.parametrize("balanced", ["none", "balanced"])
@pytest.mark.parametrize(("task", "candidate"), TASKS)
def test_export_of_clipped_and_target_encoded_features_is_faithful(
    task: str, candidate: str, balanced: str, tmp_path: Path
) -> None:
    train = awkward(tmp_path / "a", task, 1200, 1)
    held = awkward(tmp_path / "b", task, 700, 2, unseen=True)
    weights = balanced if task != "regression" else "none"
    features = {"clip": [0.05, 0.95], "target_encode_above": 20, "class_weight": weights}
    spec = spec_of(task, features=features, search={"trials": 1})
    pipeline, record = search(candidate, spec, (train, held))
    write_candidate(tmp_path / "c", pipeline, record)
    loaded = load_pipeline(tmp_path / "c")
    kinds = {type(step).__name__ for _, step in _steps(loaded)}
    assert {"Clip", "TargetEncoder", "OneHotEncoder"} <= kinds
    export(loaded, train.schema.signature, tmp_path / "m.onnx")
    for rows in (train, held):
        found = compare(pipeline, tmp_path / "m.onnx", rows, task)
        assert found.within, found


def _steps(pipeline: Any) -> Iterator[tuple[str, Any]]:
    for name, block, _ in pipeline.steps[0][1].transformers_:
        yield from block.steps if isinstance(block, Pipeline) else [(name, block)]


def test_export_of_a_missing_value_passes_the_clip(tmp_path: Path) -> None:
    x = [None, *(float(i) for i in range(99))]
    rows = write_part(tmp_path, {"x": x}, {}, [i % 2 for i in range(100)], ("n", "y"))
    boosting = HistGradientBoostingClassifier(min_samples_leaf=1, random_state=0)
    found = parity(rows, Clip([(0.2, 0.8)]), boosting, path=tmp_path / "m.onnx")
    assert found.within


def test_export_counts_the_numbers_of_dates(tmp_path: Path) -> None:
    import onnxruntime

    plain = coded(tmp_path)
    date = Feature(name="d", dtype="date", formats=("%Y",), parts=("year", "month"))
    signature = plain.schema.signature
    signature = signature.model_copy(update={"inputs": (*signature.inputs, date)})
    numbers = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    model = Pipeline([("model", LogisticRegression())])
    model.fit(frame(numbers, plain.strings), plain.target)
    export(model, signature, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert [i.shape[1] for i in session.get_inputs()] == [4]
