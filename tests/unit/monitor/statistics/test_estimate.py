import numpy as np
import pytest
from sklearn import metrics as sk

from components.metrics import measure_all
from components.monitor.statistics.estimate import estimate
from components.spec import METRICS


def calibrated(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    positive = generator.beta(0.7, 1.5, rows)
    return np.column_stack([1 - positive, positive]), (generator.random(rows) < positive).astype(
        int
    )


def test_estimate_of_right_probabilities_is_near_the_truth() -> None:
    raw, target = calibrated(20_000, 3)
    found, truth = estimate("binary", raw.tolist()), measure_all("binary", target, raw)
    assert sorted(found) == sorted(METRICS["binary"])
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, abs=0.02), name


def test_estimate_of_several_classes_is_near_the_truth() -> None:
    generator = np.random.default_rng(4)
    raw = generator.dirichlet([0.6, 0.9, 1.2], 8000)
    target = (generator.random((8000, 1)) > raw.cumsum(axis=1)).sum(axis=1)
    found, truth = estimate("multiclass", raw.tolist()), measure_all("multiclass", target, raw)
    assert sorted(found) == sorted(METRICS["multiclass"])
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, abs=0.02), name


def test_estimate_of_accuracy_is_the_mean_of_the_surest_class() -> None:
    raw = [[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]]
    assert estimate("binary", raw)["accuracy"] == pytest.approx((0.9 + 0.7 + 0.5) / 3)


def test_estimate_follows_a_shift_and_is_blind_to_a_change_of_concept() -> None:
    raw, target = calibrated(20_000, 5)
    hard = raw[np.abs(raw[:, 1] - 0.5) < 0.25]
    assert estimate("binary", hard.tolist())["roc_auc"] < 0.75
    # Labels turned round under the same probabilities: the estimate cannot know.
    assert sk.roc_auc_score(1 - target, raw[:, 1]) < 0.2
    assert estimate("binary", raw.tolist())["roc_auc"] > 0.8


def test_estimate_of_very_many_classes_takes_fewer_rows() -> None:
    generator = np.random.default_rng(6)
    raw = generator.dirichlet(np.ones(400), 300)
    found = estimate("multiclass", raw.tolist())
    # 8 million values are 50 rows of 400 classes, each row once a class.
    taken = raw[np.linspace(0, 299, 50).round().astype(int)]
    assert found["accuracy"] == pytest.approx(taken.max(axis=1).mean())


def test_estimate_of_a_regression_or_of_no_rows_is_none() -> None:
    assert estimate("regression", []) == {}
    assert estimate("binary", []) == {}


def test_estimate_of_certain_answers_leaves_out_what_is_undefined() -> None:
    found = estimate("binary", [[1.0, 0.0]] * 5)
    assert found["accuracy"] == 1.0
    assert "roc_auc" not in found
