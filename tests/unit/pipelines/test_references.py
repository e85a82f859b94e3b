"""References that lead nowhere: each kind is broken in the real pipeline, and found by name."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from pipelines.compile import Pipeline, compile_pipeline
from pipelines.references import find_dangling

Documents = tuple[dict[str, Any], dict[str, Any]]
RUN = "comp-exit-handler-1"


@pytest.fixture(scope="module")
def compiled() -> Documents:
    ir, platform = yaml.safe_load_all(compile_pipeline(Pipeline.TRAINING, "test"))
    return ir, platform


def tasks(ir: dict[str, Any], component: str) -> dict[str, Any]:
    found: dict[str, Any] = ir["components"][component]["dag"]["tasks"]
    return found


def give(task: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = task["inputs"]["parameters"]
    return found


BROKEN: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "component": (
        lambda ir, _: ir["components"].pop("comp-crown"),
        "comp-condition-3/crown names component 'comp-crown'",
    ),
    "executor": (
        lambda ir, _: ir["deploymentSpec"]["executors"].pop("exec-ingest"),
        "component 'comp-ingest' names executor 'exec-ingest'",
    ),
    "dependency": (
        lambda ir, _: tasks(ir, RUN)["prepare"]["dependentTasks"].append("nobody"),
        f"{RUN}/prepare depends on 'nobody'",
    ),
    "producer": (
        lambda ir, _: tasks(ir, RUN).pop("ingest"),
        f"{RUN}/validate.table comes from task 'ingest'",
    ),
    "output": (
        lambda ir, _: ir["components"]["comp-ingest"]["outputDefinitions"]["artifacts"].pop("data"),
        f"{RUN}/validate.table comes from 'ingest''s output 'data'",
    ),
    "input of the group": (
        lambda ir, _: ir["components"][RUN]["inputDefinitions"]["parameters"].pop(
            "pipelinechannel--registry"
        ),
        f"{RUN}/champion.registry comes from input 'pipelinechannel--registry'",
    ),
    "input of the pipeline": (
        lambda ir, _: ir["root"]["inputDefinitions"]["parameters"].pop("webhook"),
        "root/notify.webhook comes from input 'webhook'",
    ),
    "size": (
        lambda ir, _: give(tasks(ir, "comp-condition-3")["crown"]).pop(
            "pipelinechannel--small_memory"
        ),
        "comp-condition-3/crown reads input 'pipelinechannel--small_memory', which it is not given",
    ),
    "condition": (
        lambda ir, _: give(tasks(ir, RUN)["condition-3"]).pop("pipelinechannel--evaluate-Output"),
        f"{RUN}/condition-3 reads input 'pipelinechannel--evaluate-Output', which it is not given",
    ),
    "items": (
        lambda ir, _: give(tasks(ir, RUN)["for-loop-2"]).pop("pipelinechannel--candidates"),
        f"{RUN}/for-loop-2 reads input 'pipelinechannel--candidates', which it is not given",
    ),
    "end": (
        lambda ir, _: ir["root"]["dag"]["tasks"].pop("exit-handler-1"),
        "root/notify.status is the end of task 'exit-handler-1'",
    ),
    "platform": (
        lambda ir, platform: platform["platforms"]["kubernetes"]["deploymentSpec"][
            "executors"
        ].update({"exec-gone": {}}),
        "platform 'kubernetes' names executor 'exec-gone'",
    ),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_find_dangling_names_broken_reference(compiled: Documents, kind: str) -> None:
    ir, platform = copy.deepcopy(compiled)
    break_it, said = BROKEN[kind]
    break_it(ir, platform)
    assert said in find_dangling(ir, platform)


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_find_dangling_of_whole_ir_is_empty(pipeline: Pipeline) -> None:
    ir, platform = yaml.safe_load_all(compile_pipeline(pipeline, "test"))
    assert find_dangling(ir, platform) == []
