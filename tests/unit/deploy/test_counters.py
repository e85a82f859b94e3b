"""What pods have counted, added up over restarts and replacements."""

import pytest

from components.deploy.kserve.counters import Reading, Tally, read_metrics

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
    [(0.05, (40, 100)), (0.06, (5, 100)), (0.1, (5, 100)), (0.2, (0, 0))],
    ids=["on-a-bound", "between", "last-bound", "above-all"],
)
def test_slower_than_takes_the_next_bound_above(
    seconds: float, expected: tuple[float, float]
) -> None:
    tally = read_metrics(TEXT, "churn").since(None)
    assert tally.slower_than(seconds) == expected


def test_add_adds_pods_up() -> None:
    tally = Tally(10, 1, {0.1: 5})
    tally.add(Tally(20, 2, {0.1: 7, 0.2: 9}))
    assert tally == Tally(30, 3, {0.1: 12, 0.2: 9})


def test_read_metrics_reads_what_is_in_flight() -> None:
    other = 'kubeloop_requests_in_flight{model_name="fares",model_version="3"} 7.0\n'
    assert read_metrics(TEXT + other, "churn").in_flight == 1
