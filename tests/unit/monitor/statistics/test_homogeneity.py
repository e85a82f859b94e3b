from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from components.monitor.statistics.binning import Reference
from components.monitor.statistics.homogeneity import Difference, difference

Build = Callable[..., Reference]
COUNTS = st.lists(st.integers(0, 300), min_size=3, max_size=3)


def compare(known: Reference, live: list[int], against: list[int] | None = None) -> Difference:
    """Compares counts (a, b, c, other, unseen, missing)."""
    column = known.features[0]
    return difference(
        column, np.array(live), column.reference if against is None else np.array(against)
    )


@pytest.fixture
def letters(reference: Build) -> Reference:
    return reference({"t": ["a"] * 500 + ["b"] * 300 + ["c"] * 200})


def test_difference_of_common_cells_is_scipys_chi_squared(letters: Reference) -> None:
    found = compare(letters, [90, 70, 60, 0, 0, 0])
    wanted = stats.chi2_contingency([[90, 70, 60], [500, 300, 200]], correction=False).pvalue
    assert found.p_value == pytest.approx(wanted, rel=1e-9)


def test_difference_is_the_index_less_its_bias(letters: Reference) -> None:
    found = compare(letters, [90, 70, 60, 0, 0, 0])
    live = (np.array([90, 70, 60]) + 0.5) / 221.5
    other = (np.array([500, 300, 200]) + 0.5) / 1001.5
    index = ((live - other) * np.log(live / other)).sum()
    assert found.psi == pytest.approx(index - 2 * (1 / 220 + 1 / 1000))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(COUNTS)
def test_difference_of_a_sample_from_itself_is_none(letters: Reference, counts: list[int]) -> None:
    same = [*counts, 0, 0, 0]
    found = compare(letters, same, same)
    assert found.psi <= 0
    assert found.p_value >= 0.5


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(COUNTS, COUNTS)
def test_difference_does_not_ask_which_sample_comes_first(
    letters: Reference, first: list[int], second: list[int]
) -> None:
    one, other = [*first, 0, 0, 0], [*second, 0, 0, 0]
    found, turned = compare(letters, one, other), compare(letters, other, one)
    assert found.psi == pytest.approx(turned.psi, abs=1e-12)
    assert 0 <= found.p_value <= 1


def test_difference_of_nothing_is_none(letters: Reference) -> None:
    assert compare(letters, [0] * 6) == Difference(psi=0.0, p_value=1.0)
    assert compare(letters, [5, 3, 2, 0, 0, 0], [0] * 6) == Difference(psi=0.0, p_value=1.0)


def test_difference_of_an_unseen_category_is_fishers_exact_test(reference: Build) -> None:
    # 8 of 1000 where none of 10,000 was: too few for chi-squared, and no chance.
    known = reference({"t": ["a"] * 6000 + ["b"] * 4000})
    found = compare(known, [595, 397, 0, 8, 0])
    table = [[8, 992], [0, 10_000]]
    exact = stats.fisher_exact(table, alternative="greater").pvalue
    assert found.p_value == pytest.approx(2 * exact, rel=1e-6)
    assert found.p_value < 1e-6


def test_difference_of_a_few_rare_rows_more_is_chance(reference: Build) -> None:
    known = reference({"t": ["a"] * 6000 + ["b"] * 3995 + ["c"] * 5})
    found = compare(known, [600, 399, 1, 0, 0, 0])
    assert found.p_value > 0.5


def test_difference_of_missing_values_where_none_were_is_large(reference: Build) -> None:
    known = reference({"t": ["a"] * 6000 + ["b"] * 4000})
    found = compare(known, [540, 360, 0, 0, 100])
    assert found.p_value < 1e-50
    assert found.psi > 0.5


def test_difference_of_a_column_that_is_all_missing_now_is_large(reference: Build) -> None:
    known = reference({"t": ["a"] * 6000 + ["b"] * 4000})
    found = compare(known, [0, 0, 0, 0, 1000])
    assert found.p_value == 0.0
    assert found.psi > 5


def test_difference_of_a_constant_is_none(reference: Build) -> None:
    known = reference({"t": ["a"] * 1000})
    assert compare(known, [50, 0, 0, 0]).p_value == 1.0
    assert compare(known, [50, 0, 0, 0]).psi == 0.0


def test_difference_of_values_out_of_range_is_the_test_of_exceedances(reference: Build) -> None:
    # As many rows in every bin as the reference has, but 20 of the last are above its greatest.
    known = reference({"x": np.arange(1000.0)})
    column = known.features[0]
    live = np.array([0, *[100] * 9, 80, 20, 0])
    found = difference(column, live, column.reference)
    exact = stats.hypergeom.sf(19, 2000, 1000, 21)
    assert found.p_value == pytest.approx(2 * exact, rel=1e-6)
    assert found.p_value < 1e-4
    assert found.psi > 0.05


def test_difference_of_a_few_values_out_of_range_is_chance(reference: Build) -> None:
    known = reference({"x": np.arange(1000.0)})
    column = known.features[0]
    live = np.array([1, 99, *[100] * 8, 98, 2, 0])
    assert difference(column, live, column.reference).p_value > 0.5
