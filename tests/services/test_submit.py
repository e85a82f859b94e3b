"""`kubeloop submit` against a real HTTP server that speaks the shapes of Kubeflow Pipelines."""

import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.errors import SpecError
from components.evaluation import Decision, Evaluation, Gate
from components.revision import code_revision
from components.spec import Spec, SpecProblemsError, load, parse
from pipelines import run_commands
from pipelines.compile import Pipeline, compile_native
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.log import find_reason
from pipelines.kubeflow.place import Place, find_place
from pipelines.kubeflow.run import follow_run
from pipelines.local.result import Exit
from pipelines.run_parameters import check_names, find_addresses, read_parameters
from pipelines.submission import Submission
from pipelines.submit import submit_run
from tests.certificates import Authority
from tests.kubeflow_api import KubeflowApi, details, running, task
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import SPEC, Laptop, process_says

ADDRESSES = find_addresses("", "", "")
REMOTE = SPEC.replace("rows.csv", "s3://bucket/rows.csv")
STAGES = ("champion", "ingest", "validate", "prepare", "train", "evaluate")
BRANCH = ("package", "register", "deploy", "crown")


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture
def many() -> Iterator[KubeflowApi]:
    yield from running(empty=True, many_users=True)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)


def submission(api: KubeflowApi, **changes: Any) -> Submission:
    place = {key: changes.pop(key) for key in ("namespace", "token_file") if key in changes}
    return Submission(Place(api.address, **place), ADDRESSES, **changes)


def submitted(api: KubeflowApi, *, wait: bool = False, **changes: Any) -> Exit:
    return submit_run(parse(REMOTE), submission(api, **changes), wait=wait)


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


def test_first_submission_uploads_the_pipeline_of_this_code_and_runs_it(api: KubeflowApi) -> None:
    assert submitted(api) is Exit.DONE
    (version,) = api.versions
    assert version["display_name"] == code_revision()
    first, platform = yaml.safe_load_all(api.uploads[0])
    assert first["pipelineInfo"]["name"] == "kubeloop-training"
    assert "platforms" in platform
    (run,) = api.runs.values()
    assert run["pipeline_version_reference"] == {
        "pipeline_id": "p1",
        "pipeline_version_id": version["pipeline_version_id"],
    }
    parameters = run["runtime_config"]["parameters"]
    assert json.loads(parameters["spec"])["source"] == ["s3://bucket/rows.csv"]
    assert parameters["candidates"] == ["logistic"]
    assert parameters["registry"] == "http://mlflow.kubeloop.svc:5000"
    assert parameters["monitor"] == "http://monitor.kubeloop.svc:9091"
    assert parameters["serving"] == "kserve://kubeloop"
    assert parameters["run_id"] == run["display_name"]
    assert re.fullmatch(r"\d{8}-\d{6}-visits-[0-9a-f]{4}", run["display_name"])


def test_second_submission_uses_the_version_that_is_there(api: KubeflowApi) -> None:
    submitted(api)
    submitted(api)
    assert (len(api.versions), len(api.experiments)) == (1, 1)
    assert len([path for _, path, _ in api.asked if "upload" in path]) == 1
    assert len(api.runs) == 2


def test_version_that_kubectl_applied_is_used(api: KubeflowApi) -> None:
    applied = compile_native(Pipeline.TRAINING, code_revision(), "kubeflow")
    pipeline, version = (document["metadata"] for document in yaml.safe_load_all(applied))
    api.pipelines["p7"] = {"pipeline_id": "p7", "name": pipeline["name"]}
    api.versions.append(
        {
            "pipeline_id": "p7",
            "pipeline_version_id": "v7",
            "name": version["name"],
            "created_at": "2026-11-01T00:00:00Z",
        }
    )
    submitted(api)
    assert [path for _, path, _ in api.asked if "upload" in path] == []
    assert api.runs["run-0"]["pipeline_version_reference"]["pipeline_version_id"] == "v7"


