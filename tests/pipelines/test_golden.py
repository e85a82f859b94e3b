"""The compiled pipeline is public API: every change of it is seen in a diff."""

from pathlib import Path

import pytest
import yaml

from pipelines.compile import Pipeline, compile_pipeline, compile_training, find_dangling

GOLDEN = Path(__file__).parent / "golden" / "training.yaml"
REVISION = "golden"


@pytest.fixture(scope="module")
def compiled() -> str:
    return compile_training(REVISION)


def test_training_ir_equals_golden(compiled: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(compiled, encoding="utf-8")
    assert compiled == GOLDEN.read_text(encoding="utf-8"), (
        "the compiled training pipeline changed; if that is meant: make golden"
    )


def test_scoring_ir_equals_golden(request: pytest.FixtureRequest) -> None:
    golden = GOLDEN.with_name("scoring.yaml")
    compiled = compile_pipeline(Pipeline.SCORING, REVISION)
    if request.config.getoption("--update-golden"):
        golden.write_text(compiled, encoding="utf-8")
    assert compiled == golden.read_text(encoding="utf-8"), (
        "the compiled scoring pipeline changed; if that is meant: make golden"
    )
    document = yaml.safe_load(compiled)
    assert find_dangling(document) == []
    assert document["root"]["dag"]["tasks"]["score"].get("cachingOptions", {}) == {}


def test_compile_twice_gives_same_bytes(compiled: str) -> None:
    assert compile_training(REVISION).encode() == compiled.encode()


def test_compile_states_revision_in_every_task(compiled: str) -> None:
    executors = yaml.safe_load(compiled)["deploymentSpec"]["executors"]
    stated = {name: e["container"]["env"] for name, e in executors.items()}
    assert len(stated) == 10
    expected = [{"name": "KUBELOOP_REVISION", "value": REVISION}]
    assert {name for name, env in stated.items() if env != expected} == set()


def test_compile_caches_only_what_has_no_effect(compiled: str) -> None:
    document = yaml.safe_load(compiled)
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
    }


def test_compile_installs_nothing_at_run_time(compiled: str) -> None:
    assert "pip install" not in compiled


def test_compile_every_body_is_short(compiled: str) -> None:
    """A stage is a thin adapter: fifteen lines at most, imports and docstring aside."""
    executors = yaml.safe_load(compiled)["deploymentSpec"]["executors"]
    for name, executor in executors.items():
        source = executor["container"]["command"][-1]
        body = source[source.index('"""', source.index('"""') + 3) + 3 :]
        lines = [
            line
            for line in body.splitlines()
            if line.strip() and not line.strip().startswith(("import ", "from "))
        ]
        assert len(lines) <= 15, f"{name} has {len(lines)} lines"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (
            lambda d: d["components"].pop("comp-crown"),
            "comp-condition-2/crown names component 'comp-crown'",
        ),
        (
            lambda d: d["deploymentSpec"]["executors"].pop("exec-ingest"),
            "component 'comp-ingest' names executor 'exec-ingest'",
        ),
        (
            lambda d: d["root"]["dag"]["tasks"]["prepare"]["dependentTasks"].append("nobody"),
            "root/prepare depends on 'nobody'",
        ),
        (
            lambda d: d["root"]["dag"]["tasks"].pop("ingest"),
            "root/validate.table comes from task 'ingest'",
        ),
        (
            lambda d: d["components"]["comp-ingest"]["outputDefinitions"]["artifacts"].pop("data"),
            "root/validate.table comes from 'ingest''s output 'data'",
        ),
        (
            lambda d: d["root"]["inputDefinitions"]["parameters"].pop("registry"),
            "root/champion.registry comes from input 'registry'",
        ),
    ],
)
def test_find_dangling_names_broken_reference(compiled: str, break_it, said: str) -> None:  # type: ignore[no-untyped-def]
    document = yaml.safe_load(compiled)
    break_it(document)
    assert said in find_dangling(document)


def test_find_dangling_of_whole_ir_is_empty(compiled: str) -> None:
    assert find_dangling(yaml.safe_load(compiled)) == []
