"""`kubeloop status --serving kserve://…` against a cluster in memory, over real HTTP."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.deploy.kserve.rollout import roll_out
from components.deploy.kserve.status import observe
from components.errors import DeployError, StateError
from components.spec import parse
from pipelines import model_commands
from pipelines.cluster_status import Sources, show_cluster_status
from pipelines.kubeflow.place import Place
from tests.deployed import NAMESPACE, QUICK, SPEC, Deployed, lead_astray
from tests.kubeflow_api import KubeflowApi
from tests.pipelines.laptop import Laptop
from tests.terminals import on_a_terminal
from tests.web import Answer, Web

PATIENCE_S = 60
SERVING = ("--serving", f"kserve://{NAMESPACE}")
BUNDLE = "minio://mlpipeline/v2/artifacts/kubeloop-training/{}/package/1/bundle"


@pytest.fixture
def kubeflow() -> Iterator[KubeflowApi]:
    api = KubeflowApi()
    yield api
    api.close()


def shown(
    capsys: pytest.CaptureFixture[str], name: str | None = "churn", **sources: Any
) -> list[str]:
    capsys.readouterr()
    show_cluster_status(Sources(NAMESPACE, **sources), name)
    return capsys.readouterr().out.splitlines()


def test_status_shows_what_is_served_and_the_versions_that_there_are(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    deployed.release(2)
    lines = shown(capsys, registry=deployed.registry)
    assert lines[0] == "churn  version 1 is served"
    assert lines[1] == "  version 1  100 %  1 pod ready"
    assert lines[2].startswith("  http://churn")
    rows = [line.split() for line in lines if line.startswith(("1 ", "2 "))]
    assert [row[0] for row in rows] == ["2", "1"]
    assert rows[1][1:3] == ["champion,", "served"]
    assert "run-2" in rows[0]
    assert rows[0][-1] == "minio://mlpipeline/v2/artifacts/kubeloop-training/2/package/1/bundle"


def test_status_on_a_narrow_terminal_loses_no_word(deployed: Deployed, tmp_path: Path) -> None:
    deployed.serve(1)
    deployed.release(2)
    arguments = ("status", "churn", *SERVING, "--registry", deployed.registry)
    at = "2026-11-20T12:00:00Z"
    assert on_a_terminal(tmp_path, *arguments, columns=80)[3:] == [
        "version                    trained               run",
        f"2                          {at}  run-2",
        f"  bundle  {BUNDLE.format(2)}",
        f"1        champion, served  {at}  run-1",
        f"  bundle  {BUNDLE.format(1)}",
    ]
    assert on_a_terminal(tmp_path, *arguments, columns=200)[4:] == [
        f"2                          {at}  run-2  {BUNDLE.format(2)}",
        f"1        champion, served  {at}  run-1  {BUNDLE.format(1)}",
    ]


class Screen(Web):
    """A registry that answers once the cluster's part stands on the screen; or never."""

    def __init__(self, *, silent: bool) -> None:
        self.command: Queue[subprocess.Popen[str]] = Queue()
        self.shown: list[str] = []
        self._silent, self._over = silent, threading.Event()
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if self._silent:
            self._over.wait()
        out = self.command.get(timeout=PATIENCE_S).stdout
        assert out
        # It is not seen before the end of a command that asks before it shows, which by then
        # has had no answer.
        self.shown = [out.readline() for _ in range(3)]
        return 400, {}, b'{"error_code": "BAD_REQUEST", "message": "asked second"}'

    def close(self) -> None:
        self._over.set()
        super().close()


def test_status_shows_what_is_served_before_the_registry_is_asked(
    deployed: Deployed, tmp_path: Path
) -> None:
    deployed.serve(1)
    arguments = ("status", "churn", *SERVING, "--registry")
    with (
        closing(Screen(silent=False)) as registry,
        Laptop(tmp_path).start(*arguments, registry.url) as command,
    ):
        registry.command.put(command)
        command.wait(5 * PATIENCE_S)
        assert command.stdout
        (last,) = command.stdout.read().splitlines()
    why = f"the registry {registry.url!r} failed: BAD_REQUEST: asked second"
    assert (command.returncode, last) == (0, f"versions are not shown: {why}")
    assert registry.shown[0] == "churn  version 1 is served\n"
    assert registry.shown[2].startswith("  http://churn")


