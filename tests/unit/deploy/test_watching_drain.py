"""How long is waited for a version without a share of the traffic to be asked nothing."""

from collections.abc import Iterator

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.watching import Watch
from components.spec.sections import Serve
from tests.kubernetes_api import Api
from tests.metered import CANDIDATE, Pods, metrics, put_pod, showing


@pytest.fixture
def pods() -> Iterator[Pods]:
    with showing() as server:
        yield server


def drain(drain_s: float) -> int:
    """Has the candidate drained; returns how often it was looked at after the first time."""
    serve = Serve(max_error_ratio=0.01, latency_ms=50.0, watch_s=0)
    pace, checks = Pace(sample_s=0.005, drain_s=drain_s, retry_s=0.01), list[int]()
    watch = Watch(
        connect(pace.patience), "default", serve, pace=pace, check=lambda: checks.append(1)
    )
    watch.drain(CANDIDATE)
    return len(checks)


@pytest.mark.parametrize(
    ("texts", "looks"),
    [
        ([metrics(100)], 1),
        ([metrics(100), metrics(101), metrics(102), metrics(102)], 3),
        ([None, None, metrics(100), metrics(100)], 3),
        ([metrics(100), None, metrics(101), metrics(101)], 3),
    ],
    ids=["asked-nothing", "asked-for-a-while", "unread-at-first", "unread-between"],
)
def test_drain_ends_once_two_readings_show_that_nothing_is_asked(
    kubernetes_api: Api, pods: Pods, texts: list[str | bytes | None], looks: int
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = texts
    assert drain(60) == looks


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "HTTP Error 404"), (b"garbage\r\n\r\n", "BadStatusLine: garbage")],
    ids=["not-found", "no-http"],
)
def test_drain_of_pods_that_cannot_be_read_waits_it_out_and_raises_nothing(
    kubernetes_api: Api,
    pods: Pods,
    caplog: pytest.LogCaptureFixture,
    text: bytes | None,
    said: str,
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [text]
    drain(0.05)
    assert "version=2 may still be asked: a: GET " in caplog.text
    assert said in caplog.text


def test_drain_of_pods_that_have_all_ended_has_nothing_to_wait_for(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a", ready="False", phase="Failed")
    assert drain(60) == 1
