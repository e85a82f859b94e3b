"""The proof of a version through its own Service, which follows its pods' readiness later."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.newcomer import Newcomer, prove_alone
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.site import site
from components.deploy.kserve.variants import Variant
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.rollouts import NAME, Bundles, build_bundles, spec
from tests.serving import wait_for

VARIANT = Variant(NAME, "v1", 1, 0)


class Service(ThreadingHTTPServer):
    """A version's Service: first the faults, 0 for a connection that is cut, then the answers."""

    def __init__(self, answers: dict[str, Any], faults: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.answers, self.faults, self.asked = answers, faults, 0


class _Asked(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        status = self.server.faults.pop(0) if self.server.faults else 200
        if not status:
            self.close_connection = True
            return
        given = [self.server.answers[json.dumps(row)] for row in json.loads(body)["instances"]]
        text = json.dumps({"predictions": given} if status == 200 else {"error": "x"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build_bundles(tmp_path_factory.mktemp("bundles"), (1,))


def answers_of(bundles: Bundles) -> dict[str, float]:
    golden = bundles.fitted[1].manifest.golden
    given = zip(golden.rows, golden.predictions or (), strict=True)
    return {json.dumps(row): float(one) for row, one in given}


@contextmanager
def served(
    api: Api, bundles: Bundles, faults: list[int], *, shift: float = 0, ip: str = "127.0.0.1"
) -> Iterator[Service]:
    answers = {row: one + shift for row, one in answers_of(bundles).items()}
    service = Service(answers, faults)
    thread = threading.Thread(target=service.serve_forever, args=(0.02,))
    thread.start()
    ports = [{"name": "http", "port": service.server_address[1]}]
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": VARIANT.service, "namespace": "default"},
            "spec": {"clusterIP": ip, "ports": ports},
        }
    )
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


def proved(
    bundles: Bundles, *, answer_s: float = 30, pods: Sequence[Any] = (), **serve: float
) -> float:
    pace = Pace(poll_s=0.005, answer_s=answer_s, retry_s=0.01)
    manifest = bundles.fitted[1].manifest
    new = Newcomer(spec(**serve), 1, {}, manifest, (), watched=False)
    api = connect(pace.patience)
    with Lease(api, "default", NAME, pace) as lease:
        place = site(api, lease, "default", spec(), pace=pace)
        return prove_alone(place, new, VARIANT, list(pods))


@pytest.mark.parametrize("fault", [0, 502, 503, 504])
def test_service_that_does_not_answer_yet_is_asked_again(
    kubernetes_api: Api, bundles: Bundles, fault: int
) -> None:
    with served(kubernetes_api, bundles, [fault] * 3) as service:
        assert proved(bundles) > 0
    assert service.asked == 3 + 1 + 5


def test_service_that_never_answers_is_given_up(kubernetes_api: Api, bundles: Bundles) -> None:
    with (
        served(kubernetes_api, bundles, [503] * 100_000) as service,
        pytest.raises(DeployError, match="answered 503"),
    ):
        proved(bundles, answer_s=0.05)
    # That it is asked again shows the test before; here a pause may use up all of the time.
    assert service.asked >= 1


def test_error_of_the_model_is_not_asked_for_again(kubernetes_api: Api, bundles: Bundles) -> None:
    with (
        served(kubernetes_api, bundles, [500]) as service,
        pytest.raises(DeployError, match="answered 500"),
    ):
        proved(bundles)
    assert service.asked == 1


def test_answers_that_differ_are_not_asked_for_again(kubernetes_api: Api, bundles: Bundles) -> None:
    with (
        served(kubernetes_api, bundles, [], shift=1) as service,
        pytest.raises(DeployError, match="golden rows .* differ"),
    ):
        proved(bundles)
    assert service.asked == 1


def put_behind_the_api_server(api: Api, *statuses: int) -> None:
    """Puts a Service that is reached from elsewhere alone, and what the API server refuses first.

    After that it says that nobody is behind the Service.
    """
    ports = [{"name": "http", "port": 9}]
    metadata = {"name": VARIANT.service, "namespace": "default"}
    address = {"clusterIP": "127.0.0.1", "ports": ports}
    api.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": address})
    for status in statuses:
        api.fail("create", "/proxy/", status=status)


def passed_on(api: Api) -> list[int]:
    """How the API server answered those requests that were to be passed on."""

    def statuses() -> list[int]:
        return [call.status for call in api.calls if call.subresource == "proxy"]

    # It notes the status of the last one after it has answered.
    assert wait_for(lambda: all(statuses()))
    return statuses()


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "Forbidden"), (404, "could not find the requested resource"), (401, "Unauthorized")],
    ids=["403", "404", "401"],
)
def test_api_server_that_lets_nothing_pass_is_asked_once(
    kubernetes_api: Api, bundles: Bundles, status: int, said: str
) -> None:
    put_behind_the_api_server(kubernetes_api, status)
    with pytest.raises(DeployError, match=f"cannot create services/proxy .*{said}"):
        proved(bundles)
    assert passed_on(kubernetes_api) == [status]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_api_server_that_does_not_reach_the_pods_yet_is_asked_again(
    kubernetes_api: Api, bundles: Bundles, status: int
) -> None:
    put_behind_the_api_server(kubernetes_api, status, status, 404)
    with pytest.raises(DeployError, match="could not find the requested resource"):
        proved(bundles)
    assert passed_on(kubernetes_api) == [status, status, 404]


def test_api_server_that_never_reaches_the_pods_is_not_asked_for_longer_than_anybody(
    kubernetes_api: Api, bundles: Bundles
) -> None:
    """Each try may take a dial's half a minute: nothing repeats it under the hand of who waits."""
    put_behind_the_api_server(kubernetes_api)
    with pytest.raises(DeployError, match="no endpoints available for service"):
        proved(bundles, answer_s=0.0)
    assert passed_on(kubernetes_api) == [503]


# What no answer over a network takes, in milliseconds.
NOTHING = 1e-6


def test_service_that_is_near_has_to_keep_the_latency_budget(
    kubernetes_api: Api, bundles: Bundles
) -> None:
    with (
        served(kubernetes_api, bundles, []),
        pytest.raises(DeployError, match="took .* ms for one row, the budget"),
    ):
        proved(bundles, latency_ms=NOTHING)


def test_way_through_the_api_server_is_no_version_s_latency(
    kubernetes_api: Api, bundles: Bundles
) -> None:
    put_behind_the_api_server(kubernetes_api)
    answers = answers_of(bundles)
    kubernetes_api.server.behind = lambda body: {
        "predictions": [answers[json.dumps(row)] for row in body["instances"]]
    }
    assert proved(bundles, latency_ms=NOTHING) > 0
    assert set(passed_on(kubernetes_api)) == {200}


def test_service_without_an_address_is_asked_at_its_pod(
    kubernetes_api: Api, bundles: Bundles
) -> None:
    with served(kubernetes_api, bundles, [], ip="None") as service:
        port = {"name": "http", "containerPort": service.server_address[1]}
        containers = [{"name": "kserve-container", "ports": [port]}]
        pod = {"spec": {"containers": containers}, "status": {"podIP": "127.0.0.1"}}
        assert proved(bundles, pods=[pod]) > 0
    assert service.asked > 1
    assert passed_on(kubernetes_api) == []
