"""Deployments to a cluster in memory: a spec, releases with real bundles, and a quick pace."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.bundle import read
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.rollout import Release, roll_out
from components.deploy.serving import Proof
from components.spec import Spec, parse
from tests.bundles import Fitted, build, reseal
from tests.kubernetes_api import Call, Cluster

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


def deploy(release: Release, *, pace: Pace = PACE, **serve: Any) -> Proof:
    """Rolls a release out; the monitor is told nothing."""
    return roll_out(
        spec(**serve),
        release,
        namespace=NAMESPACE,
        monitor=MONITOR,
        pace=pace,
    )


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


def names_of_pods(cluster: Cluster) -> set[str]:
    """Names of the pods that stay."""
    found = [pod["metadata"] for pod in cluster.api.list("Pod", NAMESPACE)]
    return {metadata["name"] for metadata in found if "deletionTimestamp" not in metadata}


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
