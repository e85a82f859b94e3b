"""The demonstration's client against small real servers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.errors import DeployError
from pipelines.demonstration.observation import Observation
from pipelines.demonstration.stream import Stream
from pipelines.demonstration.transactions import TARGET, Transactions

METRICS = """\
# HELP kubeloop_model_info The served model.
# TYPE kubeloop_model_info gauge
kubeloop_model_info{model_name="card-fraud",model_version="3",task="binary"} 1
kubeloop_model_info{model_name="other",model_version="9",task="binary"} 1
"""


class Double(ThreadingHTTPServer):
    """Server and monitor in one: keeps what comes and answers with a given status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.predicted: list[tuple[str, dict[str, Any]]] = []
        self.labels: list[dict[str, str]] = []
        self.status = {"predict": 200, "feedback": 200}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Double
    protocol_version = "HTTP/1.1"
    # Head and body at once: the client's kernel would wait between them.
    wbufsize = -1

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/feedback":
            self.server.labels += body
            self._answer(self.server.status["feedback"], b'{"error": "full"}')
        else:
            assert self.path == "/v1/models/card-fraud:predict"
            self.server.predicted.append((self.headers["Ce-Id"], body["instances"][0]))
            self._answer(self.server.status["predict"], b'{"predictions": ["no"]}')

    def do_GET(self) -> None:  # noqa: N802
        self._answer(200, METRICS.encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the tests look at what was kept."""


@pytest.fixture
def double() -> Iterator[Double]:
    server = Double()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def stream(double: Double, delay: int = 10, rate: float = 100.0) -> Stream:
    transactions = Transactions(7, 100)
    return Stream(transactions, double.url, double.url, "card-fraud", rate, delay, 40)


def test_send_until_sends_each_row_once_and_never_its_truth(double: Double) -> None:
    sent = stream(double)
    assert not sent.send_until(lambda: False, 25)
    assert [row["transaction"] for _, row in double.predicted] == [
        f"t{number:07d}" for number in range(40, 65)
    ]
    assert not any(TARGET in row for _, row in double.predicted)
    assert (sent.next, sent.failed) == (65, 0)


def test_send_until_tells_the_truth_of_rows_that_are_old_enough(double: Double) -> None:
    stream(double, delay=10).send_until(lambda: False, 25)
    expected = [row[TARGET] for row in Transactions(7, 100).rows(40, 16)]
    assert [label["label"] for label in double.labels] == expected
    requests = [request for request, _ in double.predicted]
    assert [label["id"] for label in double.labels] == [f"{r}:0" for r in requests[:16]]


def test_send_until_ends_once_it_has_come_about(double: Double) -> None:
    sent = stream(double, rate=20.0)
    assert sent.send_until(lambda: len(double.predicted) >= 30, 10**6)
    assert len(double.predicted) == 40


def test_send_until_counts_requests_without_a_prediction(double: Double) -> None:
    double.status["predict"] = 503
    sent = stream(double)
    sent.send_until(lambda: False, 5)
    assert sent.failed == 5


def test_send_until_labels_refused_says_what_the_monitor_said(double: Double) -> None:
    double.status["feedback"] = 503
    with pytest.raises(DeployError, match=r"did not take 15 labels: .*full"):
        stream(double, delay=1).send_until(lambda: False, 15)


def test_look_reads_the_served_version_of_this_model_alone(double: Double) -> None:
    observation = Observation(double.url, double.url, "card-fraud")
    moment = observation.look(rows=12)
    assert (moment.served, moment.rows) == (3, 12)
    assert observation.moments == [moment]