def test_another_image_is_another_version(api: KubeflowApi) -> None:
    submitted(api)
    submitted(api, image="registry.example/pipeline@sha256:1")
    assert len({version["name"] for version in api.versions}) == 2
    assert "registry.example/pipeline@sha256:1" in api.uploads[1]
    assert "registry.example" not in api.uploads[0]


def test_version_that_somebody_else_uploads_meanwhile_is_used(api: KubeflowApi) -> None:
    api.cut("POST", "upload_version")
    submitted(api)
    assert len(api.versions) == 1
    assert len(api.runs) == 1


def test_run_whose_answer_was_lost_is_found_and_not_made_twice(api: KubeflowApi) -> None:
    api.cut("POST", "/runs$")
    submitted(api)
    assert len(api.runs) == 1


def test_run_has_the_account_the_root_and_the_parameters_that_were_named(api: KubeflowApi) -> None:
    more = read_parameters(["memory=8Gi", "webhook=https://hooks.example/a=b"])
    submitted(api, service_account="editor", root="s3://own/runs", parameters=more)
    run = api.runs["run-0"]
    assert run["service_account"] == "editor"
    assert run["runtime_config"]["pipeline_root"] == "s3://own/runs"
    assert run["runtime_config"]["parameters"]["memory"] == "8Gi"
    assert run["runtime_config"]["parameters"]["webhook"] == "https://hooks.example/a=b"


def test_parameter_that_the_pipeline_has_not_is_refused_in_its_words(api: KubeflowApi) -> None:
    with pytest.raises(KubeflowError, match=r"answered 400.*not required: \['memry'\]"):
        submitted(api, parameters={"memry": "8Gi"})


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


@pytest.mark.parametrize("crowned", [True, False])
def test_wait_without_the_evaluation_goes_by_what_is_served(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str], crowned: bool
) -> None:
    api.plays = [ended(*STAGES, *(BRANCH if crowned else ()))]
    if crowned:
        assert submitted(api, wait=True) is Exit.DONE
        assert "succeeded: the new version is served" in capsys.readouterr().out
        return
    with pytest.raises(KubeflowError, match="No new version was put into service") as raised:
        submitted(api, wait=True)
    assert "answered 404" in str(raised.value)
    assert "needs credentials and there are none" in str(raised.value)


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
    with pytest.raises(KubeflowError, match="the run goes on"):
        follow_run(kubeflow, "run-0", lambda *_: None, lambda _: None, patience_s=0)


