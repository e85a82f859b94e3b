"""`kubeloop submit --wait`: what is said of a run while it goes on, and of how it ended."""

import re
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.evaluation import Decision, Evaluation, Gate
from components.spec import parse
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.log import find_reason
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import follow_run
from pipelines.kubeflow.waiting_pods import WaitingPods
from pipelines.local.result import Exit
from pipelines.submit import submit_run
from tests.kubeflow_api import KubeflowApi, details, running, task
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import Laptop, process_says
from tests.services.test_submit import REMOTE, submission, submitted

STAGES = ("champion", "ingest", "validate", "prepare", "train", "evaluate")
BRANCH = ("package", "register", "deploy", "crown")


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, "mlpipeline")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "remote.yaml").write_text(REMOTE, encoding="utf-8")
    return Laptop(folder)


def evaluation(decision: Decision) -> bytes:
    passed = decision is not Decision.REFUSED
    gate = Gate(name="roc_auc", value=0.75, threshold=0.8, passed=passed, expected="roc_auc >= 0.8")
    found = Evaluation(
        decision=decision,
        best="logistic",
        metric="roc_auc",
        candidates=(),
        metrics={},
        gates=(gate,),
        champion=None,
        confusion=None,
        classes=None,
    )
    return found.model_dump_json().encode()


def key_of(run: str = "run-0", root: str = "v2/artifacts") -> str:
    folder = f"{root}/kubeloop-training/{run}/evaluate/0b9e"
    return f"mlpipeline/{folder}/evaluation/evaluation.json"


