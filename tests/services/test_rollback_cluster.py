"""`kubeloop rollback --serving kserve://…` against a cluster in memory, over real HTTP."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.deploy.kserve.rollout import roll_out
from components.errors import DataError, DeployError, RegistryError, StateError
from components.register.registry import Registry
from components.spec import parse
from pipelines.cluster_rollback import roll_back_cluster
from tests.deployed import NAMESPACE, QUICK, SPEC, Deployed, lead_astray
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import Laptop
from tests.serving import wait_for

BUCKET = "mlpipeline"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    without_credentials(monkeypatch)
    yield from running_store(monkeypatch, BUCKET)


@pytest.fixture
def deployed(deployed: Deployed, store: Any) -> Deployed:
    return replace(deployed, store=store)


def rolled_back(deployed: Deployed, to: int | None = None, **how: Any) -> None:
    registry = how.pop("registry", deployed.registry)
    pace = how.pop("pace", QUICK)
    roll_back_cluster("churn", to, namespace=NAMESPACE, registry=registry, pace=pace, **how)


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


def test_rollback_waits_for_a_deployment_and_goes_back_from_what_that_served(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    under_way, said = threading.Event(), ""

    def waits() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "waiting for another deployment of 'churn' to end: '" in said

    def introduce() -> None:
        # The deployment of version 3 holds the Lease by now.
        under_way.set()
        assert wait_for(waits)

    with ThreadPoolExecutor(1) as pool:
        newest = pool.submit(deployed.roll_out, 3, introduce=introduce)
        assert under_way.wait(60)
        rolled_back(deployed, pace=replace(QUICK, told_s=0.0))
        newest.result()
    said += capsys.readouterr().out
    assert said.endswith("churn version 2 is champion and served, replacing version 3\n")
    assert deployed.cluster.serving("churn") == {2}
    assert champion(deployed) == 2


def test_rollback_that_the_registry_refuses_says_what_is_served_and_what_completes_it(
    deployed: Deployed,
) -> None:
    for number in (1, 2, 3):
        deployed.serve(number)
    file = deployed.registry.removeprefix("sqlite:///")
    with sqlite3.connect(file) as tables:
        refusal = "BEGIN SELECT RAISE(ABORT, 'nobody may write'); END"
        for verb in ("INSERT", "UPDATE", "DELETE"):
            where = f"BEFORE {verb} ON registered_model_aliases"
            tables.execute(f"CREATE TRIGGER no_{verb} {where} {refusal}")
    said = (
        "^version 2 of 'churn' is served; champion could not be moved to it: the registry .* "
        "failed: .*nobody may write.*; the same command with --to 2 completes it$"
    )
    with pytest.raises(RegistryError, match=said):
        rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {2}
    assert champion(deployed) == 3
    with sqlite3.connect(file) as tables:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            tables.execute(f"DROP TRIGGER no_{verb}")
    rolled_back(deployed, 2)
    assert deployed.cluster.serving("churn") == {2}
    assert champion(deployed) == 2


def test_rollback_goes_past_a_version_that_was_put_back(deployed: Deployed) -> None:
    deployed.serve(1)
    with pytest.raises(DeployError, match="was put back, version 1 is served"):
        roll_out(
            parse(SPEC),
            deployed.release(2, behaviour="erring"),
            namespace=NAMESPACE,
            monitor="http://monitor:9091",
            pace=QUICK,
        )
    deployed.serve(3)
    rolled_back(deployed)
    assert deployed.cluster.serving("churn") == {1}


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
    with pytest.raises(StateError, match="has no champion before this one: versions are 1"):
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


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (
            "minio",
            r"none: set AWS_ACCESS_KEY_ID and .*\. Set AWS_ENDPOINT_URL and credentials of the "
            "object store, or give the spec that it was trained by: --spec FILE$",
        ),
        (
            "gs",
            r"none: mount a key file and name it in GOOGLE_APPLICATION_CREDENTIALS, or ((?!AWS).)*"
            r"\. Give the spec that it was trained by: --spec FILE$",
        ),
    ],
)
def test_rollback_without_credentials_names_those_of_the_store(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, scheme: str, said: str
) -> None:
    registry = Registry(deployed.registry)
    assert registry.register(deployed.fitted.manifest, f"{scheme}://{BUCKET}/bundle") == 1
    deployed.serve(2)
    without_credentials(monkeypatch)
    with pytest.raises(DataError, match=said):
        rolled_back(deployed, 1)
    assert deployed.cluster.serving("churn") == {2}


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


def test_command_rolls_back_in_the_context_that_is_named(
    deployed: Deployed, tmp_path: Path
) -> None:
    deployed.serve(1)
    deployed.serve(2)
    lead_astray("production")
    arguments = ("--serving", f"kserve://{NAMESPACE}", "--registry", deployed.registry)
    done = Laptop(tmp_path).run("rollback", "churn", *arguments, "--context", "production")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("churn version 1 is champion and served, replacing version 2\n")
    assert deployed.cluster.serving("churn") == {1}
