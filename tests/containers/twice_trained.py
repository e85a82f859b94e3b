"""The same spec trained twice, here and in containers, and the services of the latter."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.ingest.privacy import KEY_FILE_VARIABLE
from components.revision import REVISION_VARIABLE
from components.spec import load, plan
from pipelines.local.outputs import Outputs
from tests.containers.engine import ROOT, SCRATCH, Box, Engine

EPOCH = 1_763_640_000
STORE = "/var/lib/kubeloop"


@dataclass(frozen=True)
class Trained:
    """The same spec trained twice: on this machine, and in containers."""

    local: Path
    contained: Path
    revision: str
    outputs: Outputs
    monitor: Box
    log: str


def start_monitor(engine: Engine, volume: str) -> Box:
    box = engine.start("monitor", name="monitor", mounts={volume: STORE})
    return box.await_ready("/readyz")


def start_server_of_runs(engine: Engine, shared: Path, monitor: Box) -> Box:
    """The server that the run deploys to; it reads bundles where the tasks leave them."""
    state = shared / "state"
    state.mkdir()
    state.chmod(0o777)
    mounts = {f"{shared}": f"{shared}:ro", f"{state}": f"{state}"}
    arguments = ("--state", str(state), "--monitor", monitor.inner)
    return engine.start("serve", *arguments, mounts=mounts).await_ready("/v2/health/live")


def environment(project: Path) -> dict[str, str]:
    """What makes two runs of the same time, with the same secret and the same arithmetic."""
    key = {KEY_FILE_VARIABLE: str(project / "privacy.key")}
    # Other kernels round otherwise, and containers would choose them by the processor where the
    # machine's owner has chosen others.
    kernels = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    return {"SOURCE_DATE_EPOCH": str(EPOCH), **key, **kernels}


def train_here(project: Path, revision: str) -> Path:
    """Runs the loop on this machine; returns its bundle."""
    command = [sys.executable, "-P", "-m", "pipelines.cli", "run", "spec.yaml", "--json"]
    given = {**os.environ, **environment(project), REVISION_VARIABLE: revision}
    done = subprocess.run(command, cwd=project, env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["bundle"])


def train_in_containers(
    engine: Engine, project: Path, root: Path, run_id: str, services: tuple[Box, Box]
) -> str:
    """Compiles in the image, and runs each task in a container of it; returns what kfp said."""
    ir = root / "training.yaml"
    command = ["kubeloop", "compile", "-o", str(ir)]
    status, said = engine.finish("pipeline", *command, volumes=[f"{root}:{root}"], **SCRATCH)
    assert status == 0, said
    documents = list(yaml.safe_load_all(ir.read_text(encoding="utf-8")))
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        added = [{"name": n, "value": value} for n, value in environment(project).items()]
        executor["container"]["env"] = [*executor["container"].get("env", ()), *added]
    (root / "given.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    spec = load(project / "spec.yaml")
    server, monitor = services
    arguments = {
        "spec": spec.to_json(),
        "candidates": plan(spec),
        "registry": f"sqlite:///{root}/registry/registry.db",
        "serving": server.inner,
        "monitor": monitor.inner,
        "run_id": run_id,
    }
    (root / "arguments.json").write_text(json.dumps(arguments), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "tests.containers.docker_runner"]
    command += [str(root / "given.yaml"), str(root / "arguments.json"), str(root)]
    command += [engine.network, str(project)]
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout
