"""What pods have counted, added up over restarts and replacements."""

import math
import random

import pytest

from components.deploy.kserve.counters import Reading, read_metrics, scrape
from components.deploy.kserve.tally import Tally
from tests.raw_server import answer, sending

TEXT = """\
# HELP kubeloop_requests_total Inference requests by HTTP status.
# TYPE kubeloop_requests_total counter
kubeloop_requests_total{code="200",model_name="churn",model_version="3",protocol="v1"} 90.0
kubeloop_requests_total{code="200",model_name="churn",model_version="3",protocol="v2"} 5.0
kubeloop_requests_total{code="500",model_name="churn",model_version="3",protocol="v1"} 4.0
kubeloop_requests_total{code="422",model_name="churn",model_version="3",protocol="v1"} 1.0
kubeloop_requests_total{code="404",model_name="",model_version="",protocol="v1"} 7.0
kubeloop_request_duration_seconds_bucket{le="0.05",model_name="churn",protocol="v1"} 60.0
kubeloop_request_duration_seconds_bucket{le="0.1",model_name="churn",protocol="v1"} 95.0
kubeloop_request_duration_seconds_bucket{le="+Inf",model_name="churn",protocol="v1"} 100.0
kubeloop_request_duration_seconds_sum{model_name="churn",protocol="v1"} 6.5
kubeloop_requests_in_flight{model_name="churn",model_version="3"} 1.0
"""


def counted(**codes: float) -> Reading:
    return Reading(
        {("kubeloop_requests_total", code.removeprefix("c")): n for code, n in codes.items()}
    )


def test_read_metrics_counts_the_models_own_requests() -> None:
    tally = read_metrics(TEXT, "churn").since(None)
    assert (tally.requests, tally.failed) == (100, 4)
    assert tally.within == {0.05: 60, 0.1: 95, float("inf"): 100}


def test_since_counts_what_was_added() -> None:
    tally = counted(c200=150, c503=6).since(counted(c200=100, c503=1))
    assert (tally.requests, tally.failed) == (55, 5)


def test_since_a_restart_counts_from_nothing() -> None:
    tally = counted(c200=7, c500=2).since(counted(c200=100))
    assert (tally.requests, tally.failed) == (9, 2)


def test_since_an_earlier_reading_without_a_code_counts_it_whole() -> None:
    tally = counted(c200=100, c500=3).since(counted(c200=100))
    assert (tally.requests, tally.failed) == (3, 3)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.05, (40, 100)), (0.06, (5, 100)), (0.1, (5, 100)), (0.2, (0, 100))],
    ids=["on-a-bound", "between", "last-bound", "above-all"],
)
def test_slower_than_takes_the_next_bound_above(
    seconds: float, expected: tuple[float, float]
) -> None:
    tally = read_metrics(TEXT, "churn").since(None)
    assert tally.slower_than(seconds) == expected


def test_add_adds_pods_up() -> None:
    tally = Tally(10, 1, {0.1: 5}, 2.5, 1)
    tally.add(Tally(20, 2, {0.1: 7, 0.2: 9}, 1.5, 2))
    assert tally == Tally(30, 3, {0.1: 12, 0.2: 9}, 4.0, 3)


def above(*seconds: float, below: int = 0) -> Tally:
    """What was counted of requests above all bounds, and of some that took 5 s, the last bound."""
    total = len(seconds) + below
    within = {1.0: 0.0, 5.0: float(below), math.inf: float(total)}
    return Tally(total, 0, within, sum(seconds) + 5.0 * below)


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (above(9.0), 1),
        (above(9.0, 9.0, 9.0), 1),
        (above(60.0, 60.0, 60.0), 3),
        (above(60.0, 60.0, 6.0), 2),
        (above(60.0, 60.0, below=50), 2),
        (above(7.0, 7.0, 7.0), 0),
        (above(7.0, 7.0, 9.0), 0),
        (above(*[6.0] * 60), 0),
        (Tally(3, 0, {5.0: 0.0, math.inf: 3.0}, math.nextafter(24.0, 25.0)), 0),
        (above(below=50), 0),
        (Tally(), 0),
    ],
    ids=[
        *("one", "three-that-one-might-be", "three", "two-of-three", "beside-quick-ones"),
        *("within", "hidden-among-quick-ones", "far-within", "last-digits", "none", "nothing"),
    ],
)
def test_surely_slower_counts_what_cannot_be_otherwise(tally: Tally, expected: int) -> None:
    assert tally.surely_slower(8.0, 60.0) == expected


@pytest.mark.parametrize("seed", range(20))
def test_surely_slower_never_counts_more_than_there_are(seed: int) -> None:
    chosen = random.Random(seed)
    seconds = [chosen.choice([5.5, 7.9, 8.1, 20.0, 60.0]) for _ in range(chosen.randrange(1, 40))]
    tally = above(*seconds, below=chosen.randrange(100))
    slow = sum(one > 8.0 for one in seconds)
    assert tally.surely_slower(8.0, 60.0) <= slow
    assert tally.surely_slower(8.0, math.inf) <= min(1, slow)


def test_surely_slower_leaves_it_to_a_bound_that_is_as_high() -> None:
    assert above(60.0, 60.0).surely_slower(4.0, 60.0) == 0


def test_slower_than_above_all_bounds_is_what_is_known_beyond() -> None:
    tally = above(60.0, 60.0, below=8)
    tally.beyond = tally.surely_slower(8.0, 60.0)
    assert tally.slower_than(8.0) == (2, 10)
    assert tally.above_all() == 2


def test_read_metrics_reads_what_all_requests_took() -> None:
    assert read_metrics(TEXT, "churn").since(None).seconds == 6.5


def test_read_metrics_reads_what_is_in_flight() -> None:
    other = 'kubeloop_requests_in_flight{model_name="fares",model_version="3"} 7.0\n'
    assert read_metrics(TEXT + other, "churn").in_flight == 1


def test_since_a_reading_that_lacks_a_series_is_no_reading() -> None:
    """The next one would have it again, with all that was ever counted."""
    said = r"kubeloop_requests_total\{500\} was there before and is not any more \(1 series\)"
    with pytest.raises(ValueError, match=said):
        counted(c200=120).since(counted(c200=100, c500=3000))


def test_since_a_restart_that_has_not_all_series_again_counts_from_nothing() -> None:
    tally = counted(c200=7).since(counted(c200=100, c500=3000))
    assert (tally.requests, tally.failed) == (7, 0)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1.0", "many"])
def test_read_metrics_of_a_value_that_counts_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected a count|could not convert"):
        read_metrics(f'kubeloop_requests_total{{code="200",model_name="churn"}} {value}\n', "churn")


def test_read_metrics_of_a_text_that_ends_within_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="the text ends with .*model_version=.*: expected a whole"):
        read_metrics(TEXT[:-6], "churn")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (answer(TEXT.encode(), cut=TEXT.index("kubeloop_requests_in_flight")), "IncompleteRead"),
        (b"garbage\r\n\r\n", "BadStatusLine"),
        (answer(b"gone", status="404 Not Found"), "HTTP Error 404"),
    ],
    ids=["cut", "no-http", "not-found"],
)
def test_scrape_of_what_shows_no_metrics_is_an_error_of_the_system(raw: bytes, said: str) -> None:
    with sending(raw) as server, pytest.raises(OSError, match=rf"GET {server}/metrics: .*{said}"):
        scrape(server, "churn")
