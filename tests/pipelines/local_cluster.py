"""A checkout of its own, a Docker and a kind that only record, and an API server for kubectl.

The platform's manifests come from elsewhere, so a small one takes their place; the overlay, its
script and kubectl are the real ones.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes_api import Api, Call
from tests.pipelines.late_door import LateDoor

ROOT = Path(__file__).parents[2]
STEPS = ("kind", "images", "alpha", "beta", "overlay", "pipelines")
# What the overlay and the pipelines are made of, beside Kubernetes' own kinds.
CUSTOM = (
    ("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService", True),
    ("serving.kserve.io", "v1alpha1", "servingruntimes", "ServingRuntime", True),
    ("serving.kserve.io", "v1alpha1", "clusterstoragecontainers", "ClusterStorageContainer", False),
    ("monitoring.coreos.com", "v1", "podmonitors", "PodMonitor", True),
    ("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule", True),
    ("monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs", "AlertmanagerConfig", True),
    ("pipelines.kubeflow.org", "v2beta1", "pipelines", "Pipeline", True),
    ("pipelines.kubeflow.org", "v2beta1", "pipelineversions", "PipelineVersion", True),
)
_KIND = """#!/bin/sh
echo "kind $*" >> "$WORLD/calls"
case "$1 $2" in
  "version ") cat "$WORLD/kind-version" ;;
  "get clusters") if [ -f "$WORLD/made" ]; then echo kubeloop; fi ;;
  "create cluster") touch "$WORLD/made" "$WORLD/whole" ;;
  "delete cluster") rm -f "$WORLD/made" "$WORLD/whole" ;;
  "get kubeconfig")
    if [ -f "$WORLD/whole" ]; then cat "$WORLD/kubeconfig"; exit; fi
    echo "ERROR: failed to get cluster internal kubeconfig: exit status 1" >&2; exit 1 ;;
esac
"""
_DOCKER = """#!/bin/sh
echo "docker $*" >> "$WORLD/calls"
case "$1" in
  info) cat "$WORLD/docker-info" ;;
  container) if [ -f "$WORLD/stopped" ]; then echo false; else echo true; fi ;;
  start) rm -f "$WORLD/stopped" ;;
esac
"""


class LocalCluster:
    """A user's machine before and after `make cluster-up`.

    Attributes:
        folder: the checkout.
        world: what the recording programs know and write.
        api: the API server of the cluster.
        broken: names of Deployments that never become available.
    """

    def __init__(self, root: Path) -> None:
        self.folder, self.world = root / "checkout", root / "world"
        self.world.mkdir()
        self.broken: set[str] = set()
        self._checkout()
        self._programs(root / "bin")
        self.api = Api()
        for group, version, plural, kind, namespaced in CUSTOM:
            self.api.register(group, version, plural, kind, namespaced=namespaced)
        self.api.kubeconfig(self.world / "kubeconfig")
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "kubeloop-control-plane"}}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubeflow"}}
        keys = {"accesskey": "bWluaW8=", "secretkey": "c2VjcmV0"}
        store = {"name": "mlpipeline-minio-artifact", "namespace": "kubeflow"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": store, "data": keys}
        self.api.put({**node, "status": ready}, space, secret)
        self.api.put({**space, "metadata": {"name": "monitoring"}})
        self.api.on_call(self._make_available, moment="done", verbs=("create", "patch"))

    def _checkout(self) -> None:
        def only_code(_: str, names: list[str]) -> set[str]:
            return {name for name in names if name == "__pycache__"}

        for package in ("components", "pipelines"):
            shutil.copytree(ROOT / package, self.folder / package, ignore=only_code)
        shutil.copy(ROOT / "kind-config.yaml", self.folder)
        (self.folder / "Makefile").write_text("images:\n\t@echo built the images\n")
        for part in ("base", "overlays"):
            shutil.copytree(ROOT / "manifests" / part, self.folder / "manifests" / part)
        for number, name in (("01", "alpha"), ("02", "beta")):
            self._platform(self.folder / "manifests" / "platform" / f"{number}-{name}", name)

    def _platform(self, step: Path, name: str) -> None:
        step.mkdir(parents=True)
        labels = {"app": name}
        pod = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": name, "image": "a"}]},
        }
        documents = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": name},
                "spec": {"selector": {"matchLabels": labels}, "template": pod},
            },
        ]
        (step / "all.yaml").write_text(yaml.safe_dump_all(documents))
        (step / "kustomization.yaml").write_text(
            f"# A part.\n#\n#   kubectl apply --server-side -k manifests/platform/{step.name}\n"
            f"#   kubectl -n {name} wait --for=condition=Available --timeout=60s deploy/{name}\n"
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "resources: [all.yaml]\n"
        )

    def _programs(self, folder: Path) -> None:
        folder.mkdir()
        for name, text in (("kind", _KIND), ("docker", _DOCKER)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.programs = folder
        self.tell_docker()
        (self.world / "kind-version").write_text("kind v0.32.0 go1.26 linux/amd64\n")

    def tell_docker(self, *, gib: float = 16, processors: int = 8) -> None:
        """Says what Docker has."""
        told = {"ServerVersion": "29.1", "MemTotal": int(gib * 2**30), "NCPU": processors}
        (self.world / "docker-info").write_text(json.dumps({**told, "CgroupVersion": "2"}))

    def impatient(self, step: str, seconds: int) -> None:
        """Makes a step's own wait a short one."""
        (folder,) = (self.folder / "manifests" / "platform").glob(f"*-{step}")
        file = folder / "kustomization.yaml"
        file.write_text(file.read_text().replace("--timeout=60s", f"--timeout={seconds}s"))

    def shut(self) -> LateDoor:
        """Puts a door before the API, which refuses until it is opened."""
        door = LateDoor(self.api.url)
        config = self.world / "kubeconfig"
        config.write_text(config.read_text().replace(self.api.url, door.url))
        return door

    def _make_available(self, call: Call) -> None:
        if (call.resource, call.subresource) != ("deployments", ""):
            return
        for deployment in self.api.list("Deployment", call.namespace):
            name = deployment["metadata"]["name"]
            status = "False" if name in self.broken else "True"
            if not deployment.get("status"):
                conditions = [{"type": "Available", "status": status}]
                self.api.put({**deployment, "status": {"conditions": conditions}})

    @property
    def calls(self) -> list[str]:
        """What kind and Docker were told to do, without questions."""
        file = self.world / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        asked = ("kind get", "kind version", "docker info", "docker container")
        return [line for line in lines if not line.startswith(asked)]

    def environment(self, **changes: str) -> dict[str, str]:
        """Of a user whose own configuration names another cluster, where nothing answers."""
        other = self.world / "other"
        other.write_text(
            (self.world / "kubeconfig").read_text().replace(self.api.url, "http://127.0.0.1:1")
        )
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.world),
            "KUBECONFIG": str(other),
            "WORLD": str(self.world),
            "PYTHONPATH": str(self.folder),
            **changes,
        }

    def start(self, *arguments: str, **changes: str) -> "subprocess.Popen[str]":
        """Starts `python -m pipelines.cluster` in the checkout."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cluster", *arguments],
            cwd=self.folder,
            env=self.environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end."""
        process = self.start(*arguments, **changes)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def end(self, process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
        """Sends a signal, and returns what was said until the end."""
        process.send_signal(number)
        return process.communicate(timeout=300)

    def snapshot(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        found = self.api.get(kind, name, namespace)
        assert found is not None, f"no {kind} {name}"
        return found

    def close(self) -> None:
        self.api.close()


Factory = Callable[[], LocalCluster]