def test_silent_registry_is_asked_once_for_all_models_and_said_to_be_waited_for(
    deployed: Deployed, tmp_path: Path
) -> None:
    deployed.serve(1)
    put_another(deployed, "another")
    with closing(Screen(silent=True)) as registry:
        done = Laptop(tmp_path).run("status", *SERVING, "--registry", registry.url)
        assert len(registry.asked) == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(("another  ", "churn  "))] == [
        "another  nothing answers",
        "churn  version 1 is served",
    ]
    assert lines[-1] == f"versions are not shown: the registry {registry.url!r} failed: timed out"
    assert done.stderr == f"still waiting for {registry.url}: list versions\n"


def test_silent_cluster_is_said_to_be_waited_for(deployed: Deployed, tmp_path: Path) -> None:
    deployed.serve(1)
    deployed.cluster.api.hang("GET", "/inferenceservices", times=-1)
    with Laptop(tmp_path).start("status", *SERVING) as command:
        assert command.stdout
        assert command.stderr
        assert command.stderr.readline() == "still waiting for the cluster: read what it serves\n"
        deployed.cluster.api.release()
        assert command.stdout.readline() == "churn  version 1 is served\n"


def put_another(deployed: Deployed, name: str) -> None:
    """Puts a further model beside `churn`, whose pods never come."""
    service = deployed.cluster.api.get("InferenceService", "churn", NAMESPACE)
    assert service
    metadata = {"name": name, "namespace": NAMESPACE, "labels": service["metadata"]["labels"]}
    deployed.cluster.pause()
    deployed.cluster.api.put({**service, "metadata": metadata, "status": {}})


