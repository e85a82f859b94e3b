import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluate.intervals import _interval, intervals
from components.metrics import measure_all


def scores(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    positive = generator.random(rows)
    target = (positive + generator.normal(0, 0.3, rows) > 0.5).astype(int)
    target[:2] = [0, 1]
    return target, np.column_stack([1 - positive, positive])


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 60), st.integers(0, 2**16))
def test_intervals_hold_the_value_and_every_metric(rows: int, seed: int) -> None:
    target, raw = scores(rows, seed)
    found = intervals("binary", target, raw, seed=7)
    assert {name: i.value for name, i in found.items()} == measure_all("binary", target, raw)
    assert all(i.low <= i.value <= i.high for i in found.values())


def test_intervals_of_one_seed_are_the_same_and_of_another_not() -> None:
    target, raw = scores(200, 0)
    found = [intervals("binary", target, raw, seed=seed) for seed in (7, 7, 8)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_intervals_of_accuracy_agree_with_the_binomial_deviation() -> None:
    target, raw = scores(2000, 3)
    accuracy = intervals("binary", target, raw, seed=7)["accuracy"]
    deviation = (accuracy.value * (1 - accuracy.value) / 2000) ** 0.5
    # Two hundred resamples know the width of an interval to a tenth or so.
    assert 0.8 < (accuracy.high - accuracy.low) / (2 * 1.96 * deviation) < 1.25


def test_intervals_leave_out_a_metric_that_is_undefined() -> None:
    found = intervals("regression", np.array([1.0]), np.array([2.0]), seed=7)
    assert sorted(found) == ["mae", "median_ae", "rmse"]


def test_intervals_of_answers_that_are_not_finite_are_none() -> None:
    assert intervals("regression", np.array([1.0, 2.0]), np.array([np.nan, 1.0]), seed=7) == {}


def test_interval_of_resamples_all_to_one_side_still_holds_the_value() -> None:
    assert _interval(0.5, [0.6, 0.7, float("nan")]).low == 0.5
    assert _interval(0.9, [0.6, 0.7]).high == 0.9
    assert _interval(0.5, [float("nan")]).model_dump() == {"value": 0.5, "low": 0.5, "high": 0.5}
