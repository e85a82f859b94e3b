"""One version under watch: which of its pods are read, and what is missed of them."""

from collections.abc import Iterator

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import PODS
from components.deploy.kserve.side import Side
from tests.kubernetes_api import Api
from tests.metered import CANDIDATE, Pods, metrics, put_pod, showing


@pytest.fixture
def pods() -> Iterator[Pods]:
    with showing() as server:
        yield server


def look(side: Side) -> None:
    side.look(connect(), "default")


def delete(api: Api, name: str) -> None:
    """Has a pod told to stop, and held by a finalizer, since there is no kubelet here to end it."""
    found = api.get("Pod", name, "default")
    assert found is not None
    found["metadata"]["finalizers"] = ["kubeloop/held"]
    api.put(found)
    connect().delete(PODS, "default", name, found["metadata"]["uid"])


@pytest.fixture
def side(kubernetes_api: Api, pods: Pods) -> Side:
    """A version with two pods that were read once."""
    for name in ("a", "b"):
        put_pod(kubernetes_api, pods, name)
    pods.texts = [metrics(100)]
    made = Side(CANDIDATE, 0.05)
    look(made)
    assert made.whole
    return made


def test_look_reads_a_pod_that_is_leaving_and_answers_still(
    kubernetes_api: Api, pods: Pods, side: Side
) -> None:
    delete(kubernetes_api, "b")
    pods.texts = [metrics(100), metrics(140, failed=2)]
    look(side)
    assert (side.tally.requests, side.tally.failed) == (42, 2)
    assert side.whole


def test_look_at_a_leaving_pod_that_answers_no_more_misses_it_and_blames_nobody(
    kubernetes_api: Api, pods: Pods, side: Side
) -> None:
    delete(kubernetes_api, "b")
    pods.texts = [metrics(100), None]
    look(side)
    assert side.unread == {}
    assert not side.whole


def test_look_at_a_ready_pod_that_does_not_answer_says_why(pods: Pods, side: Side) -> None:
    pods.texts = [metrics(100), None]
    look(side)
    (said,) = side.unread.values()
    assert said.startswith("b: GET http://127.0.0.1:")
    assert not side.whole


def test_look_at_a_ready_pod_that_never_answered_is_not_whole(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [None]
    side = Side(CANDIDATE, 0.05)
    look(side)
    assert not side.whole


def test_look_misses_a_pod_that_was_read_and_is_not_ready_any_more(
    kubernetes_api: Api, pods: Pods, side: Side
) -> None:
    put_pod(kubernetes_api, pods, "b", ready="False")
    look(side)
    assert (len(side.read), side.unread) == (1, {})
    assert not side.whole


def test_look_misses_no_pod_that_has_ended_and_stays_on_record(
    kubernetes_api: Api, pods: Pods, side: Side
) -> None:
    put_pod(kubernetes_api, pods, "b", ready="False", phase="Failed", reason="Evicted")
    look(side)
    assert len(side.read) == 1
    assert side.whole
    assert side.known


def test_look_that_reads_no_pod_is_whole_and_knows_nothing(kubernetes_api: Api, pods: Pods) -> None:
    put_pod(kubernetes_api, pods, "a", ready="False")
    side = Side(CANDIDATE, 0.05)
    look(side)
    assert side.whole
    assert not side.known


def timed(above: int) -> str:
    """Of so many requests each took 6 s, which is above the last bound of 5 s."""
    name = "kubeloop_request_duration_seconds"
    return (
        f'{name}_bucket{{le="5.0",model_name="churn"}} 0\n'
        f'{name}_bucket{{le="+Inf",model_name="churn"}} {above}\n'
        f'{name}_sum{{model_name="churn"}} {above * 6}\n'
    )


@pytest.mark.parametrize(("excuses", "expected"), [(True, 9), (False, 0)])
def test_look_in_doubt_whether_requests_were_slow_excuses_and_does_not_accuse(
    kubernetes_api: Api, pods: Pods, excuses: bool, expected: float
) -> None:
    """Each took longer than the last bound, and none of them provably longer than 8 s."""
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [timed(0), timed(9)]
    side = Side(CANDIDATE, 8.0, excuses=excuses)
    for _ in range(2):
        look(side)
    assert side.tally.slower_than(8.0) == (expected, 9)
