"""What the keys of a spec owe each other: every contradiction, found on a spec that was read.

A rule yields what is wrong together with the other paths that it has looked at, so that a draft,
in which unreadable values were left out, is not blamed for what stands in their place.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from components.spec.data import Column
from components.spec.data_rules import DATA_RULES
from components.spec.problems import Finding, Problem, did_you_mean, dotted, one_of
from components.spec.sections import Bound
from components.spec.vocabulary import (
    ALL_CANDIDATES,
    ALL_METRICS,
    CANDIDATES,
    METRICS,
    RATIOS,
)

if TYPE_CHECKING:
    from components.spec.specification import Spec


# All steps are watched within the one task that deploys, which is ended after 6 hours and may wait
# for another deployment and for pods before that.
_WATCHED_S = 3 * 3600.0


def contradictions(spec: "Spec", unreadable: Iterable[str] = ()) -> list[Problem]:
    """Find what contradicts itself in a spec.

    Args:
        spec: read, value by value.
        unreadable: paths whose values were left out because they could not be read; without the
            task, a name need only belong to some task.

    Returns:
        The contradictions between values that were read.
    """
    gaps = set(unreadable)
    within = {part for gap in gaps for part in _prefixes(gap)}
    if "task" in gaps:
        spec = spec.model_copy(update={"task": ""})
    return [
        problem
        for rule in _RULES
        for problem, others in rule(spec)
        if not any(
            path in within or not gaps.isdisjoint(_prefixes(path))
            for path in (problem.path, *others)
        )
    ]


def _prefixes(path: str) -> list[str]:
    """List the path and those of the sections around it."""
    return [path, *(path[: end.start()] for end in re.finditer(r"[.\[]", path))]


def _roles(spec: "Spec") -> Iterator[Finding]:
    """Each of target, id, timestamp and group is a column of its own, and stays in the data."""
    roles = {"target": spec.target, "id": spec.id, "timestamp": spec.timestamp}
    taken: dict[str, str] = {}
    for role, name in {**roles, "split.group": spec.split.group}.items():
        if name is None:
            continue
        # Splitting by entity is sound: a group may be the id.
        if name in taken and (role, taken[name]) != ("split.group", "id"):
            expected = f"another column than {taken[name]}"
            yield Problem(role, name, expected), (taken[name],)
        taken.setdefault(name, role)
        if name in spec.drop:
            path = f"drop[{spec.drop.index(name)}]"
            yield Problem(path, name, f"no column that {role} names"), (role,)
        column = spec.columns.get(name, Column())
        privacy = column.privacy
        if column.private and (privacy != "hash" or role in {"target", "timestamp"}):
            path = dotted(("columns", name, "privacy"))
            hashed = "no privacy but hash" if role in {"id", "split.group"} else "no privacy"
            yield Problem(path, privacy, f"{hashed}, because {role} names the column"), (role,)


def _positive(spec: "Spec") -> Iterator[Finding]:
    if spec.positive is None:
        return
    if spec.task != "binary":
        expected = f"no positive label, because task is {spec.task!r}"
        yield Problem("positive", spec.positive, expected, "remove it"), ("task",)
        return
    labels = spec.columns.get(spec.target, Column()).values
    if labels is not None and str(spec.positive) not in {str(label) for label in labels}:
        path = dotted(("columns", spec.target, "values"))
        yield Problem("positive", spec.positive, f"a label of {path}: {labels!r}"), (path, "target")


def _metrics(spec: "Spec") -> Iterator[Finding]:
    bounds = [
        *_bounds(spec.gates.metrics, ("gates", "metrics")),
        *_bounds(spec.monitor.quality, ("monitor", "quality")),
    ]
    named = [("search.metric", spec.search.metric), *((path, name) for path, name, _ in bounds)]
    for path, name in named:
        yield from _word(path, name, "metric", spec.task)
    for path, name, bound in bounds:
        yield from _bound(path, name, bound)


def _bounds(
    section: Mapping[str, Bound], location: tuple[str, ...]
) -> Iterator[tuple[str, str, Bound]]:
    for name, bound in section.items():
        yield dotted((*location, name)), name, bound


def _bound(path: str, metric: str, bound: Bound) -> Iterator[Finding]:
    if bound.min is None and bound.max is None:
        yield Problem(path, {}, "min, max or both", "such as {min: 0.8}"), ()
    if bound.min is not None and bound.max is not None and bound.min > bound.max:
        yield Problem(f"{path}.min", bound.min, f"at most max, {bound.max}"), (f"{path}.max",)
    if metric not in RATIOS:
        return
    for key, limit in (("min", bound.min), ("max", bound.max)):
        if limit is not None and not 0 <= limit <= 1:
            hint = f"did you mean {limit / 100:g}?" if 1 < limit <= 100 else ""
            yield Problem(f"{path}.{key}", limit, f"from 0 to 1, as {metric} is", hint), ()


def _candidates(spec: "Spec") -> Iterator[Finding]:
    for index, name in enumerate(spec.candidates):
        yield from _word(f"candidates[{index}]", name, "candidate", spec.task)


def _word(path: str, name: str, noun: str, task: str) -> Iterator[Finding]:
    """Refuse a name that is not of the task; a task that could not be read allows any task's."""
    every, table = (ALL_METRICS, METRICS) if noun == "metric" else (ALL_CANDIDATES, CANDIDATES)
    words = table.get(task, every)
    if name not in words:
        of_task = f" of task {task!r}" if task in table else ""
        # A name of another task is no slip of the pen.
        hint = "" if name in every else did_you_mean(name, words)
        yield Problem(path, name, f"a {noun}{of_task}: {one_of(words)}", hint), ()


def _repeats(spec: "Spec") -> Iterator[Finding]:
    lists: dict[str, Iterable[object]] = {
        "source": spec.source,
        "drop": spec.drop,
        "candidates": spec.candidates,
        "monitor.retrain.on": spec.monitor.retrain.on,
    }
    for name, column in spec.columns.items():
        path = dotted(("columns", name))
        lists[f"{path}.values"] = column.values or ()
        lists[f"{path}.missing"] = column.missing
        lists[f"{path}.formats"] = column.formats
    for path, values in lists.items():
        seen = Counter[tuple[str, object]]()
        for index, value in enumerate(values):
            seen[type(value).__name__, value] += 1
            if seen[type(value).__name__, value] == 2:
                yield Problem(f"{path}[{index}]", value, "each entry once"), ()


def _serve(spec: "Spec") -> Iterator[Finding]:
    replicas, canary = spec.serve.replicas, spec.serve.canary
    if replicas.min > replicas.max:
        path = "serve.replicas"
        yield Problem(f"{path}.min", replicas.min, f"at most max, {replicas.max}"), (f"{path}.max",)
    if any(step >= following for step, following in zip(canary, canary[1:], strict=False)):
        expected = "each step greater than the one before"
        yield Problem("serve.canary", canary, expected, f"such as {sorted(set(canary))}"), ()
    longest = _WATCHED_S / (len(canary) + 1)
    if spec.serve.watch_s > longest:
        expected = f"at most {longest:g} with {len(canary)} canary steps, 3 hours in all"
        yield Problem("serve.watch_s", spec.serve.watch_s, expected), ("serve.canary",)


_RULES: tuple[Callable[["Spec"], Iterator[Finding]], ...] = (
    _roles,
    _positive,
    _metrics,
    _candidates,
    _repeats,
    _serve,
    *DATA_RULES,
)