def test_damaged_record_of_one_model_is_its_reason_and_hides_no_other(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    put_another(deployed, "another")
    lease = deployed.cluster.api.get("Lease", "kubeloop-churn", NAMESPACE)
    assert lease
    lease["metadata"]["annotations"] = {"kubeloop/rollout": '{"phase":"new-phase","version":2}'}
    deployed.cluster.api.put(lease)
    lines = shown(capsys, name=None)
    assert "another  nothing answers" in lines
    at = lines.index("churn  version 1 is served")
    assert lines[at + 1] == "  version 1  100 %  1 pod ready"
    assert lines[at + 2].startswith(
        "  the annotation 'kubeloop/rollout' of the Lease 'kubeloop-churn' is not what deploy wrote"
    )
    assert "`kubectl get lease kubeloop-churn --namespace models -o yaml`" in lines[at + 2]
    assert shown(capsys) == lines[at:]


def test_status_of_a_namespace_that_is_not_there_says_so(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "there is no namespace 'modles' in this cluster: `kubectl get namespaces` lists"
    for name in ("churn", None):
        with pytest.raises(StateError, match=said):
            show_cluster_status(Sources("modles", registry=deployed.registry), name)
    assert capsys.readouterr().out == ""


def test_status_says_nothing_of_a_namespace_that_it_may_not_read(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.cluster.api.fail("GET", "/namespaces/modles$", status=403, times=-1)
    show_cluster_status(Sources("modles"), None)
    said = "no model in namespace 'modles'; kubeloop submit SPEC makes one\n"
    assert capsys.readouterr().out == said
    with pytest.raises(StateError, match="no model 'churn' is served in namespace 'modles'; --reg"):
        show_cluster_status(Sources("modles"), "churn")


def test_reason_of_a_version_that_is_not_ready_is_said_once(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    deployed.cluster.behave(1, "unpullable")
    deployed.cluster.settle()
    lines = shown(capsys)
    assert len([line for line in lines if "ErrImagePull" in line or "BackOff" in line]) == 1
    assert lines[1].startswith("  version 1  100 %  0 pods ready; pod ")


def test_model_that_the_registry_does_not_know_is_said_to_be_unknown(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    put_another(deployed, "another")
    lines = shown(capsys, name="another", registry=deployed.registry)
    assert lines[-1] == "  the registry knows no version of it"


def test_status_without_a_registry_shows_what_is_served(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    lines = shown(capsys)
    assert lines[0] == "churn  version 1 is served"
    assert not [line for line in lines if "champion" in line]


def test_status_of_all_shows_also_what_is_registered_alone(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    lines = shown(capsys, name=None, registry=deployed.registry)
    assert "churn  version 1 is served" in lines
    assert "other  nothing is served" in lines
    assert [line for line in shown(capsys, name=None) if line.startswith("other")] == []


def test_status_of_nothing_says_how_to_make_a_model(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = shown(capsys, name=None)
    assert line == "no model in namespace 'models'; kubeloop submit SPEC makes one"
    with pytest.raises(
        StateError, match="no model 'churn' is served in namespace 'models'; --regi"
    ):
        shown(capsys)


def test_status_during_a_deployment_shows_candidate_share_and_reason(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    release = deployed.release(2, behaviour="never")
    thread = threading.Thread(
        target=roll_out,
        args=(parse(SPEC), release),
        kwargs={"namespace": NAMESPACE, "monitor": "http://monitor:9091", "pace": QUICK},
    )
    thread.start()
    end = time.monotonic() + PATIENCE_S
    while (found := observe("churn", NAMESPACE)) is None or found.candidate is None:
        assert time.monotonic() < end
    lines = shown(capsys)
    deployed.cluster.behave(2, "ready")
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert lines[0] == "churn  version 1 is served, version 2 is a candidate (rolling out)"
    assert lines[1] == "  version 1  100 %  1 pod ready"
    assert lines[2].startswith("  version 2    0 %  0 pods ready")
    assert [line for line in lines if line.startswith("  being deployed by ")]


def test_status_after_a_failed_deployment_says_why_it_was_put_back(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    release = deployed.release(2, behaviour="crashing")
    with pytest.raises(DeployError):
        roll_out(
            parse(SPEC), release, namespace=NAMESPACE, monitor="http://monitor:9091", pace=QUICK
        )
    lines = shown(capsys)
    assert lines[0] == "churn  version 1 is served"
    (why,) = [line for line in lines if "was put back" in line]
    assert "version 2 was put back" in why
    assert "does not come up" in why


def test_status_of_a_model_whose_pods_went_away_shows_the_reason(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    deployed.cluster.behave(1, "unpullable")
    deployed.cluster.settle()
    lines = shown(capsys)
    assert lines[0] == "churn  nothing answers"
    assert [line for line in lines if "ErrImagePull" in line or "ImagePullBackOff" in line]


def test_status_shows_runs_of_the_model_where_kubeflow_is_named(
    deployed: Deployed, kubeflow: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    kubeflow.runs = {
        **{f"{number}-other": a_run("other") for number in range(120)},
        "a": a_run("remote-churn", "20261121-100000-remote-churn-00aa"),
        "b": a_run("churn", "20261121-100000-churn-00aa"),
        "c": a_run("churn-more", "churn-more-x7k2p"),
        "d": a_run("churn", "weekly"),
        "e": {"run_id": "e", "display_name": "churn-by-hand", "state": "FAILED"},
    }
    lines = shown(capsys, place=Place(kubeflow.address))
    runs = [line for line in lines if line.endswith("  failed")]
    assert runs == ["  20261121-100000-churn-00aa  failed", "  weekly  failed"]


def a_run(model: str, name: str = "else") -> dict[str, Any]:
    return {
        "run_id": name,
        "display_name": name,
        "state": "FAILED",
        "runtime_config": {"parameters": {"spec": parse(SPEC.replace("churn", model)).to_json()}},
    }


def test_status_without_kubeflow_or_registry_says_what_is_left_out(
    deployed: Deployed, kubeflow: KubeflowApi, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deployed.serve(1)
    kubeflow.refuse("GET", "/runs", 403, "no")
    damaged = tmp_path / "damaged.db"
    damaged.write_text("no database")
    lines = shown(capsys, registry=f"sqlite:///{damaged}", place=Place(kubeflow.address))
    assert lines[0] == "churn  version 1 is served"
    assert lines[-2].startswith("versions are not shown: the registry ")
    assert lines[-1].startswith("runs are not shown: cannot list runs: ")
    assert "no right" in lines[-1]
    kubeflow.refuse("GET", "/healthz", 503, "no")
    assert shown(capsys, place=Place(kubeflow.address))[-1].startswith("runs are not shown: ")
    with pytest.raises(StateError, match="no model 'gone' is served .*; versions are not shown: "):
        shown(capsys, "gone", registry=f"sqlite:///{damaged}")


def test_command_shows_runs_of_the_kubeflow_that_the_environment_names(
    deployed: Deployed, kubeflow: KubeflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.serve(1)
    kubeflow.runs = {"a": a_run("churn", "weekly")}
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", kubeflow.address)
    arguments = ["status", "churn", "--serving", f"kserve://{NAMESPACE}"]
    done = CliRunner().invoke(model_commands.app, arguments)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "  weekly  failed")


@pytest.mark.parametrize("token", ["secret1\nsecret2", "secret1ж"], ids=["lines", "letter"])
def test_damaged_token_of_a_kubeconfig_is_a_sentence_without_it(
    deployed: Deployed, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
    document["users"][0]["user"] = {"token": token}
    damaged = tmp_path / "damaged.yaml"
    damaged.write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(damaged))
    done = Laptop(tmp_path).run("status", "--serving", f"kserve://{NAMESPACE}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Kubernetes configuration is damaged: its token" in done.stderr
    assert "secret" not in done.stderr


def test_command_shows_the_same(deployed: Deployed, tmp_path: Path) -> None:
    deployed.serve(1)
    arguments = ("--serving", f"kserve://{NAMESPACE}", "--registry", deployed.registry)
    done = Laptop(tmp_path).run("status", "churn", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("churn  version 1 is served\n")


def test_status_is_that_of_the_context_that_is_named(deployed: Deployed, tmp_path: Path) -> None:
    deployed.serve(1)
    lead_astray("production")
    arguments = ("status", "--serving", f"kserve://{NAMESPACE}", "--context")
    every, one = (
        Laptop(tmp_path).run(*arguments, "production"),
        Laptop(tmp_path).run(*arguments, "production", "churn"),
    )
    assert (every.returncode, every.stderr) == (one.returncode, one.stderr) == (0, "")
    assert every.stdout == one.stdout
    assert one.stdout.startswith("churn  version 1 is served\n")
    elsewhere = ("status", "--serving", "kserve://modles", "--context", "production")
    missing = Laptop(tmp_path).run(*elsewhere)
    assert "`kubectl --context production get namespaces` lists" in missing.stderr
    unknown = Laptop(tmp_path).run(*arguments, "staging")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no context 'staging' in" in unknown.stderr
    assert "its contexts are production, astray" in unknown.stderr


def test_context_that_is_named_is_meant_in_a_pod_too(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.serve(1)
    lead_astray("production")
    monkeypatch.setattr("components.deploy.kserve.cluster_connection.in_a_pod", lambda: True)
    found = observe("churn", NAMESPACE, context="production")
    assert found is not None
    assert found.version == 1
    with pytest.raises(DeployError, match="no Kubernetes cluster is configured.*service account"):
        observe("churn", NAMESPACE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--registry", "http://h"), "--registry is of a cluster: give --serving"),
        (("--context", "kind-kubeloop"), "--context is of a cluster: give --serving"),
        (("--serving", "http://127.0.0.1:8080"), "expected kserve://NAMESPACE"),
        (("--serving", "kserve://Models"), "expected http://host:port of a model server, or"),
        (("--serving", "kserve://models", "--monitor", "http://u:secretpw@m"), "'http://***@m'"),
    ],
    ids=["state", "context", "serving", "namespace", "monitor"],
)
def test_wrong_call_says_what_is_missing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = Laptop(tmp_path).run("status", *arguments)
    assert done.returncode == 2
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    assert said in done.stderr
    assert "secretpw" not in done.stderr


@pytest.mark.parametrize("serving", ["x", "kserve://Bad_NS"])
def test_rollback_to_nowhere_is_status_2(tmp_path: Path, serving: str) -> None:
    done = Laptop(tmp_path).run("rollback", "churn", "--serving", serving, "--registry", "http://h")
    assert (done.returncode, done.stdout) == (2, "")
    assert "or kserve://NAMESPACE" in done.stderr