def ended(*stages: str, state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    tasks = [task(name, "SUCCEEDED", began=n, ended=n + 1) for n, name in enumerate(stages)]
    return details(*tasks, state=state, **more)


@pytest.mark.parametrize(
    ("decision", "status", "said"),
    [
        (Decision.APPROVED, Exit.DONE, "succeeded: logistic is served as the new version"),
        (Decision.KEPT, Exit.DONE, "kept: data, spec and code are the champion's own"),
        (Decision.REFUSED, Exit.REFUSED, "refused: the gates held it back"),
    ],
    ids=str,
)
def test_wait_ends_by_what_evaluate_decided(
    api: KubeflowApi,
    capsys: pytest.CaptureFixture[str],
    decision: Decision,
    status: Exit,
    said: str,
) -> None:
    api.objects[key_of()] = evaluation(decision)
    branch = BRANCH if decision is Decision.APPROVED else ()
    api.plays = [
        details(task("champion-driver", "SUCCEEDED"), task("champion", "RUNNING")),
        ended(*STAGES, *branch),
    ]
    assert submitted(api, wait=True) is status
    out = capsys.readouterr().out
    assert said in out
    assert "roc_auc >= 0.8" in out
    assert f"{api.address}/#/runs/details/run-0" in out
    shown = re.findall(r"^✓ (\w+)", out, re.MULTILINE)
    assert shown == [*STAGES, *branch]
    assert out.count("· champion") == 1


def test_wait_shows_a_stage_of_many_tasks_once_it_has_ended_whole(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """A skipped stage is none, and a task of a group ends no stage by itself."""
    api.objects[key_of()] = evaluation(Decision.KEPT)
    one = {**task("train", "SUCCEEDED", began=0, ended=7), "pod_name": "a"}
    two = {**task("train", "RUNNING", began=3), "pod_name": "b"}
    done = {**task("train", "SUCCEEDED", began=3, ended=30), "pod_name": "b"}
    api.plays = [
        details(one),
        details(one, two),
        details(one, done, task("package", "SKIPPED"), state="SUCCEEDED"),
    ]
    spec = parse(REMOTE.replace("[logistic]", "[logistic, random_forest]"))
    submit_run(spec, submission(api), wait=True)
    out = capsys.readouterr().out
    assert re.findall(r"^[·✓✗] .*", out, re.MULTILINE) == ["· train", "✓ train        30.0 s"]


def test_wait_without_the_evaluation_goes_by_what_is_served(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.plays = [ended(*STAGES, *BRANCH)]
    assert submitted(api, wait=True) is Exit.DONE
    *_, said, where = capsys.readouterr().out.splitlines()
    assert said == "succeeded: the new version is served"
    link = f"{api.address}/#/runs/details/run-0"
    shown = "  its gates cannot be read from here; they stand in evaluate's artifact"
    assert where == f"{shown} at {link}"


def test_wait_for_neither_an_evaluation_nor_a_new_version_says_where_it_stands(
    api: KubeflowApi,
) -> None:
    api.plays = [ended(*STAGES)]
    with pytest.raises(KubeflowError, match="no new version was put into service") as raised:
        submitted(api, wait=True)
    said = str(raised.value)
    assert f"{api.address} hands on no artifacts" in said
    assert "needs credentials and there are none" in said
    assert said.endswith(f"evaluate's artifact at {api.address}/#/runs/details/run-0")
    assert "Kubeflow Pipelines 1" not in said


def test_wait_for_an_approved_model_whose_branch_did_not_run_fails(api: KubeflowApi) -> None:
    api.objects[key_of()] = evaluation(Decision.APPROVED)
    api.plays = [ended(*STAGES)]
    with pytest.raises(KubeflowError, match="approved, but its branch did not run"):
        submitted(api, wait=True)


def test_failed_run_shows_its_stage_and_the_error_of_its_log(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = task("executor", "FAILED")
    failed = task("validate", "FAILED", child_tasks=[{"pod_name": pod["pod_name"]}])
    api.plays = [
        details(
            task("champion", "SUCCEEDED"),
            failed,
            pod,
            state="FAILED",
            error={"code": 2, "message": "child 'validate' failed"},
        )
    ]
    api.logs[pod["pod_name"]] = LOG
    assert submitted(api, wait=True) is Exit.FAILED
    out = capsys.readouterr().out
    assert "✗ validate" in out
    assert "failed in validate" in out
    assert "  components.errors.DataError: column 'age' holds 3 texts\n    age: 'x'\n" in out
    assert "main.go" not in out
    assert "earlier" not in out


LOG = """\
I1121 10:00:01.000001       1 launcher_v2.go:90] input ComponentSpec
components.errors.DataError: an earlier one, which was caught
[KFP Executor 2026-11-21 10:00:02,000 INFO]: Looking for component
Traceback (most recent call last):
  File "executor.py", line 1, in execute
components.errors.DataError: column 'age' holds 3 texts
  age: 'x'
F1121 10:00:03.000001       1 main.go:57] failed to execute component: exit status 1
"""


KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{64 * 'A'}\nTAIL+==\n-----END RSA PRIVATE KEY-----"


def test_log_and_error_of_a_run_neither_steer_the_terminal_nor_show_secrets(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = task("ingest", "FAILED")
    said = "at s3://key:SECRETPW@b/x\x1b[2J, token=SECRETPW"
    api.plays = [details(pod, state="FAILED", error={"code": 2, "message": f"failed {said}"})]
    api.logs[pod["pod_name"]] = (
        f"\x1b[31mcomponents.errors.DataError\x1b[0m: no rows {said}\n"
        "  of http://store/a?X-Amz-Signature=SECRETPW, s3://KEY:SEC/RETPW@b/y\x07.\n"
        f"{KEY}\nthe last\n"
    )
    assert submitted(api, wait=True) is Exit.FAILED
    out = capsys.readouterr().out
    assert [c for c in out if not c.isprintable() and c != "\n"] == []
    assert "  failed at s3://***@b/x, token=***\n" in out
    assert (
        "  components.errors.DataError: no rows at s3://***@b/x, token=***\n"
        "    of http://store/a?***, s3://***@b/y.\n"
        "  ***\n"
        "  the last\n"
    ) in out
    assert not re.search("SECRETPW|RETPW|TAIL|AAAA", out)


def test_log_that_begins_in_the_middle_of_a_key_shows_nothing_of_it(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = task("ingest", "FAILED")
    api.plays = [details(pod, state="FAILED")]
    api.logs[pod["pod_name"]] = f"{KEY.partition('A')[2]}\nKilled\n"
    submitted(api, wait=True)
    out = capsys.readouterr().out
    assert "  Killed\n" in out
    assert not re.search("TAIL|AAAA", out)


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("ValueError: no\nI1121 10:00 x\n", ["ValueError: no"]),
        (
            "components.errors.DataError: no\nRuntimeError: stop\n",
            ["components.errors.DataError: no", "RuntimeError: stop"],
        ),
        ("one\ntwo\n\nKilled\n", ["one", "two", "Killed"]),
        ("", []),
    ],
    ids=["foreign", "both", "killed", "empty"],
)
def test_reason_in_a_log_is_the_last_error_of_ours_else_any_else_its_end(
    log: str, found: list[str]
) -> None:
    assert find_reason(log) == found


def test_run_that_failed_without_a_log_says_where_to_look(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.plays = [details(task("ingest", "FAILED"), state="FAILED")]
    assert submitted(api, wait=True) is Exit.FAILED
    out = capsys.readouterr().out
    assert "failed in ingest\n" in out
    assert "error_message" not in out


def test_canceled_run_is_status_1(api: KubeflowApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.plays = [details(task("champion", "SUCCEEDED"), state="CANCELED")]
    assert submitted(api, wait=True) is Exit.FAILED
    assert "canceled\n" in capsys.readouterr().out


def test_wait_outlives_a_server_that_is_away_for_a_while(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.objects[key_of()] = evaluation(Decision.KEPT)
    api.plays = [ended(*STAGES)]
    api.refuse("GET", "/runs/run-0", 503, "no endpoints", times=2)
    api.cut("GET", "/runs/run-0")
    assert submitted(api, wait=True) is Exit.DONE
    assert capsys.readouterr().out.count("asking again") == 1


def test_each_absence_of_the_server_is_told_and_waited_for_anew(api: KubeflowApi) -> None:
    submitted(api)
    api.plays = [details(), details(), details(state="SUCCEEDED")]
    api.refuse("GET", "/runs/run-0", 503, "no endpoints")
    said: list[str] = []

    def look(run: Any, _now: object) -> None:
        if run.state != "SUCCEEDED" and len(said) == 1:
            api.refuse("GET", "/runs/run-0", 503, "gone again")

    follow_run(Kubeflow(Place(api.address)), "run-0", look, said.append)
    assert [text.count("asking again") for text in said] == [1, 1]
    assert "gone again" in said[1]


def test_wait_for_a_server_that_stays_away_says_that_the_run_goes_on(api: KubeflowApi) -> None:
    submitted(api)
    kubeflow = Kubeflow(Place(api.address))
    api.refuse("GET", "/runs/run-0", 503, "no endpoints", times=9)
    link = re.escape(f"{api.address}/#/runs/details/run-0")
    with pytest.raises(KubeflowError, match=f"no endpoints; the run goes on, see {link}$"):
        follow_run(kubeflow, "run-0", lambda *_: None, lambda _: None, patience_s=0)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "no right to it in Kubeflow's namespace; it said: no; the run goes on, see "),
        (404, "it said: no; unless it was deleted, the run goes on, see "),
    ],
    ids=str,
)
def test_every_error_that_ends_the_wait_says_that_the_run_goes_on(
    api: KubeflowApi, status: int, said: str
) -> None:
    said = said.replace(
        "namespace;",
        "namespace: it needs a RoleBinding there to the ClusterRole kubeflow-pipelines-edit;",
    )
    api.refuse("GET", "/runs/run-0", status, "no")
    with pytest.raises(KubeflowError) as raised:
        submitted(api, wait=True)
    assert said in str(raised.value)


def test_token_that_expires_while_waiting_is_waited_for_once_it_is_renewed(
    api: KubeflowApi, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    api.bearer = "first"
    submitted(api, token_file=token)
    api.plays = [details(task("champion", "RUNNING")), ended(*STAGES)]
    kubeflow = Kubeflow(Place(api.address, token_file=token))
    said: list[str] = []

    def look(_run: object, _now: object) -> None:
        api.bearer = "second"

    def say(text: str) -> None:
        said.append(text)
        # As one that writes a file over: for a moment it is empty.
        token.write_text("")
        threading.Timer(0.3, token.write_text, ("second",)).start()

    assert follow_run(kubeflow, "run-0", look, say).state == "SUCCEEDED"
    (text,) = said
    assert "the token is missing or has expired" in text
    assert text.endswith("; asking again")
    assert "Bearer second" in {given for _, _, given in api.asked}


@pytest.mark.parametrize("held", ["first", ""], ids=["expired", "empty"])
def test_token_that_is_not_renewed_ends_the_wait_and_the_run_goes_on(
    api: KubeflowApi, tmp_path: Path, held: str
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    submitted(api)
    kubeflow = Kubeflow(Place(api.address, token_file=token))
    token.write_text(held)
    api.bearer = "second"
    with pytest.raises(KubeflowError) as raised:
        follow_run(kubeflow, "run-0", lambda *_: None, lambda _: None, patience_s=0)
    said = "the token is missing or has expired" if held else "is empty: write the token into it"
    assert said in str(raised.value)
    assert str(raised.value).endswith(f"; the run goes on, see {kubeflow.link('run-0')}")
    assert "first" not in str(raised.value)


def test_wait_says_once_that_the_run_is_pending(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.objects[key_of()] = evaluation(Decision.KEPT)
    api.plays = [details(state="PENDING"), details(state="PENDING"), ended(*STAGES)]
    submitted(api, wait=True)
    out = capsys.readouterr().out
    assert out.count("the run is pending: Kubeflow has not begun it yet\n") == 1


def seen(*tasks: dict[str, Any], state: str = "RUNNING") -> Any:
    """A run as kfp's client gives it."""

    def plain(entry: dict[str, Any]) -> SimpleNamespace:
        children = [SimpleNamespace(**child) for child in entry.get("child_tasks", ())]
        return SimpleNamespace(**{**entry, "child_tasks": children})

    return SimpleNamespace(
        state=state, run_details=SimpleNamespace(task_details=[plain(entry) for entry in tasks])
    )


def test_stage_whose_pod_is_pending_for_a_minute_is_told_once() -> None:
    """Its own node runs meanwhile; and what follows it is below it too."""
    said: list[str] = []
    waiting = WaitingPods(said.append, "team")
    pod = task("executor", "PENDING")
    later = task("validate-driver", "PENDING", child_tasks=[{"pod_name": "pod-ingest"}])
    children = [{"pod_name": pod["pod_name"]}, {"pod_name": later["pod_name"]}]
    run = seen(task("ingest", "RUNNING", child_tasks=children), pod)
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    for seconds in (0, 59):
        waiting.show(run, begin + timedelta(seconds=seconds))
    assert said == []
    for seconds in (60, 90):
        waiting.show(run, begin + timedelta(seconds=seconds))
    assert said == [
        "ingest has been pending for a minute: its pods may find no room on the nodes, or an image "
        "takes long; kubectl get events --namespace team says which"
    ]
    both = seen(task("ingest", "RUNNING", child_tasks=children), {**pod, "state": "RUNNING"}, later)
    for seconds in (120, 180):
        waiting.show(both, begin + timedelta(seconds=seconds))
    assert [text.split()[0] for text in said] == ["ingest", "validate"]


@pytest.mark.parametrize("state", ["PENDING", "RUNTIME_STATE_UNSPECIFIED", None], ids=str)
def test_run_that_is_pending_for_a_minute_is_told_what_it_may_lack(state: str) -> None:
    said: list[str] = []
    waiting = WaitingPods(said.append)
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    for seconds in (0, 30, 60, 90):
        waiting.show(seen(state=state), begin + timedelta(seconds=seconds))
    assert len(said) == 2
    assert said[0] == "the run is pending: Kubeflow has not begun it yet"
    assert said[1].startswith("the run has been pending for a minute: its pods may find no room")
    assert "kubectl get events --namespace kubeflow" in said[1]


def test_pods_of_one_stage_that_wait_one_after_the_other_are_not_told() -> None:
    said: list[str] = []
    waiting = WaitingPods(said.append)
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    one, two = ({**task("train", "PENDING"), "pod_name": name} for name in ("a", "b"))
    for seconds, found in ((0, one), (50, one), (55, two), (110, two)):
        waiting.show(seen(found), begin + timedelta(seconds=seconds))
    assert said == []
    waiting.show(seen(two), begin + timedelta(seconds=115))
    assert len(said) == 1


def test_pod_that_begins_within_a_minute_is_not_told() -> None:
    said: list[str] = []
    waiting = WaitingPods(said.append)
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    for seconds, state in ((0, "PENDING"), (50, "RUNNING"), (55, "PENDING"), (110, "PENDING")):
        waiting.show(seen(task("ingest", state)), begin + timedelta(seconds=seconds))
    assert said == []


def without_waiting(said: str) -> list[str]:
    """Lines, but for those of a server that a busy machine lets answer late."""
    return [line for line in said.splitlines() if not line.startswith("still waiting for ")]


def test_interrupted_wait_leaves_the_run_and_says_how_to_stop_it(
    api: KubeflowApi, laptop: Laptop
) -> None:
    api.plays = [details(task("champion", "RUNNING"))]
    process = laptop.start(
        *("submit", "remote.yaml", "--host", api.address, "--wait"),
    )
    process_says(process, "· champion")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    stop = f"curl --fail --request POST {api.address}/apis/v2beta1/runs/run-0:terminate"
    assert f"the run goes on; stop it: {stop}" in out
    assert without_waiting(err) == ["kubeloop: interrupted"]
    assert not [path for _, path, _ in api.asked if "terminate" in path]


def test_command_exits_with_the_runs_end(api: KubeflowApi, laptop: Laptop) -> None:
    api.objects[key_of()] = evaluation(Decision.REFUSED)
    api.plays = [ended(*STAGES)]
    done = laptop.run("submit", "remote.yaml", "--host", f"{api.address}/", "--wait")
    assert (done.returncode, without_waiting(done.stderr)) == (3, [])
    assert "refused: the gates held it back" in done.stdout


def test_login_page_in_the_middle_of_a_wait_is_no_run(api: KubeflowApi) -> None:
    submitted(api)
    kubeflow = Kubeflow(Place(api.address))
    api.page = "<!doctype html><title>Log in</title>"
    looks: list[object] = []

    def look(run: object, _now: object) -> None:
        looks.append(run)
        assert len(looks) < 5, "it is taken for a run that has not begun"

    with pytest.raises(KubeflowError, match="a login stands before it"):
        follow_run(kubeflow, "run-0", look, lambda _: None)


def test_evaluation_is_read_from_the_store_where_no_pages_are(
    api: KubeflowApi, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = key_of(root="private/team/v2").removeprefix("mlpipeline/")
    s3.put_object(Bucket="mlpipeline", Key=key, Body=evaluation(Decision.REFUSED))
    api.plays = [ended(*STAGES)]
    assert submitted(api, wait=True, root="minio://mlpipeline/private/team/v2") is Exit.REFUSED
    assert "refused" in capsys.readouterr().out
