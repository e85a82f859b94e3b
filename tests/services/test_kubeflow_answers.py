"""What the commands say where something else answers than Kubeflow Pipelines, or half of it."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.spec import parse
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError, UnavailableError
from pipelines.kubeflow.log import last_words
from pipelines.kubeflow.patience import Patience, Waiting
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import follow_run, get_run
from pipelines.run_parameters import find_addresses
from pipelines.schedule import create_schedule, delete_schedule, list_schedules
from pipelines.submission import Submission
from pipelines.submit import submit_run
from tests.pipelines.laptop import SPEC, Laptop
from tests.web import Answer, Web

REMOTE = SPEC.replace("rows.csv", "s3://bucket/rows.csv")
HEALTHY: Answer = (200, {}, b'{"apiServerReady": true}')
FOREIGN = "answered what no Kubeflow Pipelines does: it is something else, or a login stands before"
HALF = "ended its answer in the middle"
LOGIN = "it sends on, as a login does: give --token-file FILE"


class Foreign(Web):
    """Answers alike to everything; to the question for its health well, where that is told."""

    def __init__(self) -> None:
        self.answer: Answer = HEALTHY
        self.is_healthy = False
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return HEALTHY if self.is_healthy and "healthz" in path else self.answer


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    server = Foreign()
    yield server
    server.close()


class Slow(Web):
    """Answers nothing before it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.go_on.wait(60)
        return 200, {}, b'{"apiServerReady": true, "run_id": "run-0"}'


def submission(address: str) -> Submission:
    return Submission(Place(address), find_addresses("", "", ""))


DEEDS: dict[str, Callable[[str], object]] = {
    "submit": lambda host: submit_run(parse(REMOTE), submission(host), wait=False),
    "schedule": lambda host: create_schedule(parse(REMOTE), submission(host), "@daily"),
    "list": lambda host: list_schedules(Place(host)),
    "delete": lambda host: delete_schedule(Place(host), "visits"),
}
PAGE = b"<!doctype html><title>SECRET</title>"
ANSWERS: dict[str, tuple[Answer, str]] = {
    "page": ((200, {}, PAGE), FOREIGN),
    "large-page": ((200, {}, PAGE + b" " * (32 << 20)), FOREIGN),
    "list": ((200, {}, b"[1]"), FOREIGN),
    "nothing": ((200, {}, b""), FOREIGN),
    "bytes": ((200, {}, b'{"pipeline_id": "\xff"}'), FOREIGN),
    "zipped": ((200, {"Content-Encoding": "gzip"}, b"SECRET"), FOREIGN),
    "half": ((200, {}, b'{"pipeline_id": "SECR'), HALF),
    "short": ((200, {"Content-Length": "99"}, b'{"a": 1'), "ended the connection before it had"),
    "other": (
        (302, {"Location": "https://u:SECRET@dex.invalid/?s=SECRET"}, b""),
        "it sends on to https://dex.invalid: name that by --host",
    ),
    "circle": ((302, {"Location": "/login"}, b""), LOGIN),
    "nowhere": ((302, {}, b""), LOGIN),
    "odd": ((302, {"Location": "https://[SECRET"}, b""), FOREIGN),
    "gateway": ((502, {}, PAGE), "502: what stands before it got no answer from it: try again"),
    "broken": ((500, {}, b'{"error": {"SECRET": 1}}'), "500: it fails and does not say why"),
    "lines": ((500, {}, b'{"message": "one\\u001b[2J\\ntwo"}'), "it said: one [2J two"),
    "long": ((500, {}, b"x" * 9000), f"{'x' * 299}…"),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("is_healthy", [False, True], ids=["first", "later"])
def test_answer_that_is_none_of_kubeflow_is_a_sentence(
    foreign: Foreign, deed: str, name: str, is_healthy: bool
) -> None:
    foreign.answer, said = ANSWERS[name]
    foreign.is_healthy = is_healthy
    with pytest.raises(KubeflowError) as raised:
        DEEDS[deed](foreign.url)
    told = str(raised.value)
    assert told.startswith("cannot reach Kubeflow" if not is_healthy else "cannot find the pipel")
    assert f"{foreign.url} " in told
    assert said in told
    assert "SECR" not in told
    assert told.isprintable()
    # Nobody is asked again, and nobody elsewhere.
    assert len(foreign.asked) == 1 + is_healthy


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "names none; is it Kubeflow Pipelines 2?"),
        (b'{"run_id": "run-0", "created_at": "SECRET"}', FOREIGN),
        (b'{"run_id": "run-0", "run_details": {"task_details": 7}}', FOREIGN),
        (b'{"run_id": "run-0", "state_history": [{"update_time": 7}]}', FOREIGN),
    ],
    ids=["empty", "date", "number", "inner"],
)
def test_run_of_another_shape_is_none(foreign: Foreign, body: bytes, said: str) -> None:
    kubeflow = Kubeflow(Place(foreign.url))
    foreign.answer = 200, {}, body
    with pytest.raises(KubeflowError, match="cannot follow the run run-0") as raised:
        get_run(kubeflow, "run-0")
    assert said in str(raised.value)
    assert "SECRET" not in str(raised.value)


def test_list_of_another_shape_is_none(foreign: Foreign) -> None:
    foreign.is_healthy = True
    foreign.answer = 200, {}, b'{"pipeline_id": "p1", "recurringRuns": 7}'
    with pytest.raises(KubeflowError, match=f"cannot list schedules: .*{FOREIGN}"):
        list_schedules(Place(foreign.url))


