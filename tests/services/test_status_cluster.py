"""`kubeloop status --serving kserve://…` against a cluster in memory, over real HTTP."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.deploy.kserve.rollout import roll_out
from components.deploy.kserve.status import observe
from components.errors import DeployError, StateError
from components.register.registry import Registry
from components.spec import parse
from pipelines import model_commands
from pipelines.cluster_status import Sources, show_cluster_status
from pipelines.kubeflow.place import Place
from tests.bundles import Fitted, build
from tests.deployed import NAMESPACE, QUICK, SPEC, Deployed, empty_registry
from tests.kubeflow_api import KubeflowApi
from tests.kubernetes_api import Cluster
from tests.pipelines.laptop import Laptop

PATIENCE_S = 60


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, fitted: Fitted) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    other = fitted.manifest.model_copy(update={"name": "other"})
    Registry(f"sqlite:///{path}").register(other, "s3://bucket/other")
    return path


@pytest.fixture
def deployed(cluster: Cluster, made: Path, fitted: Fitted, tmp_path: Path) -> Deployed:
    return Deployed(cluster, empty_registry(made, tmp_path), fitted, tmp_path / "bundles")


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--registry", "http://h"), "--registry is of a cluster: give --serving"),
        (("--serving", "http://127.0.0.1:8080"), "expected kserve://NAMESPACE"),
        (("--serving", "kserve://Models"), "expected http://host:port of a model server, or"),
        (("--serving", "kserve://models", "--monitor", "http://u:secretpw@m"), "'http://***@m'"),
    ],
    ids=["state", "serving", "namespace", "monitor"],
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
