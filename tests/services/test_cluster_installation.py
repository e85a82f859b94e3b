"""What the tests of a real cluster stand on, with real kubectl against an API on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.installation import SPEC, Installation
from tests.cluster.test_rights import granted, rights
from tests.healthy_cluster import document
from tests.manifests.rendered import MANIFESTS, needs_kubectl
from tests.pipelines.local_cluster import LocalCluster

pytestmark = needs_kubectl
NOWHERE = "http://127.0.0.1:1"
TEAM = "kubeloop-test-1"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    made = LocalCluster(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(made.world / "kubeconfig"))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield made
    made.close()


def test_installation_has_a_namespace_of_its_own_and_leaves_nothing(
    machine: LocalCluster, tmp_path: Path
) -> None:
    before = {space["metadata"]["name"] for space in machine.api.list("Namespace")}
    installation = Installation(TEAM, NOWHERE, NOWHERE)
    installation.install(tmp_path / "installation")
    names = {
        (d["metadata"]["namespace"], d["metadata"]["name"]) for d in machine.api.list("Deployment")
    }
    assert names == {(TEAM, "monitor"), (TEAM, "mlflow")}
    assert machine.snapshot("Secret", "tracking-database", TEAM)["data"]
    service = document("serving.kserve.io/v1beta1", "InferenceService", "churn", TEAM)
    machine.api.put({**service, "spec": {"predictor": {}}})
    installation.remove()
    assert {space["metadata"]["name"] for space in machine.api.list("Namespace")} == before
    assert machine.api.list("InferenceService") == []


def test_rights_are_read_as_a_server_grants_them(machine: LocalCluster) -> None:
    role = yaml.safe_load((MANIFESTS / "base" / "access" / "role.yaml").read_text("utf-8"))
    machine.api.permit(role["rules"], namespace=TEAM)
    assert granted(TEAM) == rights(role["rules"])
    assert granted("default") == set()


def test_commands_of_the_tests_are_ones_that_there_are(machine: LocalCluster) -> None:
    """They get as far as to the server, where nobody answers."""
    installation = Installation(TEAM, NOWHERE, NOWHERE)
    changes = ("search.seed=8", "gates.champion.min_gain=-1", "serve.memory=24Mi")
    place = ("--host", NOWHERE)
    schedule = ("schedule", str(SPEC), "--set", "name=a", "--cron", "0 3 1 1 *", *place)
    for done in (
        installation.submit("visits-1", *changes),
        installation.kubeloop(*schedule, "--serving", f"kserve://{TEAM}"),
        installation.kubeloop("schedule", "--list", *place),
        installation.kubeloop("schedule", "--delete", "visits-1", *place),
    ):
        assert done.returncode == 1, done.stderr
        assert "cannot reach Kubeflow Pipelines" in done.stderr
    machine.api.put(document("v1", "Namespace", TEAM))
    status = installation.kubeloop("status", "visits-1", "--serving", f"kserve://{TEAM}")
    assert status.returncode == 1
    assert "visits-1" in status.stderr
