"""What is in the images, as it was built: user, labels, libraries, and what is not there."""

import json
from typing import Any

import docker
import pytest

from components.revision import VERSION
from tests.containers.engine import IMAGES, ROOT, SCRATCH, USER, Engine
from tests.containers.pins import pins

TARGETS = sorted(IMAGES)
FORBIDDEN = {
    "monitor": {"kfp", "kserve", "scikit-learn", "mlflow", "polars", "onnxruntime", "pandas"},
    "pipeline": {"kserve"},
    "serve": {"kfp", "scikit-learn", "mlflow", "polars", "skops", "optuna", "scipy"},
    "serve-skops": {"kfp", "mlflow", "polars", "optuna"},
}
REQUIRED = {
    "monitor": {"prometheus-client", "uvicorn"},
    "pipeline": {"kfp", "kfp-kubernetes", "mlflow", "psycopg", "scikit-learn"},
    "serve": {"kserve", "onnxruntime", "uvloop"},
    "serve-skops": {"kserve", "onnxruntime", "scikit-learn", "skops"},
}
LIBRARIES = """
import importlib.metadata as m, json
found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in m.distributions()}
print(json.dumps(found))
"""
TOOLS = """
import json, shutil, sysconfig
from pathlib import Path
libraries = Path(sysconfig.get_path("purelib"))
print(json.dumps({
    "tools": [t for t in ("cc", "gcc", "g++", "make", "uv", "git") if shutil.which(t)],
    "pip": str(libraries) if (libraries / "pip").exists() else "",
    "caches": [str(p) for p in Path("/").glob("*/.cache") if any(p.iterdir())],
    "tests": [str(p) for p in libraries.glob("*/tests")],
}))
"""
WRITABLE = """
import json, os
found = []
for folder, names, _ in os.walk("/"):
    names[:] = [n for n in names if folder != "/" or n not in ("proc", "sys", "dev")]
    if os.access(folder, os.W_OK):
        found.append(folder)
print(json.dumps(sorted(found)))
"""
CODE = """
import json
from pathlib import Path
root = Path("/opt/kubeloop")
print(json.dumps({
    "files": sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()),
    "unreadable": [str(p) for p in root.rglob("*") if not p.stat().st_mode & 4],
}))
"""


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def python(engine: Engine, target: str, code: str, **options: Any) -> Any:
    """Runs Python in an image and returns the JSON that it prints."""
    status, said = engine.finish(target, "-c", code, entrypoint=["python3"], **options)
    assert status == 0, said
    return json.loads(said.splitlines()[-1])


def test_image_states_what_it_is(client: docker.DockerClient, target: str) -> None:
    config = client.images.get(IMAGES[target]).attrs["Config"]
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    repository, _, tag = IMAGES[target].partition(":")
    assert (labels["title"], labels["version"]) == (repository, tag)
    assert labels["licenses"] == "Apache-2.0"
    assert labels["name"]
    assert labels["description"].startswith("Kubeloop")
    assert labels["revision"]
    assert f"KUBELOOP_REVISION={labels['revision']}" in config["Env"]


def test_images_state_one_revision(client: docker.DockerClient) -> None:
    label = "org.opencontainers.image.revision"
    found = {target: client.images.get(name).labels[label] for target, name in IMAGES.items()}
    assert len(set(found.values())) == 1, found


def test_image_runs_as_nobody(client: docker.DockerClient, engine: Engine, target: str) -> None:
    assert client.images.get(IMAGES[target]).attrs["Config"]["User"] == f"{USER}:{USER}"
    code = (
        "import getpass, json, os; print(json.dumps([os.getuid(), os.getgid(), getpass.getuser()]))"
    )
    assert python(engine, target, code) == [65532, 65532, "kubeloop"]


def test_image_holds_its_libraries_and_no_others(engine: Engine, target: str) -> None:
    found = set(python(engine, target, LIBRARIES))
    assert found & FORBIDDEN[target] == set()
    assert found >= REQUIRED[target]


def test_image_holds_the_locked_versions(engine: Engine, target: str) -> None:
    found = python(engine, target, LIBRARIES)
    assert {f"{name}=={version}" for name, version in found.items()} <= pins(target)


def test_image_holds_no_tools_and_no_leftovers(engine: Engine, target: str) -> None:
    found = python(engine, target, TOOLS)
    assert found == {"tools": [], "pip": "", "caches": [], "tests": []}


def test_image_lets_its_user_write_nowhere_but_where_it_must(engine: Engine, target: str) -> None:
    # On a root file system that could be written, so that the modes alone keep it as it is.
    found = python(engine, target, WRITABLE, read_only=False)
    shared = {"/run/lock", "/tmp", "/var/lock", "/var/tmp"}  # noqa: S108
    own = {"/var/lib/kubeloop"} if target == "monitor" else set()
    assert set(found) - shared == own


def test_image_holds_this_code_and_nothing_beside_it(engine: Engine, target: str) -> None:
    found = python(engine, target, CODE)
    assert found["unreadable"] == []
    sources = [name for name in found["files"] if "__pycache__" not in name]
    compiled = [name for name in found["files"] if name.endswith(".pyc")]
    assert len(compiled) == len([name for name in sources if name.endswith(".py")])
    template = "components/deploy/inference-service.yaml"
    moved = {template, "start.py"}
    assert [name for name in sources if not (ROOT / name).is_file() and name not in moved] == []
    assert (template in sources) == (target == "pipeline")
    assert "LICENSE" in sources


def test_pipeline_image_brings_the_command(engine: Engine) -> None:
    status, said = engine.finish("pipeline", "kubeloop", "--version")
    assert (status, said.strip()) == (0, f"kubeloop {VERSION}")
    status, said = engine.finish("pipeline")
    assert status == 0
    assert "compile" in said


def test_pipeline_image_compiles_what_names_itself_and_its_revision(
    client: docker.DockerClient, engine: Engine
) -> None:
    status, said = engine.finish(
        "pipeline",
        *("sh", "-c", "kubeloop compile -o /tmp/training.yaml >&2 && cat /tmp/training.yaml"),
        **SCRATCH,
    )
    assert status == 0, said
    revision = client.images.get(IMAGES["pipeline"]).labels["org.opencontainers.image.revision"]
    assert said.count(f"image: {IMAGES['pipeline']}") > 9
    # In the environment, which is part of KFP's cache key.
    assert said.count(f"value: {revision}") >= said.count(f"image: {IMAGES['pipeline']}")


TRACKING = """
import subprocess, sys, time, urllib.request
import sqlalchemy, psycopg
assert sqlalchemy.create_engine("postgresql://nowhere/db").dialect.driver == "psycopg"
command = ["mlflow", "server", "--backend-store-uri", "sqlite:////tmp/mlflow.db", "--port", "5000"]
server = subprocess.Popen([*command, "--workers", "1", "--allowed-hosts", "localhost:5000"])
for _ in range(240):
    assert server.poll() is None, "the server ended"
    try:
        sys.exit(urllib.request.urlopen("http://localhost:5000/health").status != 200)
    except OSError:
        time.sleep(0.5)
sys.exit("no answer in two minutes")
"""


def test_pipeline_image_runs_the_tracking_server(engine: Engine) -> None:
    """As the manifests do, but on a file; for PostgreSQL the driver is there."""
    status, said = engine.finish("pipeline", "python3", "-c", TRACKING, **SCRATCH)
    assert status == 0, said