def test_token_that_expires_while_waiting_ends_the_wait_in_a_sentence(
    api: KubeflowApi, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    api.bearer = "first"
    api.plays = [details(task("champion", "RUNNING"))]
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            submitted(api, wait=True, token_file=token)
        except KubeflowError as exc:
            raised.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    api.await_looks(1)
    # A token that is renewed in its file is the next request's.
    token.write_text("second")
    api.bearer = "second"
    seen = len(api.asked)
    api.await_looks(3)
    api.bearer = "third"
    thread.join(60)
    assert "Bearer second" in {given for _, _, given in api.asked[seen:]}
    assert "the token is missing or has expired" in str(raised[0])
    assert "second" not in str(raised[0])


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
    assert err == "kubeloop: interrupted\n"
    assert not [path for _, path, _ in api.asked if "terminate" in path]


def test_command_exits_with_the_runs_end(api: KubeflowApi, laptop: Laptop) -> None:
    api.objects[key_of()] = evaluation(Decision.REFUSED)
    api.plays = [ended(*STAGES)]
    done = laptop.run("submit", "remote.yaml", "--host", f"{api.address}/", "--wait")
    assert (done.returncode, done.stderr) == (3, "")
    assert "refused: the gates held it back" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("spec.yaml", "--host", "HOST"), "--upload puts it into the object store"),
        (("remote.yaml",), "no address of Kubeflow Pipelines"),
        (("remote.yaml", "--host", "localhost:8888"), "--host 'localhost:8888'"),
        (("remote.yaml", "--host", "HOST", "--serving", "http://h:1"), "expected kserve://NAMESP"),
        (("remote.yaml", "--host", "HOST", "--registry", "sqlite:///a.db"), "as pods reach it"),
        (("remote.yaml", "--host", "HOST", "--monitor", "http://localhost:9"), "of this machine"),
        (("remote.yaml", "--host", "HOST", "--parameter", "spec=1"), "which the command sets"),
        (("remote.yaml", "--host", "HOST", "--parameter", "memory=abc"), "memory='abc': expected"),
        (("remote.yaml", "--host", "HOST", "--parameter", "small_cpu=0"), "small_cpu='0': expecte"),
        (("remote.yaml", "--host", "HOST", "--namespace", "Team_A"), "--namespace 'Team_A'"),
        (("remote.yaml", "--host", "HOST", "--service-account", "a b"), "--service-account 'a b'"),
        (("remote.yaml", "--host", "HOST", "--image", "Pipeline:"), "--image 'Pipeline:'"),
        (("remote.yaml", "--host", "HOST", "--token-file", "/gone"), "'/gone': No such file"),
        (("remote.yaml", "--host", "HOST", "--token-file", "/"), "'/': it is a folder"),
        (("remote.yaml", "--host", "http://"), "'http://': it names no host"),
        (("remote.yaml", "--host", "http://[::1"), "its host or its port"),
        (("remote.yaml", "--host", "http://h:abc"), "its host or its port"),
        (("remote.yaml", "--host", "http://h:99999"), "its host or its port"),
        (("remote.yaml", "--host", "http://h\n"), "blanks"),
    ],
    ids=[
        *("source", "none", "host", "serving", "registry", "monitor", "parameter", "memory", "cpu"),
        *("namespace", "account", "image", "token", "folder", "http", "bracket", "port", "large"),
        "line",
    ],
)
def test_wrong_call_is_refused_before_anybody_is_asked(
    api: KubeflowApi, laptop: Laptop, arguments: tuple[str, ...], said: str
) -> None:
    given = [api.address if word == "HOST" else word for word in arguments]
    given[0] = str(laptop.folder / given[0])
    done = CliRunner().invoke(run_commands.app, ["submit", *given])
    assert isinstance(done.exception, SpecError)
    assert done.output == ""
    assert said in str(done.exception)
    assert api.asked == []


SECRETS = (
    ("--host", "http://user:secretpw@h", "'http://***@h': it must hold no user"),
    ("--host", "http://h/?token=secretpw", "'http://h/?***': it must hold no query"),
    ("--registry", "ftp://u:secretpw@x", "'ftp://***@x'"),
    ("--registry", "http://secretpw@mlflow", "'http://***@mlflow'"),
    ("--monitor", "http://u:secr/etpw@m:9", "'http://***@m:9'"),
    ("--serving", "kserve://u:secretpw@n", "'kserve://***@n'"),
    ("--upload-to", "s3://key:secretpw@bucket/x", "'s3://***@bucket/x'"),
    ("--upload-to", "s3://key:secr/etpw@bucket/x", "'s3://***@bucket/x'"),
    ("--pipeline-root", "s3://key:secretpw@bucket", "'s3://***@bucket'"),
)


@pytest.mark.parametrize(("option", "value", "said"), SECRETS, ids=lambda word: str(word)[:16])
def test_address_with_a_password_is_refused_without_it(
    api: KubeflowApi, laptop: Laptop, option: str, value: str, said: str
) -> None:
    host = () if option == "--host" else ("--host", api.address)
    spec = str(laptop.folder / "remote.yaml")
    done = CliRunner().invoke(run_commands.app, ["submit", spec, *host, option, value])
    assert isinstance(done.exception, SpecError)
    assert f"{option} {said}" in str(done.exception)
    assert not re.search("etpw", f"{done.output}{done.exception}")
    assert api.asked == []


