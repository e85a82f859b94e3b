"""Requests to what is near: whole answers only, and past any proxy."""

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from components.deploy import direct, model_server
from components.deploy.direct import fetch
from components.deploy.kserve.counters import scrape
from components.deploy.model_server import CallError
from tests.raw_server import answer, sending

CHUNK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
JSON = answer(b'{"predictions": [1.5]}')
METRICS = b'kubeloop_requests_total{code="200",model_name="churn"} 7\n'


def fetched(server: str) -> bytes:
    return fetch(Request(server), timeout_s=5)  # noqa: S310


@pytest.mark.parametrize("raw", [answer(b"hello"), CHUNK + b"0\r\n\r\n"], ids=["length", "chunks"])
def test_fetch_of_a_whole_answer_reads_it(raw: bytes) -> None:
    with sending(raw) as server:
        assert fetched(server) == b"hello"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (answer(b"hello", cut=3), r"no whole one in HTTP: IncompleteRead: .*3 bytes read, 2 more"),
        (CHUNK, "no whole one in HTTP: IncompleteRead"),
        (b"garbage\r\n\r\n", "no whole one in HTTP: BadStatusLine: garbage"),
        (b"", "no whole one in HTTP: RemoteDisconnected: Remote end closed connection"),
        (answer(bytes(16 * 1024 * 1024 + 1)), "has more than 16777216 bytes"),
    ],
    ids=["length", "chunks", "no-http", "nothing", "too-long"],
)
def test_fetch_of_half_an_answer_is_an_error_of_the_system(raw: bytes, said: str) -> None:
    with sending(raw) as server, pytest.raises(OSError, match=said):
        fetched(server)


def test_fetch_of_an_error_leaves_its_text_to_be_read() -> None:
    with sending(answer(b"no", status="503 Down")) as server, pytest.raises(HTTPError) as failed:
        fetched(server)
    assert (failed.value.code, failed.value.read()) == (503, b"no")


@pytest.mark.parametrize(
    ("raw", "ask"),
    [
        (JSON, lambda server: model_server.infer(server, "churn", [{"age": 30.0}])),
        (answer(METRICS), lambda server: [scrape(server, "churn").finished]),
    ],
    ids=["rows", "metrics"],
)
def test_what_is_near_is_asked_past_the_proxy_for_the_way_out(
    monkeypatch: pytest.MonkeyPatch, raw: bytes, ask: Callable[[str], list[float]]
) -> None:
    """The proxy would answer too, and no `no_proxy` names the server."""
    # Both keep what the environment said when they first opened an address.
    monkeypatch.setattr("urllib.request._opener", None)
    direct._opener.cache_clear()
    with sending(raw) as server, sending(answer(b"a stranger's")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert ask(server) in ([1.5], [7])


def test_call_of_an_error_that_is_cut_is_an_error_of_that_status() -> None:
    raw = answer(b'{"error": "the model failed"}', status="500 Failed", cut=4)
    with sending(raw) as server, pytest.raises(CallError, match="answered 500: ") as failed:
        model_server.call(f"{server}/v1/models/churn:predict", {"instances": []})
    assert failed.value.status == 500
    assert "its text could not be read: IncompleteRead" in str(failed.value)


@pytest.mark.parametrize(
    "raw", [answer(b'{"a": 1}', cut=4), b"garbage\r\n\r\n"], ids=["cut", "no-http"]
)
def test_call_of_half_an_answer_got_none(raw: bytes) -> None:
    said = r"POST http://.*/load got no answer: the answer is no whole one in HTTP"
    with sending(raw) as server, pytest.raises(CallError, match=said) as failed:
        model_server.call(f"{server}/load", {})
    assert failed.value.status == 0
