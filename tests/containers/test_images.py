"""What is in the images, as it was built: user, labels, libraries, and what is not there."""

import json
from typing import Any

import docker
import pytest
import yaml

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
    "monitor": {"prometheus-client", "psycopg", "pyarrow", "uvicorn"},
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
MODULES = """
import importlib, json, pkgutil, components.monitor as package
from pathlib import Path
found = [m.name for m in pkgutil.walk_packages(package.__path__, "components.monitor.")]
for name in found:
    importlib.import_module(name)
files = list(Path(package.__file__).parent.rglob("*.py"))
print(json.dumps([found, len(files) - 1]))
"""
AUTHORITIES = """
import json, os, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(os.environ["SSL_CERT_FILE"])
print(json.dumps(context.cert_store_stats()["x509_ca"]))
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


def test_monitor_image_imports_every_module_of_the_monitor(engine: Engine) -> None:
    """Also those that only one of its threads imports, and late; and no folder is no package."""
    found, files = python(engine, "monitor", MODULES)
    assert "components.monitor.service" in found
    assert len(found) == files


def test_image_names_the_public_authorities(engine: Engine, target: str) -> None:
    assert python(engine, target, AUTHORITIES) > 50


def test_image_has_the_digest_of_the_checkout_that_it_was_built_from(
    client: docker.DockerClient, engine: Engine
) -> None:
    """So that a laptop's checkout may compile for an image that is called by its commit."""
    stated = client.images.get(IMAGES["pipeline"]).labels["org.opencontainers.image.revision"]
    if not stated.startswith("source-"):
        pytest.skip(f"the images were built with KUBELOOP_REVISION set, to {stated!r}")
    code = "import json; from components.revision import *; print(json.dumps(source_revision()))"
    assert python(engine, "pipeline", code) == stated


def test_pipeline_image_refuses_a_pipeline_of_other_code(
    client: docker.DockerClient, engine: Engine
) -> None:
    """As every task begins; and takes what the same image has compiled."""
    stated = client.images.get(IMAGES["pipeline"]).labels["org.opencontainers.image.revision"]
    code = "from components.execution import *; import sys; require_revision(sys.argv[1], 'image')"
    for revision, expected in ((stated, 0), ("source-0123456789ab", 1)):
        status, said = engine.finish("pipeline", "python3", "-c", code, revision)
        assert status == expected, said
    assert f"holds the code {stated!r}, and the pipeline was compiled for" in said


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
    ir, _ = yaml.safe_load_all(said[said.index("# PIPELINE") :])
    executors = ir["deploymentSpec"]["executors"]
    assert {e["container"]["image"] for e in executors.values()} == {IMAGES["pipeline"]}
    # In the command, which is part of KFP's cache key; the exit task is never cached.
    asking = f"require_revision({revision!r}, "
    silent = [n for n, e in executors.items() if asking not in e["container"]["command"][-1]]
    assert silent == ["exec-notify"]


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
