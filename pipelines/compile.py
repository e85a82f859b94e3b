"""Compiles the pipelines to IR YAML, and checks what the compiler does not.

The IR is the same for all specs. The code revision is put into every task's environment, because
KFP's cache key holds the environment and not the code inside an image.
"""

import tempfile
from collections.abc import Iterator
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from components.errors import KubeloopError
from components.revision import REVISION_VARIABLE


class CompileError(KubeloopError):
    """A compiled pipeline refers to something that it does not hold."""


class Pipeline(StrEnum):
    """The pipelines that there are."""

    TRAINING = "training"
    SCORING = "scoring"


def compile_training(revision: str) -> str:
    """Compiles the training pipeline; see `compile_pipeline`."""
    return compile_pipeline(Pipeline.TRAINING, revision)


def compile_pipeline(which: Pipeline, revision: str) -> str:
    """Compiles a pipeline.

    Args:
        which: the pipeline.
        revision: the code revision that the tasks run at.

    Returns:
        IR YAML; the same text for the same code and revision.

    Raises:
        CompileError: a reference in the IR leads nowhere.
    """
    from kfp import compiler

    pipeline = getattr(import_module(f"pipelines.{which}"), which)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{which}.yaml")
        compiler.Compiler().compile(pipeline, str(path))
        head, body = _split_comment(path.read_text(encoding="utf-8"))
    document = yaml.safe_load(body)
    for executor in document["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["env"] = [
            *container.get("env", []),
            {"name": REVISION_VARIABLE, "value": revision},
        ]
    dangling = find_dangling(document)
    if dangling:
        msg = f"the compiled pipeline has dangling references: {'; '.join(dangling)}"
        raise CompileError(msg)
    return head + yaml.safe_dump(document, sort_keys=True, width=100, allow_unicode=True)


def find_dangling(document: dict[str, Any]) -> list[str]:
    """Finds references in an IR that lead nowhere; kfp itself loads such a file without a word.

    Args:
        document: a parsed IR.

    Returns:
        One line a dangling reference: components, executors, producing tasks and their outputs,
        inputs of the enclosing graph, and dependencies.
    """
    components = document.get("components", {})
    executors = document.get("deploymentSpec", {}).get("executors", {})
    found = [
        f"component {name!r} names executor {component['executorLabel']!r}"
        for name, component in components.items()
        if component.get("executorLabel") and component["executorLabel"] not in executors
    ]
    for place, graph in [("root", document.get("root", {})), *components.items()]:
        found += _dangling_in_graph(place, graph, components)
    return found


def _dangling_in_graph(
    place: str, graph: dict[str, Any], components: dict[str, Any]
) -> Iterator[str]:
    tasks = graph.get("dag", {}).get("tasks", {})
    own = _names(graph.get("inputDefinitions", {}))
    for name, task in tasks.items():
        here = f"{place}/{name}"
        component = task["componentRef"]["name"]
        if component not in components:
            yield f"{here} names component {component!r}"
        for dependency in task.get("dependentTasks", []):
            if dependency not in tasks:
                yield f"{here} depends on {dependency!r}"
        for kind in ("parameters", "artifacts"):
            for key, source in task.get("inputs", {}).get(kind, {}).items():
                yield from _dangling_input(f"{here}.{key}", source, tasks, components, own=own)


def _dangling_input(
    here: str,
    source: dict[str, Any],
    tasks: dict[str, Any],
    components: dict[str, Any],
    *,
    own: set[str],
) -> Iterator[str]:
    for form in ("taskOutputParameter", "taskOutputArtifact"):
        if form in source:
            producer = source[form]["producerTask"]
            output = source[form].get("outputParameterKey") or source[form].get("outputArtifactKey")
            if producer not in tasks:
                yield f"{here} comes from task {producer!r}"
                continue
            component = components.get(tasks[producer]["componentRef"]["name"], {})
            if output not in _names(component.get("outputDefinitions", {})):
                yield f"{here} comes from {producer!r}'s output {output!r}"
    for form in ("componentInputParameter", "componentInputArtifact"):
        name = source.get(form)
        if name and name not in own and not name.endswith("-loop-item"):
            yield f"{here} comes from input {name!r}"


def _names(definitions: dict[str, Any]) -> set[str]:
    return {*definitions.get("parameters", {}), *definitions.get("artifacts", {})}


def _split_comment(text: str) -> tuple[str, str]:
    """Separates the comment that lists the pipeline's inputs, which a YAML dump would lose."""
    lines = text.splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:count]), "".join(lines[count:])
