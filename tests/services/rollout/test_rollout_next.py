"""Deploy is killed after each change that it makes, and the next version is deployed after it.

A killed deployment is not always run again: its pipeline may have been given up, and the next one
finds what it left. A process of its own deploys; the API server kills it, by SIGKILL, once the
InferenceService or the journal differs from before. The end is always the next version or, where
that one fails, a version that was good; and never one without a ready pod behind its traffic.
"""

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from components.deploy.kserve.journal import ANNOTATION
from components.deploy.kserve.status import observe
from components.errors import DeployError
from tests.children import Child
from tests.kubernetes_api import Behaviour, Call, Cluster
from tests.rollouts import NAME, NAMESPACE, Bundles, deploy, expire_lease, started

WRITES = ("create", "update", "patch", "delete")


def left(cluster: Cluster) -> str:
    """What the next deployment finds: the InferenceService as it is wanted, and the journal."""
    service = cluster.api.get("InferenceService", NAME, NAMESPACE) or {}
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE) or {"metadata": {}}
    annotations = service.get("metadata", {}).get("annotations")
    journal = (lease["metadata"].get("annotations") or {}).get(ANNOTATION)
    return f"{service.get('spec')} {annotations} {journal}"


def kill(cluster: Cluster, bundles: Bundles, version: int, at: int) -> bool:
    """Deploys in a process that is killed after its n-th change; False where there is none such.

    What it writes without a change, as a renewal of its Lease, leaves what the change before left.
    """
    child = Child(lambda: _outcome(bundles, version))
    changes = [left(cluster)]

    def end(_: Call) -> str | None:
        now = left(cluster)
        if now == changes[-1]:
            return None
        changes.append(now)
        if len(changes) <= at:
            return None
        child.send(signal.SIGKILL)
        return "drop"

    cluster.api.on_call(end, moment="done", verbs=WRITES)
    child.begin()
    status = child.end()
    cluster.api.on_call(None)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def _outcome(bundles: Bundles, version: int) -> int:
    deploy(bundles.release(version))
    return 0


def fresh(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles, *, gateway_api: bool
) -> Iterator[Cluster]:
    """Makes clusters without end; the one before is closed each time."""
    for number in count():
        place = folder / str(number)
        place.mkdir()
        with started(place, monkeypatch, bundles, gateway_api=gateway_api) as cluster:
            yield cluster


def check(cluster: Cluster, allowed: set[int], where: str) -> None:
    """Holds the end against what it has to be: one of the versions, or nothing for 0."""
    cluster.settle()
    seen = observe(NAME, NAMESPACE)
    version = seen.version if seen else 0
    served = {version} - {0}
    assert version in allowed, where
    assert cluster.serving(NAME) == served, where
    assert set(cluster.versions(NAME)) == served, where
    assert cluster.traffic(NAME) == dict.fromkeys(served, 100), where
    assert cluster.outages(NAME) == [], where
    there = {
        kind: {one["metadata"]["name"] for one in cluster.api.list(kind, NAMESPACE)}
        for kind in ("Deployment", "HorizontalPodAutoscaler")
    }
    assert there["HorizontalPodAutoscaler"] == there["Deployment"], where
    if seen is not None:
        assert (seen.candidate, seen.phase, seen.deployer) == (None, "served", ""), where


@pytest.mark.parametrize("gateway_api", [True, False], ids=["gateway", "plain"])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("behaviour", ["ready", "unpullable"])
def test_version_after_one_whose_deployment_was_killed_ends_well(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bundles: Bundles,
    gateway_api: bool,
    before: int,
    behaviour: Behaviour,
) -> None:
    killed, following = before + 1, before + 2
    clusters = fresh(tmp_path, monkeypatch, bundles, gateway_api=gateway_api)
    for at, cluster in zip(count(1), clusters, strict=False):
        if before:
            deploy(bundles.release(before))
        if not kill(cluster, bundles, killed, at):
            break
        expire_lease(cluster)
        cluster.behave(following, behaviour)
        where = f"killed after change {at}"
        if behaviour == "ready":
            deploy(bundles.release(following))
            check(cluster, {following}, where)
        else:
            with pytest.raises(DeployError, match=f"version {following} of 'fares' was put back"):
                deploy(bundles.release(following))
            check(cluster, {before, killed}, where)
    clusters.close()
    # On record, made, and on record as done; the second one is a candidate and promoted, too.
    assert at > (5 if before else 3)
