"""The loop in containers: trained through kfp's DockerRunner, served, watched, and watched again.

The tests stand in the order of a model's life; the containers of the ones before go on.
"""

import json
import re
import signal
import time
from pathlib import Path

import docker
import pytest

from components.bundle import MANIFEST, Manifest, read
from components.revision import VERSION
from pipelines.local.counters import Counters
from pipelines.local.outputs import Outputs
from tests.containers.clients import NAME, ask_rows, clients, events_of, send
from tests.containers.engine import IMAGES, USER, Box, Engine
from tests.containers.twice_trained import (
    STORE,
    Trained,
    start_monitor,
    start_server_of_runs,
    train_here,
    train_in_containers,
)
from tests.pipelines.laptop import SPEC, make_rows

STAGES = ("champion", "ingest", "validate", "prepare", "train", "evaluate", "package")
STAGES_OF_APPROVED = ("register", "deploy", "crown")


@pytest.fixture(scope="module")
def project(shared: Path) -> Path:
    """A user's folder, which containers may read."""
    folder = shared / "project"
    folder.mkdir()
    make_rows().write_csv(folder / "rows.csv")
    candidates = "candidates: [logistic, random_forest, hist_gradient_boosting]"
    text = SPEC.replace("candidates: [logistic]", candidates).replace("trials: 1", "trials: 2")
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    # A secret that a pod would mount; whoever runs a container may read it here.
    (folder / "privacy.key").write_text("ab" * 32, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def volume(engine: Engine) -> str:
    return engine.volume()


@pytest.fixture(scope="module")
def monitor(engine: Engine, volume: str) -> Box:
    return start_monitor(engine, volume)


@pytest.fixture(scope="module")
def trained(
    client: docker.DockerClient, engine: Engine, project: Path, shared: Path, monitor: Box
) -> Trained:
    label = "org.opencontainers.image.revision"
    revision = client.images.get(IMAGES["pipeline"]).labels[label]
    local = train_here(project, revision)
    root = shared / "root"
    root.mkdir()
    root.chmod(0o777)
    server = start_server_of_runs(engine, shared, monitor)
    log = train_in_containers(engine, project, root, read(local).run_id, (server, monitor))
    outputs = Outputs(root)
    contained = outputs.path("package", "bundle")
    assert contained, log
    return Trained(local, contained, revision, outputs, monitor, log)


@pytest.fixture(scope="module")
def manifest(trained: Trained) -> Manifest:
    return read(trained.contained)


@pytest.fixture(scope="module")
def server(engine: Engine, trained: Trained) -> Box:
    """The bundle as a cluster serves it: mounted where KServe puts it, nothing else to write to."""
    arguments = ("--bundle", "/mnt/models", "--version", "1", "--monitor", trained.monitor.inner)
    box = engine.start("serve", *arguments, mounts={str(trained.contained): "/mnt/models:ro"})
    return box.await_ready(f"/v2/models/{NAME}/ready")


def test_pipeline_runs_every_stage_in_its_image(trained: Trained) -> None:
    """A container that is gone before it is waited for counts as success in kfp."""
    stages = (*STAGES, *STAGES_OF_APPROVED)
    assert [stage for stage in stages if not trained.outputs.finished(stage)] == []
    assert trained.outputs.failure() is None
    assert trained.log.count(f"Found image '{IMAGES['pipeline']}'") >= len(stages)


def test_pipeline_leaves_what_nobody_wrote(trained: Trained) -> None:
    owners = {path.stat().st_uid for path in trained.contained.iterdir()}
    assert owners == {int(USER)}


def test_pipeline_leaves_no_private_value(trained: Trained) -> None:
    files = [path for path in trained.outputs.root.rglob("*") if path.is_file()]
    assert len(files) > 30
    assert [str(path) for path in files if b"@example.org" in path.read_bytes()] == []


def test_bundle_of_containers_has_the_bytes_of_the_local_one(trained: Trained) -> None:
    """Given the run id, the time of training and the code revision, which both runs share."""
    names = sorted(path.name for path in trained.local.iterdir())
    assert names == sorted(path.name for path in trained.contained.iterdir())
    first, second = (
        json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for folder in (trained.local, trained.contained)
    )
    assert {k: v for k, v in first.items() if k not in ("files", "digest")} == {
        k: v for k, v in second.items() if k not in ("files", "digest")
    }
    differing = [
        name
        for name in names
        if (trained.local / name).read_bytes() != (trained.contained / name).read_bytes()
    ]
    assert differing == []


def test_bundle_states_the_revision_of_its_image(trained: Trained, manifest: Manifest) -> None:
    assert manifest.revision == trained.revision
    assert manifest.trained_at == "2025-11-20T12:00:00Z"


def test_server_gives_the_packaged_answers(server: Box, manifest: Manifest) -> None:
    rows = [dict(row) for row in manifest.golden.rows]
    status, answer = server.ask("POST", f"/v1/models/{NAME}:predict", {"instances": rows})
    assert (status, answer) == (200, {"predictions": list(manifest.golden.labels or ())})
    inputs = [
        {
            "name": feature.name,
            "shape": [len(rows)],
            "datatype": "FP32" if feature.dtype == "float32" else "BYTES",
            "data": [row[feature.name] for row in rows],
        }
        for feature in manifest.signature.inputs
    ]
    status, answer = server.ask("POST", f"/v2/models/{NAME}/infer", {"inputs": inputs})
    assert status == 200
    answers = {output["name"]: output["data"] for output in answer["outputs"]}
    assert answers["label"] == list(manifest.golden.labels or ())
    flat = [value for row in manifest.golden.probabilities or () for value in row]
    assert answers["probabilities"] == pytest.approx(flat, abs=1e-5)


def test_server_reaches_nothing_outside_its_network(engine: Engine, server: Box) -> None:
    """Another container can be reached from the default network, and not from this one."""
    outside = engine.start("monitor", network="bridge", mounts={engine.volume(): STORE})
    outside.await_ready("/readyz")
    code = f"import socket; socket.create_connection(({outside.host!r}, {outside.port}), 3)"
    status, said = engine.finish("serve", "-c", code, entrypoint=["python3"], network="bridge")
    assert (status, said) == (0, "")
    status, said = server.run("python3", "-c", code)
    assert status == 1
    assert re.search("TimeoutError|unreachable|refused", said)
    assert not server.container.attrs["HostConfig"]["PortBindings"]


def test_server_has_no_rights_and_nothing_to_write_to(server: Box) -> None:
    assert server.run("id", "-u") == (0, f"{USER}\n")
    status, said = server.run("sh", "-c", "echo x >/tmp/x")
    assert status != 0
    assert "Read-only file system" in said
    _, text = server.run("cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert facts["NoNewPrivs"] == "1"


def test_events_of_the_server_reach_the_monitor(
    server: Box, trained: Trained, manifest: Manifest
) -> None:
    counters = Counters(server.url, trained.monitor.url, NAME)
    before = counters.settle()
    ids = ask_rows(server, manifest, 40)
    truth = [{"id": f"{identity}:0", "label": "yes"} for identity in ids]
    expected: dict[str, float] = {"requests": 40, "events": 40}
    assert counters.await_growth(before, expected) == {**expected, "labelled": 0}
    status, answer = trained.monitor.ask("POST", "/v1/feedback", truth)
    assert (status, answer["accepted"], answer["joined"]) == (200, 40, 40)
    assert counters.await_growth(before, {"labelled": 40})["labelled"] == 40


def test_metrics_of_both_name_the_model(server: Box, trained: Trained) -> None:
    for box, name in (
        (server, "kubeloop_model_info"),
        (trained.monitor, "kubeloop_monitor_model_info"),
    ):
        status, text = box.ask("GET", "/metrics")
        assert status == 200
        line = next(line for line in text.splitlines() if line.startswith(name + "{"))
        assert f'model_name="{NAME}"' in line
        assert 'model_version="1"' in line
        assert line.endswith(" 1.0")


def test_metrics_of_both_name_the_revision(server: Box, trained: Trained) -> None:
    for box, name in (
        (server, "kubeloop_build_info"),
        (trained.monitor, "kubeloop_monitor_build_info"),
    ):
        _, text = box.ask("GET", "/metrics")
        line = next(line for line in text.splitlines() if line.startswith(name + "{"))
        assert f'revision="{trained.revision}"' in line
        assert f'version="{VERSION}"' in line


def test_killed_monitor_has_lost_nothing_that_it_acknowledged(
    engine: Engine, server: Box, trained: Trained, manifest: Manifest, volume: str
) -> None:
    """Again and again: events are sent while it is killed, and by its container's replacement."""
    box = trained.monitor
    acknowledged: list[str] = []
    refused: list[object] = []
    for life in range(3):
        with clients(box, life, acknowledged, refused):
            time.sleep(1)
            box.container.kill(signal.SIGKILL)
            assert box.container.wait(timeout=30)["StatusCode"] == 128 + signal.SIGKILL
        box.container.remove()
        box = start_monitor(engine, volume)
    assert refused == []
    assert len(acknowledged) > 100
    stored = events_of(box, None)
    assert stored >= len(acknowledged)
    # It counts an id once: what it has stored, it answers as known.
    answers = {json.dumps(send(box, identity)) for identity in acknowledged}
    assert answers == {json.dumps([200, {"stored": 0, "duplicate": 1}])}
    assert events_of(box, None) == stored
    # The server finds the new container by its name, and sends on.
    counters = Counters(server.url, box.url, NAME)
    before = counters.settle()
    ask_rows(server, manifest, 10)
    assert counters.await_growth(before, {"events": 10})["events"] == 10
