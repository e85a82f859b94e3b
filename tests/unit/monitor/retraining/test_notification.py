import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.errors import DeployError
from components.monitor.retraining.notification import CAPACITY, Notifier, Patience

QUICK = Patience(tries=3, pause=0.01, timeout=5)


class Receiver:
    """A chat system's webhook on loopback: answers with `statuses` in turn, the last for good."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.statuses = [200]
        self.came = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.came.release()
                # Before the answer, which is all that a sentence waits for.
                receiver.go_on.wait(60)
                left = receiver.statuses
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Location", receiver.address)
                self.end_headers()

            def do_GET(self) -> None:
                receiver.bodies.append("a redirect that was followed")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/services/T0/SECRET"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.go_on.set()
    made.server.shutdown()
    made.server.server_close()


class Counts:
    def __init__(self) -> None:
        self.counted: list[str] = []
        self.came = threading.Semaphore(0)

    def __call__(self, result: str) -> None:
        self.counted.append(result)
        self.came.release()


@pytest.fixture
def counts() -> Counts:
    return Counts()


def test_sentence_arrives_as_slack_takes_it(receiver: Receiver, counts: Counts) -> None:
    notifier = Notifier(receiver.address, count=counts, patience=QUICK)
    notifier.start()
    notifier.tell("AUC < 0.7 & falling")
    assert counts.came.acquire(timeout=10)
    notifier.close()
    assert receiver.bodies == [{"text": "AUC &lt; 0.7 &amp; falling"}]
    assert counts.counted == ["sent"]


def test_receiver_that_is_not_well_is_tried_again(receiver: Receiver, counts: Counts) -> None:
    receiver.statuses = [500, 429, 200]
    notifier = Notifier(receiver.address, count=counts, patience=QUICK)
    notifier.start()
    notifier.tell("a")
    assert counts.came.acquire(timeout=10)
    notifier.close()
    assert (len(receiver.bodies), counts.counted) == (3, ["sent"])


@pytest.mark.parametrize("status", [301, 404])
def test_refusal_is_not_repeated(receiver: Receiver, counts: Counts, status: int) -> None:
    receiver.statuses = [status]
    notifier = Notifier(receiver.address, count=counts, patience=QUICK)
    notifier.start()
    notifier.tell("a")
    assert counts.came.acquire(timeout=10)
    notifier.close()
    assert (len(receiver.bodies), counts.counted) == (1, ["failed"])


def test_address_stands_in_no_log(counts: Counts, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = f"http://127.0.0.1:{port}/services/SECRET"
    notifier = Notifier(secret, count=counts, patience=QUICK)
    notifier.start()
    notifier.tell("a")
    assert counts.came.acquire(timeout=10)
    notifier.close()
    assert counts.counted == ["failed"]
    assert "notification not sent: the receiver cannot be reached (Connection refused)" in (
        caplog.text
    )
    assert "SECRET" not in caplog.text
    assert str(port) not in caplog.text


def test_queue_that_is_full_drops_and_never_waits(receiver: Receiver, counts: Counts) -> None:
    receiver.go_on.clear()
    # It must not give up meanwhile, however long this thread has to wait for its turn.
    patience = Patience(tries=1, timeout=120)
    notifier = Notifier(receiver.address, count=counts, patience=patience)
    notifier.start()
    notifier.tell("first")
    assert receiver.came.acquire(timeout=10)
    for _ in range(CAPACITY + 7):
        notifier.tell("more")
    assert counts.counted.count("dropped") == 7
    receiver.go_on.set()
    notifier.close()


def test_without_an_address_nothing_is_sent(counts: Counts) -> None:
    notifier = Notifier("", count=counts)
    notifier.start()
    notifier.tell("a")
    notifier.close()
    assert counts.counted == []


@pytest.mark.parametrize(
    "address", ["SECRET", "ftp://host/SECRET", "https://user:SECRET@host/", "https://ho st/SECRET"]
)
def test_address_of_another_kind_is_refused_without_being_shown(
    address: str, counts: Counts
) -> None:
    with pytest.raises(DeployError, match="KUBELOOP_NOTIFY_URL holds no address") as refused:
        Notifier(address, count=counts)
    assert "SECRET" not in str(refused.value)
