"""The report of a run's end: what arrives, and what is said where it does not."""

import json
import logging
import re
import socket

import pytest

from components.notify.webhook import ADDRESS_VARIABLE, Notice, Patience, find_address, tell
from tests.unit.notify.conftest import Server

NOTICE = Notice.now("churn", "run-7", "kubeloop-training-x7k2p", "failed")
QUICK = Patience(tries=3, pause_s=0.01, timeout_s=2.0)


@pytest.mark.parametrize(
    ("given", "secret", "found"),
    [
        ("", "", ""),
        ("", "https://chat.example.org/hook\n", "https://chat.example.org/hook"),
        ("https://a.example.org/x ", "https://b.example.org", "https://a.example.org/x"),
        ("  ", "https://b.example.org", "https://b.example.org"),
    ],
    ids=["none", "secret", "both", "blank"],
)
def test_find_address_takes_the_argument_before_the_secret(
    monkeypatch: pytest.MonkeyPatch, given: str, secret: str, found: str
) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, secret)
    assert find_address(given) == found


def test_find_address_without_secret_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)
    assert find_address("") == ""


def test_tell_posts_one_document(server: Server) -> None:
    told = tell(f"{server.url}/hooks/secret", NOTICE, QUICK)
    assert (told.delivered, told.reason) == (True, "")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/hooks/secret")
    assert asked.headers["content-type"] == "application/json"
    document = json.loads(asked.body)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document.pop("time"))
    assert document == {
        "text": "Kubeloop: training run run-7 of churn failed",
        "model": "churn",
        "run": "run-7",
        "workflow": "kubeloop-training-x7k2p",
        "state": "failed",
    }


def test_tell_without_webhook_asks_nobody_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = tell("", NOTICE)
    assert (told.delivered, told.reason) == (False, "no webhook was given")
    assert caplog.records == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_tell_tries_again_where_the_receiver_is_not_well(server: Server, status: int) -> None:
    server.answers = [(status, b""), (status, b""), (204, b"")]
    assert tell(server.url, NOTICE, QUICK).delivered
    assert [asked.body for asked in server.asked] == [server.asked[0].body] * 3


def test_tell_gives_up_after_its_tries_and_says_so(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [(503, b"")]
    told = tell(f"{server.url}/hooks/secret", NOTICE, QUICK)
    assert (told.delivered, told.reason) == (False, "webhook at '127.0.0.1' answered 503")
    assert len(server.asked) == QUICK.tries
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "the end of run 'run-7' was not reported: webhook" in record.getMessage()


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_tell_does_not_insist_where_it_is_refused(server: Server, status: int) -> None:
    server.answers = [(status, b"no")]
    told = tell(server.url, NOTICE, QUICK)
    assert told.reason == f"webhook at '127.0.0.1' answered {status}"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_tell_follows_no_redirect(server: Server, status: int) -> None:
    server.answers = [(status, b"")]
    server.redirect = f"{server.url}/elsewhere"
    told = tell(server.url, NOTICE, QUICK)
    assert told.reason == f"webhook at '127.0.0.1' answered {status}"
    assert [asked.method for asked in server.asked] == ["POST"]


def test_tell_of_nobody_there_names_host_and_cause_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        told = tell(f"http://127.0.0.1:{port}/hooks/secret", NOTICE, QUICK)
    assert told.reason == "webhook at '127.0.0.1' cannot be reached (Connection refused)"
    assert "secret" not in caplog.text


def test_tell_of_a_receiver_that_never_answers_ends(server: Server) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        told = tell(url, NOTICE, Patience(tries=2, pause_s=0.01, timeout_s=0.1))
    assert told.reason.startswith("webhook at '127.0.0.1' cannot be reached (")


@pytest.mark.parametrize(
    ("webhook", "host"),
    [
        ("hooks.example.org/secret", ""),
        ("file:///etc/secret", ""),
        ("http:///secret", ""),
        ("http://[::1/secret", ""),
        ("http://host:secret/", "host"),
        ("http://user:secret@127.0.0.1:1/", ""),
        ("http://127.0.0.1:1/secret path", "127.0.0.1"),
    ],
    ids=["no scheme", "file", "no host", "bracket", "no port", "password", "blank"],
)
def test_tell_of_no_address_says_what_was_expected(
    webhook: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = tell(webhook, NOTICE, QUICK)
    assert not told.delivered
    said = "has no address that can be called: expected http://host/path or https://host/path"
    assert told.reason == f"webhook at {host!r} {said}"
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("state", "said"),
    [("succeeded", "succeeded"), ("failed", "failed"), ("unknown", "ended, and how is unknown")],
)
def test_notice_is_a_sentence(state: str, said: str) -> None:
    notice = Notice.now("churn", "run-7", "w", state)  # type: ignore[arg-type]
    assert notice.text == f"Kubeloop: training run run-7 of churn {said}"
