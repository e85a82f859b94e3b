"""Finds references of an IR that lead nowhere; kfp itself loads such a file without a word."""

import json
import re
from collections.abc import Iterator
from typing import Any

# How an executor names an input of its task, in a size or an argument.
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
# How a condition names an input of the group that it guards.
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\]")


def find_dangling(document: dict[str, Any], platform: dict[str, Any] | None = None) -> list[str]:
    """Finds references in an IR that lead nowhere.

    Args:
        document: a parsed IR.
        platform: its second document, where there is one: what Kubernetes is told of executors.

    Returns:
        One line a dangling reference: components, executors, producing tasks and their outputs,
        inputs of the enclosing graph, dependencies, what sizes and conditions are read from, and
        executors that the platform document knows alone.
    """
    components = document.get("components", {})
    executors = document.get("deploymentSpec", {}).get("executors", {})
    found = [
        f"component {name!r} names executor {component['executorLabel']!r}"
        for name, component in components.items()
        if component.get("executorLabel") and component["executorLabel"] not in executors
    ]
    for place, graph in [("root", document.get("root", {})), *components.items()]:
        found += _in_graph(place, graph, components, executors)
    for target, settings in (platform or {}).get("platforms", {}).items():
        known = settings.get("deploymentSpec", {}).get("executors", {})
        found += [f"platform {target!r} names executor {n!r}" for n in known if n not in executors]
    return found


def _in_graph(
    place: str, graph: dict[str, Any], components: dict[str, Any], executors: dict[str, Any]
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
                yield from _in_input(f"{here}.{key}", source, tasks, components, own=own)
        label = components.get(component, {}).get("executorLabel", "")
        yield from _in_settings(here, task, executors.get(label, {}))


def _in_settings(here: str, task: dict[str, Any], executor: dict[str, Any]) -> Iterator[str]:
    """What a task reads beside its inputs: sizes and arguments, its condition, its items."""
    given = task.get("inputs", {}).get("parameters", {})
    wanted = _PLACEHOLDER.findall(_text(executor) + _text(given))
    wanted += _CONDITION.findall(task.get("triggerPolicy", {}).get("condition", ""))
    items = task.get("parameterIterator", {}).get("items", {}).get("inputParameter")
    wanted += [items] if items else []
    for name in sorted(set(wanted) - given.keys()):
        yield f"{here} reads input {name!r}, which it is not given"


def _in_input(
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
    ended = source.get("taskFinalStatus", {}).get("producerTask")
    if ended and ended not in tasks:
        yield f"{here} is the end of task {ended!r}"
    for form in ("componentInputParameter", "componentInputArtifact"):
        name = source.get(form)
        if name and name not in own and not name.endswith("-loop-item"):
            yield f"{here} comes from input {name!r}"


def _names(definitions: dict[str, Any]) -> set[str]:
    return {*definitions.get("parameters", {}), *definitions.get("artifacts", {})}


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)
