"""The exact tests by which a candidate is judged, held against their definitions."""

import math

import pytest

from components.deploy.kserve.chances import chance, chance_beside


@pytest.mark.parametrize("share", [0.01, 0.3])
@pytest.mark.parametrize(("events", "trials"), [(1, 1), (2, 2), (8, 20), (40, 40), (31, 60)])
def test_chance_is_the_sum_of_the_binomial_terms(events: int, trials: int, share: float) -> None:
    terms = (
        math.comb(trials, count) * share**count * (1 - share) ** (trials - count)
        for count in range(events, trials + 1)
    )
    assert chance(events, trials, share) == pytest.approx(sum(terms), rel=1e-6)


@pytest.mark.parametrize(
    ("events", "trials", "share", "expected"),
    [(0, 0, 0.01, 1), (0, 50, 0.0, 1), (1, 50, 0.0, 0), (5, 5, 1.0, 1), (10, 1000, 0.01, 1)],
)
def test_chance_at_the_edges(events: int, trials: int, share: float, expected: float) -> None:
    assert chance(events, trials, share) == expected


def test_chance_of_many_requests_does_not_overflow() -> None:
    assert 0 < chance(10_500, 1_000_000, 0.01) < 1e-5


@pytest.mark.parametrize(
    ("one", "other"),
    [((3, 4), (1, 4)), ((30, 60), (10, 50)), ((5, 5), (0, 9)), ((9, 10), (40, 90))],
)
def test_chance_beside_is_the_sum_of_the_hypergeometric_terms(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    both, trials = one[0] + other[0], one[1] + other[1]
    ways = (
        math.comb(one[1], count) * math.comb(other[1], both - count)
        for count in range(one[0], min(one[1], both) + 1)
    )
    assert chance_beside(one, other) == pytest.approx(sum(ways) / math.comb(trials, both), rel=1e-6)


@pytest.mark.parametrize(
    ("one", "other"), [((0, 0), (0, 0)), ((0, 9), (3, 9)), ((9, 9), (1, 1)), ((2, 10), (1, 5))]
)
def test_chance_beside_of_no_more_than_its_share_is_one(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert chance_beside(one, other) == 1


def test_chance_beside_of_many_requests_does_not_overflow() -> None:
    assert 0 < chance_beside((10_700, 1_000_000), (10_000, 1_000_000)) < 1e-5
