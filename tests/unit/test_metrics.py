from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from components.bundle import answer
from components.metrics import measure, measure_all
from components.resampling import decide
from components.spec import METRICS
from tests.bundles import build

TARGET = np.array([0, 0, 1, 1, 1])
RAW = np.column_stack([1 - np.array([0.2, 0.6, 0.4, 0.7, 0.9]), [0.2, 0.6, 0.4, 0.7, 0.9]])


def test_measure_binary_gives_scikit_learns_figures() -> None:
    found = measure_all("binary", TARGET, RAW)
    chosen = [0, 1, 0, 1, 1]
    assert tuple(found) == METRICS["binary"]
    assert found["roc_auc"] == pytest.approx(5 / 6)
    assert found["accuracy"] == pytest.approx(0.6)
    assert found["f1"] == pytest.approx(sk.f1_score(TARGET, chosen))
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["brier"] == pytest.approx(np.mean((RAW[:, 1] - TARGET) ** 2))
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.4, 0.7, 0.9]).mean())


def test_measure_regression_errors_are_positive() -> None:
    found = measure_all("regression", np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))
    assert found["rmse"] == pytest.approx(3**0.5)
    assert (found["mae"], found["median_ae"]) == (1.0, 0.0)
    assert found["r2"] == pytest.approx(-3.5)


def test_measure_multiclass_of_two_classes_has_a_roc_auc() -> None:
    assert measure("roc_auc", "multiclass", TARGET, RAW) == pytest.approx(5 / 6)


def test_measure_without_one_class_is_undefined() -> None:
    assert np.isnan(measure("roc_auc", "binary", np.ones(5, dtype=int), RAW))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_measure_answers_that_are_not_finite_are_undefined(task: str) -> None:
    raw = RAW.copy() if task == "binary" else RAW[:, 1].copy()
    raw[2] = np.nan
    target = TARGET if task == "binary" else TARGET.astype(float)
    assert all(np.isnan(value) for value in measure_all(task, target, raw).values())


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5 - 2**-30, 0.5, 0.75, 1.0]), min_size=1))
def test_decide_binary_equals_the_bundles_answer(positive: list[float]) -> None:
    raw = np.column_stack([1 - np.array(positive), positive])
    given_labels = answer(MANIFESTS["binary"], raw).labels
    assert [("No", "Yes")[i] for i in decide("binary", raw)] == given_labels


def test_decide_multiclass_takes_the_first_of_equals() -> None:
    raw = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    assert decide("multiclass", raw).tolist() == [0, 1]
    assert answer(MANIFESTS["multiclass"], raw).labels == [0, 1]


@pytest.fixture(scope="module", autouse=True)
def _manifests(tmp_path_factory: pytest.TempPathFactory) -> None:
    root: Path = tmp_path_factory.mktemp("manifests")
    for task in ("binary", "multiclass"):
        MANIFESTS[task] = build(root / task, task).manifest


MANIFESTS = {}  # type: ignore[var-annotated]
