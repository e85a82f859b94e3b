"""Kubeloop in a namespace of its own on a real cluster, with what a test does there.

The namespace is gone at the end. What lies in Kubeflow's own namespace, `kubeflow`, stays, for
nobody can tell there what is whose: the runs of models named `visits-…` with their pods and
artifacts, the experiments that hold them, and the Secrets `kubeloop-bundles` and
`kubeloop-sources`, which the overlay of every namespace shares.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.cluster.kubernetes import Document, forwarded, get, items, kubectl, manifests

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "pipelines" / "specs" / "breast-cancer.yaml"
# What Prometheus has of a predictor and of the monitor once it has scraped them.
SCRAPED = ("kubeloop_requests_total", "kubeloop_events_total")
# Where the images were pushed, for a cluster that is not kind's.
REGISTRY = os.environ.get("KUBELOOP_TEST_REGISTRY", "")
# Until the monitor and MLflow answer: their images may have to be pulled.
_UP = "--timeout=15m"
_RUN_S = 3600
_ONE_SERVER = ("serve.replicas.max=1",)
# Between two questions of one of the load's four clients, seconds.
_PAUSE_S = 0.02


@dataclass
class Installation:
    """One namespace.

    Attributes:
        namespace: its name.
        pipelines: address of Kubeflow Pipelines.
        gateway: address of the gateway.
    """

    namespace: str
    pipelines: str
    gateway: str
    models: list[str] = field(default_factory=list)

    def install(self, folder: Path) -> None:
        """Applies the overlay and its Secrets, and waits until all is up."""
        overlay = manifests(folder, ROOT, self.namespace, REGISTRY)
        kubectl("apply", "--server-side", "-k", str(overlay))
        script = overlay / "secrets.sh"
        environment = {**os.environ, "NAMESPACE": self.namespace}
        subprocess.run(["sh", str(script)], env=environment, check=True, timeout=300)
        names = ("deployment/monitor", "deployment/mlflow")
        kubectl("-n", self.namespace, "wait", "--for=condition=Available", _UP, *names)

    def kubeloop(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command as a user does, with variables of the environment besides."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.cli", *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=_RUN_S,
        )

    def submit(self, name: str, *changes: str) -> "subprocess.CompletedProcess[str]":
        """Submits the example under a name of its own, and waits for the run's end."""
        # One server for each version: more would take the room of the run's own pods on a small
        # cluster, and the load that makes them goes on until the run has ended.
        settings = (f"name={name}", "search.trials=2", "serve.watch_s=15", *_ONE_SERVER, *changes)
        image = f"{REGISTRY}/kubeloop/pipeline:0.1.0" if REGISTRY else ""
        options = [word for change in settings for word in ("--set", change)]
        options += ["--host", self.pipelines, "--serving", f"kserve://{self.namespace}"]
        options += ["--image", image] if image else []
        return self.kubeloop("submit", str(SPEC), *options, "--wait")

    def service(self, name: str) -> Document:
        return get("inferenceservice", name, self.namespace)

    def served(self, name: str) -> str:
        """The version that is served, once KServe says that it is ready."""
        wait = ("wait", "--for=condition=Ready", "--timeout=5m", f"inferenceservice/{name}")
        kubectl("-n", self.namespace, *wait)
        return str(self.service(name)["spec"]["predictor"]["labels"]["app.kubernetes.io/version"])

    def host(self, name: str) -> str:
        return str(urlsplit(self.service(name)["status"]["url"]).netloc)

    def ask(self, name: str, path: str, body: Any, client: httpx.Client) -> httpx.Response:
        """Asks through the gateway, by the name that clients use."""
        return client.post(self.gateway + path, json=body, headers={"Host": self.host(name)})

    def example(self, name: str, client: httpx.Client) -> dict[str, float]:
        """A row that the model takes: every input of its metadata, at 1."""
        answer = client.get(f"{self.gateway}/v2/models/{name}", headers={"Host": self.host(name)})
        answer.raise_for_status()
        return {one["name"]: 1.0 for one in answer.json()["inputs"]}

    def pods(self, name: str) -> list[Document]:
        return items("pods", self.namespace, f"serving.kserve.io/inferenceservice={name}")

    @contextlib.contextmanager
    def load(self, name: str, row: dict[str, float]) -> Iterator[Counter[int]]:
        """Asks all the time while the block runs; yields how often each status was answered.

        A connection that was refused or cut counts as 0.
        """
        found: Counter[int] = Counter()
        stop = threading.Event()
        host = self.host(name)

        def send() -> None:
            with httpx.Client(timeout=30) as client:
                while not stop.wait(_PAUSE_S):
                    url = f"{self.gateway}/v1/models/{name}:predict"
                    try:
                        answer = client.post(url, json={"instances": [row]}, headers={"Host": host})
                        found[answer.status_code] += 1
                    except httpx.HTTPError:
                        found[0] += 1

        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        try:
            yield found
        finally:
            stop.set()
            for sender in senders:
                sender.join()

    def remove(self) -> None:
        """Takes everything away: models first, for KServe has to clean up after them."""
        quiet = ("--ignore-not-found", "--timeout=10m")
        kubectl("-n", self.namespace, "delete", "inferenceservice", "--all", *quiet)
        kubectl("delete", "namespace", self.namespace, *quiet)


@contextlib.contextmanager
def installed(namespace: str, folder: Path) -> Iterator[Installation]:
    """Kubeloop in a new namespace, which is gone at the end."""
    with (
        forwarded("kubeflow", "service/ml-pipeline", 8888) as pipelines,
        _gateway() as gateway,
    ):
        made = Installation(namespace, pipelines, gateway)
        try:
            made.install(folder)
            yield made
        finally:
            made.remove()


@contextlib.contextmanager
def _gateway() -> Iterator[str]:
    """The gateway that KServe's routes hang on, by the labels that Envoy Gateway gives it."""
    if address := os.environ.get("KUBELOOP_TEST_GATEWAY"):
        yield address.rstrip("/")
        return
    if kubectl("config", "current-context", check=False).strip() == "kind-kubeloop":
        # As kind-config.yaml leads there; unlike a forwarded port it stays open for hours.
        yield "http://127.0.0.1:8080"
        return
    owner = "gateway.envoyproxy.io/owning-gateway-name=kserve-ingress-gateway"
    (service,) = items("services", "envoy-gateway-system", owner)
    name = service["metadata"]["name"]
    with forwarded("envoy-gateway-system", f"service/{name}", 80) as address:
        yield address
