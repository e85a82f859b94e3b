import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.metrics import measure_all
from components.resampling import resampled
from components.spec import METRICS

# Few distinct scores: ties, and probabilities of exactly one half, 0 and 1.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
SEEDS = st.integers(0, 2**16)


def same(task: str, target: np.ndarray, raw: np.ndarray, seed: int) -> None:
    chosen = np.random.default_rng(seed).integers(0, len(target), len(target))
    counts = np.bincount(chosen, minlength=len(target)).astype(np.float64)
    found = resampled(task, target, raw)(counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = measure_all(task, target[chosen], raw[chosen])
    assert sorted(found) == sorted(METRICS[task])
    for name, value in wanted.items():
        # scikit-learn calls r2 of equal targets 0 or 1; such a resample is left out instead.
        if name == "r2" and len(set(target[chosen])) == 1:
            assert np.isnan(found[name])
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=2, max_size=30), SEEDS)
def test_resampled_binary_equals_scikit_learn_on_the_drawn_rows(
    rows: list[tuple[int, float]], seed: int
) -> None:
    positive = np.array([score for _, score in rows])
    raw = np.column_stack([1 - positive, positive])
    same("binary", np.array([label for label, _ in rows]), raw, seed)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 5), st.integers(2, 40), SEEDS)
def test_resampled_multiclass_equals_scikit_learn_on_the_drawn_rows(
    classes: int, rows: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    raw = generator.integers(1, 4, (rows, classes)).astype(float)
    raw /= raw.sum(axis=1, keepdims=True)
    same("multiclass", generator.integers(0, classes, rows), raw, seed)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=30), SEEDS)
def test_resampled_regression_equals_scikit_learn_on_the_drawn_rows(
    rows: list[tuple[int, int]], seed: int
) -> None:
    pairs = np.array(rows, dtype=float)
    same("regression", pairs[:, 0], pairs[:, 1], seed)
