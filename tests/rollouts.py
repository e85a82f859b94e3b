"""Deployments to a cluster in memory: a spec, releases with real bundles, and a quick pace."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.bundle import read
from components.champion import Champion
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.journal import Journal
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.rollout import Choice, Release, roll_back, roll_out
from components.errors import DeployError
from components.proof import Proof
from components.spec import Spec, parse
from tests.bundles import Fitted, build, reseal
from tests.kubernetes_api import Call, Cluster
from tests.kubernetes_api.calls import Moment

NAME = "fares"
NAMESPACE = "models"
MONITOR = "http://monitor.models:9091"
# What polls does so all the time, and what waits for long has room on a busy machine.
PACE = Pace(poll_s=0.005, sample_s=0.005, drain_s=0.05, ready_s=30, grace_s=0.2, retry_s=0.01)


@dataclass(frozen=True)
class Bundles:
    """Versions of one model, each with other answers."""

    fitted: dict[int, Fitted]

    def release(self, version: int) -> Release:
        """A version as the registry knows it, by KFP's name of its place."""
        manifest = self.fitted[version].manifest
        return Release(version, f"minio://mlpipeline/{version}", "onnx", manifest)

    def put_into(self, cluster: Cluster) -> None:
        """Puts the bundles where the cluster's pods fetch them."""
        for version, fitted in self.fitted.items():
            cluster.put_bundle(f"s3://mlpipeline/{version}", fitted.folder)


def build_bundles(folder: Path, versions: tuple[int, ...] = (1, 2, 3)) -> Bundles:
    """Fits and seals a bundle for each version."""
    return Bundles({version: _build(folder / str(version), version) for version in versions})


def _build(folder: Path, version: int) -> Fitted:
    fitted = build(folder / "raw", "regression", name=NAME, shift=version * 5.0)
    (fitted.folder / "reference.json").write_text("{}", encoding="utf-8")
    sealed = reseal(fitted, folder / "sealed")
    return Fitted(sealed, read(sealed), fitted.pipeline)


def spec(**serve: Any) -> Spec:
    """A spec that is watched for no longer than one reading; a latency that any machine keeps."""
    section = {"latency_ms": 5000.0, "watch_s": 0.0, "canary": [50], "max_error_ratio": 0.01}
    document = {
        "name": NAME,
        "task": "regression",
        "source": "sklearn://diabetes",
        "target": "target",
        "serve": section | serve,
    }
    return parse(json.dumps(document))


def deploy(
    release: Release,
    *,
    pace: Pace = PACE,
    introduce: Callable[[], None] = lambda: None,
    compared: Champion | None = None,
    **serve: Any,
) -> Proof:
    """Rolls a release out; the monitor is told nothing, unless by `introduce`."""
    return roll_out(
        spec(**serve),
        release,
        namespace=NAMESPACE,
        monitor=MONITOR,
        compared=compared,
        introduce=introduce,
        pace=pace,
    )


def go_back(
    release: Release,
    *,
    pace: Pace = PACE,
    say: Callable[[str], None] = lambda _: None,
    told: Callable[[int], None] = lambda _: None,
    **serve: Any,
) -> Proof:
    """Rolls back to a release; `told` hears what serves by the time that it is chosen."""

    def choose(served: int) -> Choice:
        told(served)
        return Choice(spec(**serve), release)

    return roll_back(NAME, choose, namespace=NAMESPACE, say=say, pace=pace)


def expire_lease(cluster: Cluster) -> None:
    """Does what time does to the Lease of somebody who was killed."""
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    if lease is not None:
        lease["spec"]["leaseDurationSeconds"] = 0
        cluster.api.put(lease)


@contextmanager
def started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles, *, gateway_api: bool = True
) -> Iterator[Cluster]:
    """Starts a cluster that has the bundles, and lets KUBECONFIG name it."""
    cluster = Cluster(folder, namespaces=(NAMESPACE,), gateway_api=gateway_api)
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    bundles.put_into(cluster)
    try:
        yield cluster
    finally:
        cluster.close()


def record(journal: Journal) -> None:
    """Puts on record what a deployment leaves there that is killed at some moment."""
    with Lease(connect(), NAMESPACE, NAME, PACE) as lease:
        lease.keep(journal)


def recorded() -> Journal:
    """What is on record of the model's deployments."""
    with Lease(connect(), NAMESPACE, NAME, PACE) as lease:
        return lease.journal


def service_of(cluster: Cluster) -> dict[str, Any]:
    """The model's InferenceService."""
    found = cluster.api.get("InferenceService", NAME, NAMESPACE)
    assert found is not None
    return found


def share_of(cluster: Cluster) -> int:
    """Percent of the traffic that the InferenceService gives version 2."""
    found = service_of(cluster)["spec"]
    if found["predictor"]["name"] == "v2":
        return 100
    entries = found.get("canary") or [{"trafficPercent": 0}]
    return int(entries[0]["trafficPercent"])


def strand_at_half(cluster: Cluster, release: Release, replicas: dict[str, int]) -> None:
    """Deploys version 2 and cuts it off from the API server once it has half of the traffic."""

    def cut(call: Call) -> str | None:
        return "drop" if share_of(cluster) == 50 else None

    cluster.api.on_call(cut, moment="arrived")
    hasty = Pace(poll_s=0.005, sample_s=0.005, ready_s=30, retry_s=0.0001)
    with pytest.raises(DeployError, match="could not be put back"):
        deploy(release, pace=hasty, replicas=replicas)
    cluster.api.on_call(None)


def kill_at_first_change(cluster: Cluster, release: Release, moment: Moment) -> None:
    """Kills a deployment when its first change of the InferenceService arrives, or once it is done.

    Whoever loses the API for good leaves as much as who is killed; and its Lease runs out.
    """
    reached: list[Call] = []

    def cut(call: Call) -> str | None:
        if call.resource == "inferenceservices" and call.verb == "patch":
            reached.append(call)
        return "drop" if reached else None

    cluster.api.on_call(cut, moment=moment)
    with pytest.raises(DeployError):
        deploy(release, pace=Pace(poll_s=0.005, ready_s=30, retry_s=0.0001))
    cluster.api.on_call(None)
    assert reached
    expire_lease(cluster)


def names_of_pods(cluster: Cluster) -> set[str]:
    """Names of the pods that stay."""
    found = [pod["metadata"] for pod in cluster.api.list("Pod", NAMESPACE)]
    return {metadata["name"] for metadata in found if "deletionTimestamp" not in metadata}


def scale_up(cluster: Cluster, count: int) -> list[str]:
    """Gives version 1 more ready pods, as an autoscaler does; returns their names."""
    pods = cluster.api.list("Pod", NAMESPACE)
    (pod,) = [p for p in pods if p["metadata"]["labels"]["app.kubernetes.io/version"] == "1"]
    names = [f"{NAME}-v1-more-{number}" for number in range(count)]
    for name in names:
        metadata = {"labels": pod["metadata"]["labels"], "namespace": NAMESPACE, "name": name}
        cluster.api.put(pod | {"metadata": metadata})
    return names


def writes(calls: list[Call]) -> set[str]:
    """What was written."""
    verbs = ("create", "update", "patch", "delete")
    return {call.resource for call in calls if call.verb in verbs}


def check_served(cluster: Cluster, version: int) -> None:
    """Holds what is served against what should be, and that it was so without a gap."""
    cluster.settle()
    assert cluster.serving(NAME) == {version}
    assert cluster.traffic(NAME) == {version: 100}
    assert set(cluster.versions(NAME)) == {version}
    assert cluster.outages(NAME) == []
