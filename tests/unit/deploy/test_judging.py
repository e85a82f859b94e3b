"""When a candidate is put back for its errors, its latency or what it leaves unfinished."""

import math
import random
from dataclasses import replace

import pytest

from components.deploy.kserve.counters import Reading
from components.deploy.kserve.judging import judge, judge_hanging, judge_unfinished
from components.deploy.kserve.tally import Tally
from components.deploy.kserve.unfinished import Looks, Unfinished
from components.deploy.kserve.variants import Variant
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
        # By chance alone 34 in 10,000 versions that just keep to the spec show as many.
        (Tally(100, 5), Tally(100, 0)),
        (Tally(100, 30), Tally(100, 40)),
        (Tally(250, 100), Tally(25, 10)),
        (timed(10, 1000), timed(0, 1000)),
        (timed(1, 10), timed(0, 1000)),
        (timed(500, 1000), timed(600, 1000)),
    ],
    ids=[
        *("no-traffic", "as-many-errors-as-allowed", "one-error-of-few", "chance", "both-fail"),
        "both-fail-the-stable-one-was-asked-little",
        *("as-slow-as-allowed", "one-slow-of-few", "both-slow"),
    ],
)
def test_judge_of_a_candidate_within_bounds_lets_it_be(candidate: Tally, stable: Tally) -> None:
    judge(candidate, stable, SERVE, CANDIDATE)


@pytest.mark.parametrize(
    ("candidate", "stable", "said"),
    [
        (Tally(1000, 30), Tally(1000, 0), "version 2 of 'churn' failed 30 of 1000 requests"),
        # And 5 in 10,000 as many as these.
        (Tally(100, 6), Tally(100, 0), "failed 6 of 100 requests"),
        (Tally(40, 4), Tally(1000, 1), "failed 4 of 40 .* the stable version failed 1 of 1000"),
        (Tally(1000, 1000), Tally(1, 1), "the stable version failed 1 of 1"),
        (Tally(1000, 450), Tally(2, 1), "the stable version failed 1 of 2"),
        (Tally(1000, 400), Tally(1000, 200), "the stable version failed 200 of 1000"),
        (Tally(1000, 30), Tally(0, 0), "serve.max_error_ratio is 0.01"),
        (timed(40, 1000), timed(0, 1000), "took longer than serve.latency_ms, 50 ms, for 40 of"),
    ],
    ids=[
        "errors",
        "just-beyond-chance",
        "few-but-beyond-doubt",
        "one-is-no-excuse",
        "half-of-two",
        "worse",
        "stable-not-asked",
        "slow",
    ],
)
def test_judge_of_a_candidate_beyond_bounds_says_by_how_much(
    candidate: Tally, stable: Tally, said: str
) -> None:
    with pytest.raises(DeployError, match=said):
        judge(candidate, stable, SERVE, CANDIDATE)


STRICT = Serve(max_error_ratio=0.0, latency_ms=50.0)


@pytest.mark.parametrize(
    "stable", [Tally(1000, 0), Tally(1000, 1), Tally(1, 1), Tally()], ids=["0", "1", "all", "none"]
)
@pytest.mark.parametrize("failed", [1, 5])
def test_judge_where_no_request_may_fail_needs_more_than_one_failed_beside_to_excuse(
    stable: Tally, failed: int
) -> None:
    with pytest.raises(DeployError, match=rf"failed {failed} of 1000 .*max_error_ratio is 0; "):
        judge(Tally(1000, failed), stable, STRICT, CANDIDATE)


def test_judge_where_no_request_may_fail_holds_what_fails_for_both_against_neither() -> None:
    judge(Tally(1000, 5), Tally(1000, 4), STRICT, CANDIDATE)
    with pytest.raises(DeployError, match="the stable version failed 4 of 1000"):
        judge(Tally(1000, 50), Tally(1000, 4), STRICT, CANDIDATE)


def test_judge_of_latency_above_all_buckets_says_nothing() -> None:
    slow = Tally(1000, 0, {0.05: 0, math.inf: 1000})
    judge(slow, Tally(), Serve(latency_ms=60.0), CANDIDATE)


