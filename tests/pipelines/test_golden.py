"""The compiled pipeline is public API: every change of it is seen in a diff."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compile import (
    CompileError,
    Pipeline,
    compile_native,
    compile_pipeline,
    compile_training,
)

GOLDEN = Path(__file__).parent / "golden"
REVISION = "golden"


@pytest.fixture(scope="module")
def compiled() -> str:
    return compile_training(REVISION)


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("pipeline", list(Pipeline))
@pytest.mark.parametrize("native", [False, True], ids=["ir", "native"])
def test_compiled_equals_golden(
    pipeline: Pipeline, request: pytest.FixtureRequest, *, native: bool
) -> None:
    golden = GOLDEN / f"{pipeline}{'-native' * native}.yaml"
    text = (
        compile_native(pipeline, REVISION, "kubeflow")
        if native
        else compile_pipeline(pipeline, REVISION)
    )
    if request.config.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), (
        f"the compiled {pipeline} pipeline changed; if that is meant: make golden"
    )


def test_scoring_caches_nothing() -> None:
    ir, _ = documents(compile_pipeline(Pipeline.SCORING, REVISION))
    assert ir["root"]["dag"]["tasks"]["score"].get("cachingOptions", {}) == {}


def test_compile_twice_gives_same_bytes(compiled: str) -> None:
    assert compile_training(REVISION).encode() == compiled.encode()


def test_compile_states_revision_in_every_task(compiled: str) -> None:
    """In the environment, where the code reads it, and in the command, which KFP's key holds."""
    executors = documents(compiled)[0]["deploymentSpec"]["executors"]
    assert len(executors) == 11
    stated = {"name": "KUBELOOP_REVISION", "value": REVISION}
    for name, executor in executors.items():
        container = executor["container"]
        assert container["env"].count(stated) == 1, name
        assert container["command"][-1].startswith(f"# Code revision {REVISION}\n"), name


def test_compile_of_another_revision_changes_every_cache_key(compiled: str) -> None:
    """KFP's key holds image, command and arguments, and no environment (GenerateCacheKey)."""
    other = documents(compile_training("another"))[0]["deploymentSpec"]["executors"]
    for name, executor in documents(compiled)[0]["deploymentSpec"]["executors"].items():
        keys = [
            [e["container"][part] for part in ("image", "command", "args")]
            for e in (executor, other[name])
        ]
        assert keys[0] != keys[1], name


@pytest.mark.parametrize("revision", ["", "two\nlines", "{{$.inputs}}", "-", "x" * 129])
def test_compile_of_no_revision_is_refused(revision: str) -> None:
    with pytest.raises(CompileError, match="cannot be written into a pipeline"):
        compile_training(revision)


def test_compile_runs_every_task_in_the_image_that_was_named(compiled: str) -> None:
    pushed = "registry.example.org/kubeloop/pipeline@sha256:0123"
    for text, image in (
        (compiled, "kubeloop/pipeline:0.1.0"),
        (compile_pipeline(Pipeline.TRAINING, REVISION, pushed), pushed),
    ):
        executors = documents(text)[0]["deploymentSpec"]["executors"].values()
        assert {e["container"]["image"] for e in executors} == {image}


def test_compile_caches_only_what_has_no_effect(compiled: str) -> None:
    document, _ = documents(compiled)
    graphs = [document["root"], *document["components"].values()]
    tasks = {
        name: task.get("cachingOptions", {}).get("enableCache", False)
        for graph in graphs
        for name, task in graph.get("dag", {}).get("tasks", {}).items()
        if "dag" not in document["components"][task["componentRef"]["name"]]
    }
    assert tasks == {
        "champion": False,
        "ingest": False,
        "validate": True,
        "prepare": True,
        "train": True,
        "evaluate": True,
        "package": True,
        "register": False,
        "deploy": False,
        "crown": False,
        "notify": False,
    }


def test_compile_installs_nothing_at_run_time(compiled: str) -> None:
    assert "pip install" not in compiled


def test_compile_every_body_is_short(compiled: str) -> None:
    """A stage is a thin adapter: fifteen lines at most, imports and docstring aside."""
    executors = documents(compiled)[0]["deploymentSpec"]["executors"]
    for name, executor in executors.items():
        source = executor["container"]["command"][-1]
        body = source[source.index('"""', source.index('"""') + 3) + 3 :]
        lines = [
            line
            for line in body.splitlines()
            if line.strip() and not line.strip().startswith(("import ", "from "))
        ]
        assert len(lines) <= 15, f"{name} has {len(lines)} lines"
