"""The proof of a version through its own Service, which follows its pods' readiness later."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.newcomer import Newcomer, prove_alone
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.site import site
from components.deploy.kserve.variants import Variant
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.rollouts import NAME, Bundles, build_bundles, spec

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


@contextmanager
def served(api: Api, bundles: Bundles, faults: list[int], *, shift: float = 0) -> Iterator[Service]:
    golden = bundles.fitted[1].manifest.golden
    given = zip(golden.rows, golden.predictions or (), strict=True)
    service = Service({json.dumps(row): float(one) + shift for row, one in given}, faults)
    thread = threading.Thread(target=service.serve_forever, args=(0.02,))
    thread.start()
    ports = [{"name": "http", "port": service.server_address[1]}]
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": VARIANT.service, "namespace": "default"},
            "spec": {"clusterIP": "127.0.0.1", "ports": ports},
        }
    )
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


def proved(bundles: Bundles, *, answer_s: float = 30) -> float:
    pace = Pace(poll_s=0.005, answer_s=answer_s, retry_s=0.01)
    manifest = bundles.fitted[1].manifest
    new = Newcomer(spec(), 1, {}, manifest, (), watched=False)
    with site(connect(0.01), "default", spec(), pace) as place:
        return prove_alone(place, new, VARIANT, [])


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
    assert service.asked > 1


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
