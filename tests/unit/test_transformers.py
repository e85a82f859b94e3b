import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from components.transformers import Clip, Single

NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32).reshape(-1, 1)


@given(NUMBERS, NUMBERS)
def test_clip_keeps_any_value_between_the_quantiles_of_the_fitted_rows(
    fitted: list[float], later: list[float]
) -> None:
    clip = Clip([(0.1, 0.9)]).fit(column(fitted))
    found = clip.transform(column(later))
    low, high = np.quantile(column(fitted).astype(np.float64), [0.1, 0.9]).astype(np.float32)
    if low == high:
        assert (found == column(later)).all()
    else:
        assert (found == np.clip(column(later), low, high)).all()
    assert found.dtype == np.float32


def test_clip_passes_missing_values_and_takes_no_quantile_of_them() -> None:
    values = column([np.nan, *range(101), np.nan])
    clip = Clip([(0.05, 0.95)]).fit(values)
    assert (clip.lower_.tolist(), clip.upper_.tolist()) == ([5.0], [95.0])
    found = clip.transform(column([np.nan, -7.0, 50.0, 1000.0]))[:, 0]
    np.testing.assert_array_equal(found, np.array([np.nan, 5.0, 50.0, 95.0], dtype=np.float32))


def test_clip_leaves_a_rare_flag_and_what_is_not_asked() -> None:
    flag, other = [0.0] * 99 + [1.0], [float(i) for i in range(100)]
    values = np.array([flag, other], dtype=np.float32).T
    assert (Clip([(0.01, 0.98), None]).fit_transform(values) == values).all()


def test_clip_of_a_column_without_a_value_passes_all() -> None:
    clip = Clip([(0.1, 0.9)]).fit(column([np.nan, np.nan]))
    assert clip.transform(column([5.0])).tolist() == [[5.0]]


@pytest.mark.parametrize("step", [Clip([(0.1, 0.9), None]), Single()])
def test_step_clones_as_scikit_learn_expects(step: Clip | Single) -> None:
    assert clone(step).get_params() == step.get_params()


def test_single_gives_float32() -> None:
    found = Single().fit_transform(np.array([[0.1, np.nan]]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([[0.1, np.nan]], dtype=np.float32))
