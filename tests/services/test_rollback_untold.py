"""`kubeloop rollback` on a cluster, whose reader has left: what is served comes first."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.deploy.kserve.status import observe
from components.deploy.kserve.variants import candidate_of, stable_of
from components.register.registry import Registry
from tests.deployed import NAMESPACE, SPEC, Deployed
from tests.kubernetes_api import Call, Cluster

# The command, which tells at once what it waits for.
TALKATIVE = """\
from components.deploy.kserve.pace import Pace
from pipelines import cli
from pipelines.cluster_rollback import roll_back_cluster
pace = Pace(poll_s=0.02, ready_s=60, sample_s=0.02, drain_s=0.1, retry_s=0.01, told_s=0)
roll_back_cluster.__kwdefaults__["pace"] = pace
cli.main()
"""
UNTOLD = "standard output cannot be written: nobody reads it any more; the command stopped there"


@pytest.fixture(params=[True, False], ids=["gateway", "plain"])
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    with Cluster(tmp_path, gateway_api=request.param) as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
        yield made


@pytest.fixture
def deployed(deployed: Deployed) -> Deployed:
    """Two versions, of which the second serves."""
    deployed.serve(1)
    deployed.serve(2)
    return deployed


def rolled_back(deployed: Deployed, folder: Path, written: int) -> tuple[int, str]:
    """Calls the command, with such a standard output; returns its status and what it complained."""
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    serving = ("--serving", f"kserve://{NAMESPACE}", "--registry", deployed.registry)
    arguments = ("rollback", "churn", *serving, "--spec", "spec.yaml")
    done = subprocess.run(
        [sys.executable, "-P", "-c", TALKATIVE, *arguments],
        cwd=folder,
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr


def be_slow(cluster: Cluster, version: int) -> None:
    """Has pods of a version come up some looks later, however long those take."""
    cluster.behave(version, "slow", calls=10, seconds=3600.0)


def test_rollback_that_nobody_reads_is_done(deployed: Deployed, tmp_path: Path) -> None:
    be_slow(deployed.cluster, 1)
    read, written = os.pipe()
    os.close(read)
    try:
        status, said = rolled_back(deployed, tmp_path, written)
    finally:
        os.close(written)
    done = "churn version 1 is champion and served, replacing version 2"
    assert (status, said) == (1, f"kubeloop: {done}; {UNTOLD}\n")
    assert deployed.cluster.serving("churn") == {1}
    found = Registry(deployed.registry).champion("churn")
    assert found is not None
    assert found.number == 1


def test_rollback_that_fails_is_put_back_when_its_reader_has_left(
    deployed: Deployed, tmp_path: Path
) -> None:
    cluster, failed = deployed.cluster, list[Call]()
    read, written = os.pipe()

    def fail(call: Call) -> None:
        service = cluster.api.get("InferenceService", "churn", NAMESPACE)
        assert service is not None
        if failed or stable_of(service).version != 1 or candidate_of(service) is not None:
            return
        failed.append(call)
        os.close(read)
        be_slow(cluster, 2)
        cluster.api.fail("list", "/pods", status=403)

    cluster.api.on_call(fail, moment="done", verbs=["patch"])
    try:
        status, said = rolled_back(deployed, tmp_path, written)
    finally:
        os.close(written)
    cluster.api.on_call(None)
    assert failed
    first, second = said.splitlines()
    assert status == 1
    assert first.startswith("kubeloop: version 1 of 'churn' was put back, version 2 is served: ")
    assert second == f"kubeloop: {UNTOLD}"
    assert cluster.serving("churn") == {2}
    seen = observe("churn", NAMESPACE)
    assert seen is not None
    assert (seen.version, seen.candidate, seen.phase) == (2, None, "served")
    found = Registry(deployed.registry).champion("churn")
    assert found is not None
    assert found.number == 2
