import socket
import threading
from collections.abc import Iterator

import pytest

from pipelines.watch import Watch
from tests.web import Answer, Web

JSON = {"Content-Type": "application/json"}


class Monitor(Web):
    """What is taken for a monitor."""

    answer: Answer = (200, JSON, b'{"verdicts": {}}')

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return self.answer


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    server = Monitor()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, b"<!doctype html><title>Log in</title>"), "answers what no monitor does"),
        ((200, {}, b'{"verdicts": {"1"'), "answers what no monitor does"),
        ((200, {}, b'{"verdicts": {"1": {"drift-rows": {}}}}'), "answers what no monitor does"),
        ((200, {}, b'["verdicts"]'), "answers what no monitor does"),
        ((200, {}, b'{"alerts": 7}'), "answers what no monitor does"),
        ((200, {}, b"\xff"), "answers what no monitor does"),
        ((200, {"Content-Length": "999"}, b"{"), "answers what no monitor does"),
        ((404, {"Content-Type": "text/html"}, b"<p>secret"), "answered 404: is it a monitor?"),
        ((503, JSON, b'{"error": "secret"}'), "answered 503: is it a monitor?"),
        ((302, {"Location": "/"}, b""), "answered 302: is it a monitor?"),
        ((301, {"Location": "https://monitor.invalid/"}, b""), "nobody knows its host"),
    ],
    ids=[
        *("page", "half", "other", "list", "number", "bytes", "short", "not-found", "away"),
        *("circle", "elsewhere"),
    ],
)
def test_lines_of_what_is_no_monitor_is_one_that_says_so(
    monitor: Monitor, answer: Answer, said: str
) -> None:
    monitor.answer = answer
    (line,) = Watch(monitor.url).lines("churn")
    assert line.startswith(f"the monitor at {monitor.url} ")
    assert line.endswith(said)
    assert "secret" not in line


def test_lines_of_a_model_that_the_monitor_does_not_know_are_none(monitor: Monitor) -> None:
    monitor.answer = 404, JSON, b'{"error": "no version of this model is registered"}'
    assert Watch(monitor.url).lines("churn") == []
    assert monitor.asked[0][:2] == ("GET", "/v1/models/churn")


@pytest.mark.parametrize(
    "spoken", [b"", b"220 mail.example.org ESMTP\r\n", b"HTTP/1.1 200 OK\r\n"], ids=len
)
def test_lines_of_a_server_that_speaks_no_http_is_one_that_says_so(spoken: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(spoken)

        thread = threading.Thread(target=speak)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        (line,) = Watch(address).lines("churn")
        thread.join()
    assert line.startswith(f"the monitor at {address} ")
    assert line.endswith(("speaks no HTTP", "answers what no monitor does"))


def test_lines_where_nobody_is_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert Watch(address).lines("churn") == [
            f"the monitor at {address} cannot be asked: Connection refused"
        ]


def test_monitor_that_cannot_be_asked_of_one_model_is_asked_of_no_other(monitor: Monitor) -> None:
    monitor.answer = 301, {"Location": "https://monitor.invalid/"}, b""
    watch = Watch(monitor.url)
    assert watch.lines("churn") == watch.lines("other")
    assert [path for _, path, _ in monitor.asked] == ["/v1/models/churn"]
    known = Watch(monitor.url)
    monitor.answer = 404, {"Content-Type": "text/html"}, b""
    assert known.lines("churn") == known.lines("other")
    assert len(monitor.asked) == 3