def test_host_of_the_environment_is_refused_by_its_own_name() -> None:
    with pytest.raises(SpecError, match=r"^KF_PIPELINES_ENDPOINT 'http://\*\*\*@h': ") as raised:
        find_place("", "", None, {"KF_PIPELINES_ENDPOINT": "http://user:secretpw@h"})
    assert "secretpw" not in str(raised.value)


def test_parameters_and_names_as_kubernetes_writes_them_are_taken() -> None:
    sizes = ["cpu=500m", "cpu_request=.5", "memory=1.5Gi", "small_memory=1e9", "small_cpu=2"]
    assert len(read_parameters(sizes)) == 5
    digest = f"@sha256:{64 * '0'}"
    for image in ("pipeline", f"localhost:5001/a/b_c:1.0{digest}", "ghcr.io/own/x:V1"):
        check_names(image, "s3://bucket/runs?region=eu", "pipeline-runner.v1")


def test_wrong_call_is_status_2(laptop: Laptop) -> None:
    done = laptop.run("submit", "spec.yaml", "--host", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "source[0]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "remote.yaml").write_text(REMOTE, encoding="utf-8")
    return Laptop(folder)


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "no identity", "the token is missing or has expired"),
        (403, "user is not authorized", "no right to it in Kubeflow's namespace"),
        (404, "not found", "Kubeflow Pipelines 1 has no such API"),
        (403, "workflows is forbidden: exceeded quota: runs, used: 5", "a ResourceQuota of"),
        (500, 'namespaces "team" not found', "is not there: check --namespace"),
        (429, "slow down", "it has too much to do"),
        (500, "database is locked", "it said: database is locked"),
    ],
    ids=["token", "right", "old", "quota", "namespace", "busy", "broken"],
)
def test_refusal_of_a_run_is_a_sentence_with_the_servers_words(
    api: KubeflowApi, status: int, message: str, said: str
) -> None:
    api.refuse("POST", "/runs$", status, message)
    with pytest.raises(KubeflowError, match="cannot create the run") as raised:
        submitted(api)
    assert said in str(raised.value)
    assert message in str(raised.value)
    assert api.address in str(raised.value)
    assert "\n" not in str(raised.value)


def test_refusal_of_an_upload_says_where_kubeflow_keeps_the_reason(api: KubeflowApi) -> None:
    api.refuse("POST", "upload_version", 400, "Failed to create a pipeline version")
    said = "cannot upload the pipeline's version .*often it is a right that is missing"
    with pytest.raises(KubeflowError, match=said):
        submitted(api)
    assert api.runs == {}


def test_old_kubeflow_and_other_servers_are_told_apart(api: KubeflowApi) -> None:
    api.refuse("GET", "/healthz", 404, "Not Found")
    with pytest.raises(KubeflowError, match="Kubeflow Pipelines 1 has no such API"):
        submitted(api)
    api.page = "<!doctype html><title>Log in to Dex</title>"
    with pytest.raises(KubeflowError, match="a login stands before it") as raised:
        submitted(api)
    assert "Dex" not in str(raised.value)


def test_pages_without_an_api_behind_them_are_told_apart(api: KubeflowApi) -> None:
    api.is_ready = False
    with pytest.raises(KubeflowError, match="its API server is not ready"):
        submitted(api)


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


def test_nobody_there_is_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(KubeflowError, match=f"nobody answers at {host}.*port-forward"):
        Kubeflow(Place(host))
    with pytest.raises(KubeflowError, match="nobody knows the host of http://kubeflow.invalid"):
        Kubeflow(Place("http://kubeflow.invalid"))


def test_address_of_another_scheme_is_a_sentence(api: KubeflowApi) -> None:
    with pytest.raises(KubeflowError, match="speaks no TLS: did you mean http://"):
        Kubeflow(Place(api.address.replace("http", "https")))


