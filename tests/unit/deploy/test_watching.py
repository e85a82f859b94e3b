"""When a candidate is put back for its errors or its latency."""

import math

import pytest

from components.deploy.kserve.counters import Tally
from components.deploy.kserve.variants import Variant
from components.deploy.kserve.watching import chance, judge
from components.errors import DeployError
from components.spec.sections import Serve

CANDIDATE = Variant("churn", "v2", 2, 10)
SERVE = Serve(max_error_ratio=0.01, latency_ms=50.0)


def timed(slow: float, total: float) -> Tally:
    return Tally(total, 0, {0.05: total - slow, math.inf: total})


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [
        (Tally(0, 0), Tally(100, 0)),
        (Tally(1000, 10), Tally(1000, 0)),
        (Tally(20, 1), Tally(1000, 0)),
        (Tally(100, 30), Tally(100, 40)),
        (timed(10, 1000), timed(0, 1000)),
        (timed(1, 10), timed(0, 1000)),
        (timed(500, 1000), timed(600, 1000)),
    ],
    ids=[
        *("no-traffic", "as-many-errors-as-allowed", "one-error-of-few", "both-fail"),
        *("as-slow-as-allowed", "one-slow-of-few", "both-slow"),
    ],
)
def test_judge_of_a_candidate_within_bounds_lets_it_be(candidate: Tally, stable: Tally) -> None:
    judge(candidate, stable, SERVE, CANDIDATE)


@pytest.mark.parametrize(
    ("candidate", "stable", "said"),
    [
        (Tally(1000, 30), Tally(1000, 0), "version 2 of 'churn' failed 30 of 1000 requests"),
        (Tally(40, 4), Tally(1000, 1), "failed 4 of 40 .* the stable version failed 1 of 1000"),
        (Tally(1000, 30), Tally(0, 0), "serve.max_error_ratio is 0.01"),
        (timed(40, 1000), timed(0, 1000), "took longer than serve.latency_ms, 50 ms, for 40 of"),
    ],
    ids=["errors", "few-but-beyond-doubt", "stable-not-asked", "slow"],
)
def test_judge_of_a_candidate_beyond_bounds_says_by_how_much(
    candidate: Tally, stable: Tally, said: str
) -> None:
    with pytest.raises(DeployError, match=said):
        judge(candidate, stable, SERVE, CANDIDATE)


def test_judge_of_latency_above_all_buckets_says_nothing() -> None:
    slow = Tally(1000, 0, {0.05: 0, math.inf: 1000})
    judge(slow, Tally(), Serve(latency_ms=60.0), CANDIDATE)


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
