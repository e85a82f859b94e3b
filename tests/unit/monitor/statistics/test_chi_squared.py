import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from components.monitor.statistics.chi_squared import chi_squared_tail, hypergeometric_tail


@given(st.floats(0, 3000), st.integers(1, 1000))
def test_chi_squared_tail_equals_scipys(statistic: float, degrees: int) -> None:
    wanted = stats.chi2.sf(statistic, degrees)
    assert chi_squared_tail(statistic, degrees) == pytest.approx(wanted, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize(("statistic", "degrees"), [(60.0, 9), (500.0, 9), (1200.0, 103)])
def test_chi_squared_tail_of_the_least_probabilities_equals_scipys(
    statistic: float, degrees: int
) -> None:
    wanted = stats.chi2.sf(statistic, degrees)
    assert 0 < wanted < 1e-8
    assert chi_squared_tail(statistic, degrees) == pytest.approx(wanted, rel=1e-10)


def test_chi_squared_tail_at_the_ends_is_one_and_nothing() -> None:
    assert chi_squared_tail(0.0, 9) == 1.0
    assert chi_squared_tail(1e9, 9) == 0.0
    assert chi_squared_tail(1e6, 100_000) == 0.0
    assert chi_squared_tail(100_000.0, 100_000) == pytest.approx(0.4994, abs=1e-4)


@given(st.integers(0, 400), st.integers(1, 2000), st.integers(0, 400), st.integers(1, 200_000))
def test_hypergeometric_tail_equals_scipys(
    found: int, drawn: int, special: int, others: int
) -> None:
    drawn = min(drawn, special + others)
    wanted = stats.hypergeom.sf(found - 1, special + others, special, drawn)
    computed = hypergeometric_tail(found, drawn, special, others)
    assert computed == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_hypergeometric_tail_of_a_hand_of_cards_is_the_known_one() -> None:
    # At least one of 4 aces among 5 of 52 cards: 1 - C(48, 5) / C(52, 5).
    assert hypergeometric_tail(1, 5, 4, 48) == pytest.approx(0.341158, abs=1e-6)
    assert hypergeometric_tail(0, 5, 4, 48) == 1.0
    assert hypergeometric_tail(5, 5, 4, 48) == 0.0