def test_candidate_that_finishes_nothing_it_takes_hangs() -> None:
    said = "version 2 of 'churn' hangs: it has 40 requests in flight and finished none in 60 s"
    with pytest.raises(DeployError, match=said):
        judge_hanging(Tally(), 40, 60, CANDIDATE)


@pytest.mark.parametrize(("finished", "in_flight"), [(0, 0), (0, 2), (1, 40)])
def test_candidate_that_is_at_a_few_or_finishes_some_does_not_hang(
    finished: int, in_flight: int
) -> None:
    judge_hanging(Tally(finished), in_flight, 60, CANDIDATE)


def held(lasting: float, newer: float = 0, *, finished: float, for_s: float = 5.0) -> Unfinished:
    """A version with one pod, by two readings between which it finishes nothing."""
    looks = Looks()
    for at, flying in ((0.0, lasting), (for_s, lasting + newer)):
        counted = {("kubeloop_requests_total", "200"): finished}
        looks.add(Reading(counted, flying, at, at), longest_s=for_s)
    return Unfinished((looks,), finished)


NOBODY = Unfinished((), 0)


@pytest.mark.parametrize(
    ("candidate", "stable", "percent"),
    [
        (held(0, finished=0), held(0, finished=1000), 10),
        (held(1, finished=10), held(0, finished=1000), 10),
        (held(0, 40, finished=100), held(0, finished=1000), 10),
        (held(40, finished=1000), held(360, finished=9000), 10),
        (held(40, finished=1000), held(0, 360, finished=90_000), 10),
        (held(9, finished=1000), held(0, finished=9000), 10),
        (held(40, finished=1000), NOBODY, 100),
        (held(40, finished=1000, for_s=0.04), held(0, finished=1000), 10),
        (held(2, finished=2, for_s=60), NOBODY, 100),
        (held(9, finished=1000, for_s=60), NOBODY, 100),
    ],
    ids=[
        *("no-traffic", "one-of-few", "new-ones", "clients-of-both-send-slowly"),
        *("in-doubt-the-stable-one-excuses", "as-slow-as-allowed", "nobody-beside"),
        *("within-latency", "two-for-long", "as-many-for-long-as-allowed"),
    ],
)
def test_judge_unfinished_of_what_may_be_the_clients_fault_lets_it_be(
    candidate: Unfinished, stable: Unfinished, percent: int
) -> None:
    judge_unfinished(candidate, stable, SERVE, replace(CANDIDATE, percent=percent))


@pytest.mark.parametrize(
    ("candidate", "stable", "percent", "said"),
    [
        (held(40, 7, finished=1000), held(99, finished=9000), 10, "of 1047 requests 40 or more"),
        (held(6, finished=10), held(0, finished=100), 10, "after 0.05 s; of the stable version's"),
        (held(40, finished=1000), held(9, finished=1000), 50, "1009 there are 9 in flight"),
        (held(40, finished=1000, for_s=60), NOBODY, 100, "40 or more .* after 45 s"),
    ],
    ids=["more-than-its-share", "few-but-beyond-doubt", "at-half", "nobody-beside"],
)
def test_judge_unfinished_of_a_candidate_that_hangs_says_how_many(
    candidate: Unfinished, stable: Unfinished, percent: int, said: str
) -> None:
    with pytest.raises(DeployError, match=f"version 2 of 'churn' hangs: .*{said}"):
        judge_unfinished(candidate, stable, SERVE, replace(CANDIDATE, percent=percent))


@pytest.mark.parametrize("seed", range(10))
def test_judge_unfinished_of_a_candidate_that_is_like_the_stable_one_lets_it_be(seed: int) -> None:
    """Half of the clients send for seconds; others ask the stable version's Service alone."""
    chosen = random.Random(seed)
    flying = [chosen.random() < 0.1 for _ in range(500)]
    mine, others = sum(flying), len(flying) - sum(flying)
    candidate, stable = held(mine, finished=mine), held(others, finished=others + 100_000)
    judge_unfinished(candidate, stable, SERVE, CANDIDATE)
