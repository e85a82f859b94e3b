"""When a candidate is put back for its errors or its latency."""

import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.counters import Tally
from components.deploy.kserve.judging import chance, chance_beside, judge, judge_hanging
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import Variant
from components.deploy.kserve.watching import Watch
from components.errors import DeployError
from components.spec.sections import Serve
from tests.kubernetes_api import Api

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
        (Tally(250, 100), Tally(25, 10)),
        (timed(10, 1000), timed(0, 1000)),
        (timed(1, 10), timed(0, 1000)),
        (timed(500, 1000), timed(600, 1000)),
    ],
    ids=[
        *("no-traffic", "as-many-errors-as-allowed", "one-error-of-few", "both-fail"),
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
        (Tally(40, 4), Tally(1000, 1), "failed 4 of 40 .* the stable version failed 1 of 1000"),
        (Tally(1000, 1000), Tally(1, 1), "the stable version failed 1 of 1"),
        (Tally(1000, 450), Tally(2, 1), "the stable version failed 1 of 2"),
        (Tally(1000, 400), Tally(1000, 200), "the stable version failed 200 of 1000"),
        (Tally(1000, 30), Tally(0, 0), "serve.max_error_ratio is 0.01"),
        (timed(40, 1000), timed(0, 1000), "took longer than serve.latency_ms, 50 ms, for 40 of"),
    ],
    ids=[
        "errors",
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


def test_candidate_that_finishes_nothing_it_takes_hangs() -> None:
    said = "version 2 of 'churn' hangs: it has 40 requests in flight and finished none in 60 s"
    with pytest.raises(DeployError, match=said):
        judge_hanging(Tally(), 40, 60, CANDIDATE)


@pytest.mark.parametrize(("finished", "in_flight"), [(0, 0), (0, 2), (1, 40)])
def test_candidate_that_is_at_a_few_or_finishes_some_does_not_hang(
    finished: int, in_flight: int
) -> None:
    judge_hanging(Tally(finished), in_flight, 60, CANDIDATE)


class Pods(ThreadingHTTPServer):
    """What pods show on /metrics, one text a reading; None is a 404. The last one stays."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Metrics)
        self.texts: list[str | None] = []


class _Metrics(BaseHTTPRequestHandler):
    server: Pods

    def do_GET(self) -> None:  # noqa: N802
        texts = self.server.texts
        text = texts.pop(0) if len(texts) > 1 else texts[0]
        body = (text or "").encode()
        self.send_response(404 if text is None else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def pods() -> Iterator[Pods]:
    server = Pods()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def metrics(good: int = 0, failed: int = 0, in_flight: int = 0) -> str:
    return (
        f'kubeloop_requests_total{{code="200",model_name="churn"}} {good}\n'
        f'kubeloop_requests_total{{code="500",model_name="churn"}} {failed}\n'
        f'kubeloop_requests_in_flight{{model_name="churn"}} {in_flight}\n'
    )


def put_pod(api: Api, pods: Pods, name: str) -> None:
    labels = dict(pair.split("=") for pair in CANDIDATE.selector.split(","))
    port = {"name": "http", "containerPort": pods.server_address[1]}
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"containers": [{"name": "kserve-container", "ports": [port]}]},
            "status": {
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
    )


def watch(check: Callable[[], None] = lambda: None) -> None:
    """Watches the candidate for two readings: at the beginning and at the end."""
    serve = Serve(max_error_ratio=0.01, latency_ms=50.0, watch_s=0)
    pace = Pace(sample_s=0.005, retry_s=0.01)
    Watch(connect(0.01), "default", serve, pace=pace, check=check).over(CANDIDATE, None, 50)


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
