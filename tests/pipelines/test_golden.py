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


def test_compile_has_every_task_but_the_last_ask_for_its_revision(compiled: str) -> None:
    """The exit task says how a run ended, also where every other task was refused."""
    executors = documents(compiled)[0]["deploymentSpec"]["executors"]
    assert len(executors) == 11
    asking = f"require_revision('{REVISION}', 'kubeloop/pipeline:0.1.0')\n"
    silent = [n for n, e in executors.items() if asking not in e["container"]["command"][-1]]
    assert silent == ["exec-notify"]


def test_compile_leaves_the_revision_that_is_stated_to_the_image(compiled: str) -> None:
    """In the environment the compiling checkout's would hide the image's own from lineage."""
    for pipeline in (compiled, compile_pipeline(Pipeline.SCORING, REVISION)):
        for name, executor in documents(pipeline)[0]["deploymentSpec"]["executors"].items():
            names = {variable["name"] for variable in executor["container"].get("env", ())}
            assert names <= {"KUBELOOP_PRIVACY_KEY_FILE"}, name


def test_compile_of_another_revision_changes_every_cache_key(compiled: str) -> None:
    """KFP's key holds image, command and arguments, and no environment (GenerateCacheKey)."""
    other = documents(compile_training("another"))[0]["deploymentSpec"]["executors"]
    same = []
    for name, executor in documents(compiled)[0]["deploymentSpec"]["executors"].items():
        keys = [
            [e["container"][part] for part in ("image", "command", "args")]
            for e in (executor, other[name])
        ]
        if keys[0] == keys[1]:
            same.append(name)
    # Never cached.
    assert same == ["exec-notify"]


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
