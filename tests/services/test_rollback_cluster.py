"""`kubeloop rollback --serving kserve://…` against a cluster in memory, over real HTTP."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError, DeployError, StateError
from components.register.registry import Registry
from components.spec import parse
from pipelines.cluster_rollback import roll_back_cluster
from tests.bundles import Fitted, build
from tests.deployed import NAMESPACE, QUICK, SPEC, Deployed, empty_registry
from tests.kubernetes_api import Cluster
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import Laptop

BUCKET = "mlpipeline"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, fitted: Fitted) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    other = fitted.manifest.model_copy(update={"name": "other"})
    Registry(f"sqlite:///{path}").register(other, "/nowhere")
    return path


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    without_credentials(monkeypatch)
    yield from running_store(monkeypatch, BUCKET)


@pytest.fixture
def deployed(cluster: Cluster, made: Path, fitted: Fitted, store: Any, tmp_path: Path) -> Deployed:
    return Deployed(cluster, empty_registry(made, tmp_path), fitted, tmp_path / "bundles", store)


def rolled_back(deployed: Deployed, to: int | None = None, **how: Any) -> None:
    registry = how.pop("registry", deployed.registry)
    roll_back_cluster("churn", to, namespace=NAMESPACE, registry=registry, pace=QUICK, **how)


def champion(deployed: Deployed) -> int | None:
    found = Registry(deployed.registry).champion("churn")
    return found.number if found else None


def test_rollback_puts_the_version_before_into_service_without_an_outage(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    assert deployed.cluster.serving("churn") == {2}
    rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {1}
    assert deployed.cluster.outages("churn") == []
    assert champion(deployed) == 1
    said = "churn version 1 is champion and served, replacing version 2\n"
    assert capsys.readouterr().out == said
    # And forward again, by its number.
    rolled_back(deployed, 2)
    assert deployed.cluster.serving("churn") == {2}
    assert champion(deployed) == 2


def test_rollback_that_was_cut_off_before_the_registry_knew_is_completed(
    deployed: Deployed,
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    rolled_back(deployed)
    Registry(deployed.registry).crown("churn", 2)
    rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {1}
    assert champion(deployed) == 1


def test_rollback_of_a_version_that_was_never_crowned_goes_to_the_champion(
    deployed: Deployed,
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    deployed.serve(3)
    Registry(deployed.registry).crown("churn", 2)
    rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {2}
    assert champion(deployed) == 2


def test_rollback_to_what_is_served_changes_nothing(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    before = deployed.cluster.api.get("InferenceService", "churn", NAMESPACE)
    rolled_back(deployed, 1)
    assert deployed.cluster.api.get("InferenceService", "churn", NAMESPACE) == before
    assert capsys.readouterr().out == "churn version 1 is champion and served\n"


def test_rollback_to_a_version_that_does_not_come_up_leaves_what_is_served(
    deployed: Deployed,
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    deployed.cluster.behave(1, "crashing", log=["no memory"])
    with pytest.raises(DeployError, match="no memory"):
        rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {2}
    assert deployed.cluster.outages("churn") == []
    assert champion(deployed) == 2


def test_rollback_of_what_is_not_served_says_so(deployed: Deployed) -> None:
    with pytest.raises(StateError, match="nothing is served of 'churn' in namespace 'models'"):
        rolled_back(deployed)
    deployed.serve(1)
    with pytest.raises(StateError, match="has no version before the champion: versions are 1"):
        rolled_back(deployed)
    with pytest.raises(StateError, match="has no version 7: versions are 1"):
        rolled_back(deployed, 7)


def test_rollback_without_the_store_takes_the_spec_from_a_file(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(DataError, match="cannot be read from here: .*--spec FILE"):
        rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {2}
    with pytest.raises(StateError, match="the spec is of 'other': expected that of 'churn'"):
        rolled_back(deployed, spec=parse(SPEC.replace("churn", "other")))
    rolled_back(deployed, spec=parse(SPEC))
    assert deployed.cluster.serving("churn") == {1}


def test_rollback_to_a_bundle_that_is_gone_says_where_it_was(deployed: Deployed) -> None:
    deployed.serve(1)
    deployed.serve(2)
    for entry in deployed.store.list_objects_v2(Bucket=BUCKET)["Contents"]:
        deployed.store.delete_object(Bucket=BUCKET, Key=entry["Key"])
    said = "the bundle of 'churn' version 1 cannot be read from here: .*/1/package/.*not there"
    with pytest.raises(DataError, match=said):
        rolled_back(deployed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--serving", "kserve://models"), "needs --registry URL: it knows the versions"),
        (("--serving", "http://127.0.0.1:8080", "--registry", "x"), "expected kserve://NAMESPACE"),
        (("--registry", "http://127.0.0.1:1"), "--registry is of a cluster: give --serving"),
    ],
    ids=["registry", "serving", "state"],
)
def test_wrong_call_is_status_2(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = Laptop(tmp_path).run("rollback", "churn", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_command_rolls_back_and_says_what_it_did(deployed: Deployed, tmp_path: Path) -> None:
    deployed.serve(1)
    deployed.serve(2)
    arguments = ("--serving", f"kserve://{NAMESPACE}", "--registry", deployed.registry)
    done = Laptop(tmp_path).run("rollback", "churn", "--to", "1", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^churn version 1 is champion and served", done.stdout, re.MULTILINE)
    assert deployed.cluster.serving("churn") == {1}
