"""What is read of a candidate under traffic: pods that come, go, and stop answering."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.watching import Watch
from components.errors import DeployError
from components.spec.sections import Serve
from tests.kubernetes_api import Api
from tests.metered import CANDIDATE, STABLE, Pods, metrics, put_pod, showing


@pytest.fixture
def pods() -> Iterator[Pods]:
    with showing() as server:
        yield server


@pytest.fixture
def others() -> Iterator[Pods]:
    with showing() as server:
        yield server


def watch(check: Callable[[], None] = lambda: None, known: Iterable[dict[str, Any]] = ()) -> None:
    """Watches the candidate for two readings: at the beginning and at the end."""
    serve = Serve(max_error_ratio=0.01, latency_ms=50.0, watch_s=0)
    pace = Pace(sample_s=0.005, retry_s=0.01)
    one = Watch(connect(pace.patience), "default", serve, pace=pace, check=check)
    one.know(list(known))
    one.over(CANDIDATE, None, 50)


def test_readings_that_stop_are_no_lack_of_traffic(kubernetes_api: Api, pods: Pods) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(100), None]
    with pytest.raises(DeployError, match="cannot be watched: a: GET .*/metrics: HTTP Error 404"):
        watch()


def test_reading_that_fails_at_the_end_is_tried_again(kubernetes_api: Api, pods: Pods) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(100), None, None, metrics(100, failed=50)]
    with pytest.raises(DeployError, match="failed 50 of 50 requests"):
        watch()


def test_candidate_whose_requests_all_hang_is_refused(kubernetes_api: Api, pods: Pods) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(4), metrics(4, in_flight=30)]
    with pytest.raises(DeployError, match="hangs: it has 30 requests in flight and finished none"):
        watch()


@pytest.mark.parametrize(
    ("server", "said"),
    [(False, r"pods that answered are not ready any more \(1\): pod 'b' is not ready"), (True, "")],
    ids=["server", "node"],
)
def test_pod_whose_server_is_lost_is_not_passed_over_for_the_others(
    kubernetes_api: Api, pods: Pods, server: bool, said: str
) -> None:
    for name in ("a", "b"):
        put_pod(kubernetes_api, pods, name)
    pods.texts = [metrics(100)]

    def lose() -> None:
        put_pod(kubernetes_api, pods, "b", ready="False", server=server)

    if not said:
        watch(lose)
        return
    with pytest.raises(DeployError, match=said):
        watch(lose)


SAID = r"pod 'b': container 'kserve-container' crashed and began anew \(exit code 139, Error\)"


def test_pod_that_began_anew_in_the_watch_is_not_passed_over_for_being_ready(
    kubernetes_api: Api, pods: Pods
) -> None:
    for name in ("a", "b"):
        put_pod(kubernetes_api, pods, name)
    pods.texts = [metrics(100)]
    with pytest.raises(DeployError, match=f"did not stand the traffic: {SAID}"):
        watch(lambda: put_pod(kubernetes_api, pods, "b", restarts=1))


def test_pod_that_began_anew_between_its_proof_and_the_first_look_did_not_stand_the_traffic(
    kubernetes_api: Api, pods: Pods
) -> None:
    for name in ("a", "b"):
        put_pod(kubernetes_api, pods, name)
    known = kubernetes_api.list("Pod")
    put_pod(kubernetes_api, pods, "b", restarts=1)
    pods.texts = [metrics(100)]
    with pytest.raises(DeployError, match=SAID):
        watch(known=known)


def test_pod_that_began_anew_before_its_proof_stands_the_traffic(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a", restarts=2)
    known = kubernetes_api.list("Pod")
    put_pod(kubernetes_api, pods, "b", restarts=1)
    pods.texts = [metrics(100)]
    watch(known=known)


FETCHED = {
    "name": "storage-initializer",
    "restartCount": 1,
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}


def test_pod_that_comes_and_whose_bundle_is_fetched_at_the_second_try_is_no_crash(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(100)]

    def come() -> None:
        new: dict[str, Any] = {"initContainerStatuses": [FETCHED], "containerStatuses": []}
        put_pod(kubernetes_api, pods, "b", ready="False", **new)

    watch(come)


def test_pod_whose_server_begins_anew_counts_from_when_it_was_first_ready(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    serve = Serve(max_error_ratio=0.01, latency_ms=50.0, watch_s=0)
    one = Watch(connect(), "default", serve, pace=Pace(), check=lambda: None)
    one.know(kubernetes_api.list("Pod"))
    for restarts, ready in ((0, "False"), (1, "False"), (2, "True"), (2, "False"), (2, "True")):
        put_pod(kubernetes_api, pods, "b", ready=ready, restarts=restarts)
        one.stand(CANDIDATE)
    put_pod(kubernetes_api, pods, "b", restarts=3)
    with pytest.raises(DeployError, match=SAID):
        one.stand(CANDIDATE)


def test_candidate_whose_pods_are_gone_did_not_stand_the_traffic(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(100)]
    with pytest.raises(DeployError, match="KServe has made no Deployment 'churn-v2-predictor' yet"):
        watch(lambda: kubernetes_api.remove("Pod", "a", "default"))


def test_pod_that_is_unread_at_first_is_not_counted_with_its_whole_life(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [None, metrics(100, failed=100)]
    watch()


def test_pod_that_came_since_is_counted_with_its_whole_life(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    # The first pod's reading is the one of the beginning; after it both have the same.
    pods.texts = [metrics(100, failed=100)]
    with pytest.raises(DeployError, match="failed 100 of 200 requests"):
        watch(lambda: put_pod(kubernetes_api, pods, "b"))


@pytest.mark.parametrize(
    ("beside", "said"),
    [(metrics(900), "hangs: of 44 requests"), (None, "")],
    ids=["read", "unread"],
)
def test_requests_in_flight_accuse_only_beside_a_stable_version_that_was_read(
    kubernetes_api: Api, pods: Pods, others: Pods, beside: str | None, said: str
) -> None:
    put_pod(kubernetes_api, pods, "a")
    put_pod(kubernetes_api, others, "b", of=STABLE)
    pods.texts = [metrics(100, in_flight=40), metrics(104, in_flight=40)]
    others.texts = [beside]
    serve = Serve(max_error_ratio=0.01, latency_ms=5.0, watch_s=0.1)
    pace = Pace(sample_s=0.05, retry_s=0.01)
    one = Watch(connect(pace.patience), "default", serve, pace=pace, check=lambda: None)
    if not said:
        one.over(CANDIDATE, STABLE, 10)
        return
    with pytest.raises(DeployError, match=said):
        one.over(CANDIDATE, STABLE, 10)


def test_pod_that_shows_half_of_its_metrics_is_tried_again_and_not_counted_with_its_whole_life(
    kubernetes_api: Api, pods: Pods
) -> None:
    put_pod(kubernetes_api, pods, "a")
    whole = metrics(100_000, failed=3000)
    half = whole[: whole.index('kubeloop_requests_total{code="500"')]
    cut = f"HTTP/1.1 200 OK\r\ncontent-length: {len(whole)}\r\n\r\n{half}".encode()
    pods.texts = [whole, cut, half, whole]
    watch()
    assert pods.texts == [whole]


def test_pod_whose_metrics_are_no_http_cannot_be_watched(kubernetes_api: Api, pods: Pods) -> None:
    put_pod(kubernetes_api, pods, "a")
    pods.texts = [metrics(1), b"garbage\r\n\r\n"]
    with pytest.raises(DeployError, match="cannot be watched: a: GET .*BadStatusLine: garbage"):
        watch()
