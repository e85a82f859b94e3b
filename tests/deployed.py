"""Models that are served in a cluster of tests/kubernetes_api and registered, for tests."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.bundle import Manifest
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.rollout import Release, roll_out
from components.register.registry import Registry
from components.spec import from_json, parse
from tests.bundles import Fitted, reseal
from tests.kubernetes_api import Cluster

NAMESPACE = "models"
# A test's cluster has its own time: what is waited for there comes with the next look.
QUICK = Pace(
    poll_s=0.02,
    ready_s=60.0,
    grace_s=0.2,
    sample_s=0.02,
    drain_s=0.1,
    queue_s=60.0,
    retry_s=0.01,
)
SPEC = """\
name: churn
task: binary
source: s3://bucket/rows.csv
target: Churn
positive: "Yes"
serve: {latency_ms: 5000, watch_s: 0, replicas: {min: 1, max: 1}, canary: [50]}
"""


def lead_astray(context: str) -> None:
    """Gives the cluster of KUBECONFIG a context's name, and makes another the current one.

    Nobody answers where that leads.
    """
    path = Path(os.environ["KUBECONFIG"])
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    used = next(c for c in document["contexts"] if c["name"] == document["current-context"])
    document["contexts"] = [
        {"name": context, "context": used["context"]},
        {"name": "astray", "context": {**used["context"], "cluster": "astray"}},
    ]
    document["clusters"] += [{"name": "astray", "cluster": {"server": "http://127.0.0.1:1"}}]
    document["current-context"] = "astray"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


@dataclass(frozen=True)
class Deployed:
    """A model `churn`, its cluster and its registry.

    Attributes:
        cluster: where it is served.
        registry: its address.
        fitted: the bundle that all versions are copies of.
        folder: for bundles.
        store: a client of the object store; None where there is none.
    """

    cluster: Cluster
    registry: str
    fitted: Fitted
    folder: Path
    store: Any = None

    def release(self, number: int, *, behaviour: str = "ready", **how: Any) -> Release:
        """Registers a version, puts its bundle into the store, and says how its pods behave."""
        manifest = self.fitted.manifest.model_copy(
            update={"run_id": f"run-{number}", "spec": self._spec()}
        )
        folder = reseal(
            self.fitted, self.folder / str(number), run_id=manifest.run_id, spec=manifest.spec
        )
        uri = f"minio://mlpipeline/v2/artifacts/kubeloop-training/{number}/package/1/bundle"
        assert Registry(self.registry).register(manifest, uri) == number
        self.cluster.put_bundle(uri.replace("minio", "s3"), folder)
        self.cluster.behave(number, behaviour, **how)  # type: ignore[arg-type]
        if self.store:
            text = (folder / "bundle.json").read_bytes()
            key = f"{uri.removeprefix('minio://mlpipeline/')}/bundle.json"
            self.store.put_object(Bucket="mlpipeline", Key=key, Body=text)
        read = Manifest.model_validate_json((folder / "bundle.json").read_bytes())
        return Release(number, uri, read.runtime, read)

    def serve(self, number: int) -> None:
        """Brings a version into service and crowns it, as a run does."""
        self.roll_out(number)
        Registry(self.registry).crown("churn", number)

    def roll_out(self, number: int, introduce: Callable[[], None] = lambda: None) -> None:
        """Brings a version into service; `introduce` is called while its Lease is held."""
        spec = from_json(parse(SPEC).to_json())
        roll_out(
            spec,
            self.release(number),
            namespace=NAMESPACE,
            monitor="http://monitor:9091",
            introduce=introduce,
            pace=QUICK,
        )

    @staticmethod
    def _spec() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(parse(SPEC).to_json())
        return found


def empty_registry(made: Path, folder: Path) -> str:
    """Copies a registry file whose tables are made, which costs a second each time."""
    shutil.copyfile(made, folder / "registry.db")
    return f"sqlite:///{folder / 'registry.db'}"