def test_certificate_of_an_unknown_authority_is_named_and_can_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.make(tmp_path, "company")
    for api in running(tls=authority.issue("localhost")):
        place = Place(api.address.replace("127.0.0.1", "localhost"))
        with pytest.raises(KubeflowError, match="is not trusted.*name the file of its authority"):
            Kubeflow(place)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert not Kubeflow(place).has_many_users


def test_token_file_that_is_not_there_or_empty_is_named(api: KubeflowApi, tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    with pytest.raises(KubeflowError, match="gone' cannot be read: No such file"):
        submitted(api, token_file=missing)
    missing.touch()
    with pytest.raises(KubeflowError, match="gone' is empty"):
        submitted(api, token_file=missing)


@pytest.mark.parametrize(
    "held", ["secret1\nsecret2\n", "secret1 secret2", "secret1ж"], ids=["lines", "blank", "letter"]
)
def test_token_file_that_holds_no_token_is_named_without_what_it_holds(
    api: KubeflowApi, tmp_path: Path, held: str
) -> None:
    token = tmp_path / "tok"
    token.write_text(held, encoding="utf-8")
    with pytest.raises(KubeflowError, match="tok' holds more than one token") as raised:
        submitted(api, token_file=token)
    assert "secret" not in str(raised.value)
    assert api.asked == []


def test_pod_shows_the_token_that_it_was_given(api: KubeflowApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-a-pod")
    environment = {"KF_PIPELINES_SA_TOKEN_PATH": str(token), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert find_place("", "", None, environment) == Place(
        "http://ml-pipeline.kubeflow.svc:8888", "", token
    )
    api.bearer = "of-a-pod"
    Kubeflow(find_place(api.address, "", None, environment))
    with pytest.raises(SpecError, match="no address of Kubeflow Pipelines"):
        find_place("", "", None, {})


def test_kubeflow_with_many_users_needs_a_namespace_and_gets_it(
    many: KubeflowApi, tmp_path: Path
) -> None:
    with pytest.raises(KubeflowError, match="--namespace NAME is needed, that of your profile"):
        submitted(many)
    assert submitted(many, namespace="team") is Exit.DONE
    assert [pipeline["namespace"] for pipeline in many.pipelines.values()] == ["team"]
    assert [experiment["namespace"] for experiment in many.experiments.values()] == ["team"]


def test_namespace_of_a_kubeflow_with_one_user_is_left_out(api: KubeflowApi) -> None:
    assert submitted(api, namespace="kubeflow") is Exit.DONE


def test_every_source_of_this_machine_is_refused_by_name(tmp_path: Path) -> None:
    text = SPEC.replace(
        "rows.csv",
        "[rows.csv, file:///data/a.csv, 'http://127.0.0.1:80/a.csv', 'https://localhost/a.csv', "
        "'https://[::1]/a.csv', 'https://127.0.0.1/a.csv', s3://b/a.csv, https://h/a.csv]",
    )
    (tmp_path / "spec.yaml").write_text(text)
    api = KubeflowApi()
    try:
        with pytest.raises(SpecProblemsError) as raised:
            submit_run(load(tmp_path / "spec.yaml"), submission(api), wait=False)
        assert api.asked == []
    finally:
        api.close()
    named = [problem.path for problem in raised.value.problems]
    assert named == [f"source[{number}]" for number in range(6)]
    # A long value is shown by its two ends.
    assert f"source[0]: got '{str(tmp_path)[:16]}" in str(raised.value)


def test_tables_of_scikit_learn_are_in_the_image(api: KubeflowApi) -> None:
    spec = parse(SPEC.replace("rows.csv", "sklearn://wine").replace("id: visit\n", ""))
    assert submit_run(spec, submission(api), wait=False) is Exit.DONE


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, "mlpipeline")


def sources_of(api: KubeflowApi, run: str) -> list[str]:
    document = json.loads(api.runs[run]["runtime_config"]["parameters"]["spec"])
    found: list[str] = document["source"]
    return found


def written(folder: Path, source: str = "'*.csv'") -> Spec:
    (folder / "a.csv").write_bytes(b"visit,returned\n1,yes\n")
    (folder / "b b.csv").write_bytes(b"visit,returned\n2,no\n")
    (folder / "spec.yaml").write_text(SPEC.replace("rows.csv", source))
    return load(folder / "spec.yaml")


def test_upload_puts_each_file_once_under_its_fingerprint(
    api: KubeflowApi, s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = written(tmp_path, "['*.csv', s3://b/rows.parquet]")
    where = submission(api, upload_to="s3://mlpipeline/kubeloop/sources")
    submit_run(spec, where, wait=False)
    first, second, third = sources_of(api, "run-0")
    assert re.fullmatch(r"s3://mlpipeline/kubeloop/sources/[0-9a-f]{64}/a\.csv", first)
    assert second.endswith("/b_b.csv")
    assert third == "s3://b/rows.parquet"
    body = s3.get_object(Bucket="mlpipeline", Key=first.removeprefix("s3://mlpipeline/"))
    assert body["Body"].read() == b"visit,returned\n1,yes\n"
    dates = {
        entry["Key"]: entry["LastModified"]
        for entry in s3.list_objects_v2(Bucket="mlpipeline")["Contents"]
    }
    assert capsys.readouterr().out.count("uploaded  ") == 2

    (tmp_path / "a.csv").write_bytes(b"visit,returned\n3,yes\n")
    submit_run(spec, where, wait=False)
    assert capsys.readouterr().out.count("uploaded  ") == 1
    changed, same, _ = sources_of(api, "run-1")
    assert changed != first
    assert same == second
    after = {
        entry["Key"]: entry["LastModified"]
        for entry in s3.list_objects_v2(Bucket="mlpipeline")["Contents"]
    }
    assert len(after) == 3
    assert dates.items() <= after.items()


def test_upload_that_broke_off_is_done_again(api: KubeflowApi, s3: Any, tmp_path: Path) -> None:
    spec = written(tmp_path, "a.csv")
    where = submission(api, upload_to="s3://mlpipeline/sources")
    submit_run(spec, where, wait=False)
    (address,) = sources_of(api, "run-0")
    key = address.removeprefix("s3://mlpipeline/")
    s3.put_object(Bucket="mlpipeline", Key=key, Body=b"visit")
    submit_run(spec, where, wait=False)
    body = s3.get_object(Bucket="mlpipeline", Key=key)["Body"].read()
    assert body == b"visit,returned\n1,yes\n"


@pytest.mark.parametrize(
    ("folder", "kind", "said"),
    [
        ("s3://gone/sources", Exception, "cannot be uploaded: it is not there; check bucket"),
        ("/data", SpecError, "--upload-to '/data': expected s3://BUCKET/FOLDER"),
    ],
    ids=["bucket", "path"],
)
def test_upload_to_nowhere_starts_no_run(
    api: KubeflowApi, s3: Any, tmp_path: Path, folder: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=re.escape(said)):
        submit_run(written(tmp_path), submission(api, upload_to=folder), wait=False)
    assert api.asked == []


def test_upload_without_credentials_is_a_sentence(api: KubeflowApi, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="needs credentials and there are none"):
        submit_run(written(tmp_path), submission(api, upload_to="s3://mlpipeline/a"), wait=False)


def test_evaluation_is_read_from_the_store_where_no_pages_are(
    api: KubeflowApi, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = key_of(root="private/team/v2").removeprefix("mlpipeline/")
    s3.put_object(Bucket="mlpipeline", Key=key, Body=evaluation(Decision.REFUSED))
    api.plays = [ended(*STAGES)]
    assert submitted(api, wait=True, root="minio://mlpipeline/private/team/v2") is Exit.REFUSED
    assert "refused" in capsys.readouterr().out