def test_wait_goes_on_after_half_an_answer(foreign: Foreign) -> None:
    kubeflow = Kubeflow(Place(foreign.url))
    foreign.answer = 200, {}, b'{"run_id": "run-0", "state": "SUCC'
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        foreign.answer = 200, {}, b'{"run_id": "run-0", "state": "SUCCEEDED"}'

    assert follow_run(kubeflow, "run-0", lambda *_: None, say).state == "SUCCEEDED"
    assert len(said) == 1
    assert HALF in said[0]


def test_run_of_which_it_is_not_known_whether_it_was_made_is_said_to_be(foreign: Foreign) -> None:
    """The server made it, perhaps, and was gone before it had answered."""
    found = {
        **{"pipeline_id": "p1", "pipeline_versions": [{"pipeline_version_id": "v1"}]},
        "experiments": [{"experiment_id": "e1"}],
    }
    foreign.is_healthy = True
    foreign.answer = 200, {}, json.dumps(found).encode()
    gone: Answer = (503, {}, b"")

    class Gone(Foreign):
        def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
            if path.endswith("/runs") and method == "POST":
                foreign.is_healthy = False
            if not foreign.is_healthy:
                return gone
            return foreign.respond(method, path, headers, body)

    server = Gone()
    try:
        with pytest.raises(
            UnavailableError, match="cannot create the run '2.*answered 503"
        ) as told:
            DEEDS["submit"](server.url)
    finally:
        server.close()
    assert "whether it was made is not known, for it cannot be looked for either" in str(told.value)
    assert [method for method, path, _ in server.asked if "/runs" in path] == ["POST", "GET"]


def test_log_that_is_a_page_is_none(foreign: Foreign) -> None:
    kubeflow = Kubeflow(Place(foreign.url))
    tasks = [{"display_name": "deploy", "pod_name": "pod", "state": "FAILED"}]
    run = {"run_id": "run-0", "run_details": {"task_details": tasks}}
    foreign.answer = 200, {}, json.dumps(run).encode()
    found = get_run(kubeflow, "run-0")
    foreign.answer = 200, {}, b"ValueError: no"
    assert last_words(kubeflow, found, "deploy") == ["ValueError: no"]
    foreign.answer = 200, {}, PAGE
    assert last_words(kubeflow, found, "deploy") == []


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes requests and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_server_that_is_silent_is_a_sentence(silent: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        Kubeflow(Place(silent), Patience(first_s=0.3))
    assert str(raised.value) == (
        f"cannot reach Kubeflow Pipelines: {silent} does not answer in time: try again later"
    )


def test_first_answer_is_not_waited_for_as_long_as_the_others() -> None:
    slow = Slow()
    try:
        # Whoever waits as long as for any other gets this server's answer, and sees no failure.
        with pytest.raises(UnavailableError, match="does not answer in time"):
            Kubeflow(Place(slow.url), Patience(first_s=0.3, answer_s=3600))
    finally:
        slow.go_on.set()
        slow.close()


def end_timers() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)
            assert not thread.is_alive()


def test_what_takes_long_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting("http://h", 0)
    for what in ("follow the run 1", "follow the run 1", "follow the run 2"):
        with waiting.over(what):
            end_timers()
    told = "".join(f"still waiting for http://h: follow the run {n}\n" for n in (1, 2))
    assert capsys.readouterr() == ("", told)


def test_what_is_answered_at_once_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Waiting("http://h", 3600).over("follow the run 1"):
        pass
    end_timers()
    assert capsys.readouterr() == ("", "")


def test_first_question_and_every_other_is_told_where_it_takes_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = Slow()

    def told_while(act: Callable[[], object]) -> str:
        slow.go_on.clear()
        said, end = "", time.monotonic() + 60
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(act)
            while not said and time.monotonic() < end:
                time.sleep(0.01)
                said += capsys.readouterr().err
            slow.go_on.set()
            done.result()
        return said + capsys.readouterr().err

    try:
        first = told_while(lambda: Kubeflow(Place(slow.url), Patience(told_s=0.1)))
        kubeflow = Kubeflow(Place(slow.url), Patience(told_s=0.1))
        capsys.readouterr()
        second = told_while(lambda: get_run(kubeflow, "run-0"))
    finally:
        slow.close()
    assert first == f"still waiting for {slow.url}: reach Kubeflow Pipelines\n"
    assert second == f"still waiting for {slow.url}: follow the run run-0\n"


def test_command_before_a_silent_server_ends_at_once_when_interrupted(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(REMOTE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = Laptop(tmp_path).start("submit", "spec.yaml", "--host", host, "--wait")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1000).startswith(b"GET /apis/v2beta1/healthz")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    # Before it, where this machine was slow, that it waits.
    assert (process.returncode, out, err.splitlines()[-1:]) == (130, "", ["kubeloop: interrupted"])


@pytest.mark.parametrize(
    "arguments",
    [("submit", "spec.yaml", "--wait"), ("schedule", "--delete", "visits")],
    ids=["submit", "delete"],
)
def test_command_before_a_login_is_status_1_and_a_sentence(
    foreign: Foreign, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "spec.yaml").write_text(REMOTE, encoding="utf-8")
    (tmp_path / "token").write_text("SECRET", encoding="utf-8")
    foreign.answer = ANSWERS["other"][0]
    host = ("--host", foreign.url, "--token-file", "token")
    done = Laptop(tmp_path).run(*arguments, *host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kubeloop: cannot reach Kubeflow Pipelines: ")
    assert done.stderr.count("\n") == 1
    assert "SECRET" not in done.stderr
    assert [headers["Authorization"] for _, _, headers in foreign.asked] == ["Bearer SECRET"]
