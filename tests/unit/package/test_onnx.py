from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from components.examples import Examples
from components.package.onnx import Parity, compare, export
from components.runners import frame
from tests.tables import write_part

ISOTONIC = CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2)


def coded(folder: Path, task: str = "binary") -> Examples:
    """A number that is a category's code without order, with gaps, and one that is a size."""
    rng = np.random.default_rng(2)
    code = rng.integers(0, 12, 600).astype(float)
    size = rng.normal(size=600)
    odd = (np.isin(code, [1, 4, 7, 9, 11]) | (size > 1)) ^ (rng.random(600) < 0.05)
    code[rng.random(600) < 0.2] = np.nan
    classes = None if task == "regression" else ("No", "Yes")
    target = odd * 5.0 + 1 if task == "regression" else odd.astype(int)
    return write_part(folder, {"code": code, "size": size}, {}, target, classes)


def parity(examples: Examples, *steps: Any, path: Path, task: str = "binary") -> Parity:
    pipeline = Pipeline([(f"s{i}", step) for i, step in enumerate(steps)])
    pipeline.fit(frame(examples.numbers, examples.strings), examples.target)
    export(pipeline, examples.schema.signature, path)
    return compare(pipeline, path, examples, task)


def test_compare_of_a_faithful_export_is_within_tolerance(tmp_path: Path) -> None:
    found = parity(coded(tmp_path), SimpleImputer(), LogisticRegression(), path=tmp_path / "m.onnx")
    assert (found.rows, found.labels_differ, found.within) == (600, 0, True)
    assert found.difference < 1e-6


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        ("binary", [HistGradientBoostingClassifier(categorical_features=[0])]),
        ("regression", [HistGradientBoostingRegressor(loss="poisson")]),
        ("regression", [HistGradientBoostingRegressor(loss="gamma")]),
        ("binary", [SimpleImputer(add_indicator=True), LogisticRegression()]),
        ("binary", [SimpleImputer(), ISOTONIC]),
    ],
    ids=["categorical_features", "poisson", "gamma", "add_indicator", "isotonic"],
)
def test_compare_catches_what_converts_wrongly(task: str, steps: list[Any], tmp_path: Path) -> None:
    found = parity(coded(tmp_path, task), *steps, path=tmp_path / "m.onnx", task=task)
    assert not found.within


def test_compare_decides_labels_as_the_bundle_does(tmp_path: Path) -> None:
    """Two equal halves: exactly one half for every row, which is the positive class."""
    half = write_part(tmp_path, {"x": [0.0, 0.0, 0.0, 0.0]}, {}, [0, 1, 0, 1], ("No", "Yes"))
    from sklearn.tree import DecisionTreeClassifier

    found = parity(half, DecisionTreeClassifier(), path=tmp_path / "m.onnx")
    assert found == Parity(rows=4, difference=0.0, labels_differ=0, within=True)


def test_compare_counts_a_label_that_flips_at_one_half(tmp_path: Path) -> None:
    """A model of float64 thresholds just above and below one half is not within, however near."""
    rows = write_part(tmp_path, {"x": [0.0, 1.0]}, {}, [0, 1], ("No", "Yes"))

    class Near:
        def predict_proba(self, _: Any) -> np.ndarray:
            return np.array([[0.5 + 1e-9, 0.5 - 1e-9]] * 2)

    half = write_part(tmp_path / "h", {"x": [0.0, 0.0]}, {}, [0, 1], ("No", "Yes"))
    from sklearn.tree import DecisionTreeClassifier

    tree = Pipeline([("model", DecisionTreeClassifier())])
    tree.fit(frame(half.numbers, half.strings), half.target)
    export(tree, half.schema.signature, tmp_path / "m.onnx")
    found = compare(Near(), tmp_path / "m.onnx", rows, "binary")
    assert found.difference < 1e-8
    assert (found.labels_differ, found.within) == (2, False)


def test_export_of_text_alone_and_of_numbers_alone_has_one_input(tmp_path: Path) -> None:
    import onnxruntime
    from sklearn.preprocessing import OneHotEncoder

    texts = write_part(tmp_path / "s", {}, {"s": ["a", "b", "", "a"]}, [0, 1, 0, 1], ("n", "y"))
    encode = ColumnTransformer([("s", OneHotEncoder(sparse_output=False), [0])])
    path = tmp_path / "m.onnx"
    found = parity(texts, encode, LogisticRegression(), path=path)
    assert found.within
    assert [i.name for i in onnxruntime.InferenceSession(str(path)).get_inputs()] == ["strings"]
