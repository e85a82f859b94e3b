"""The rules as promtool reads them, their cases in `rules/`, and ways to make a rule wrong."""

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.rendered import MANIFESTS, of_kind, overlay

Rule = dict[str, Any]
Group = dict[str, Any]

CASES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
FILES = sorted((MANIFESTS / "base" / "monitoring").glob("prometheus-rule*.yaml"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (Debian: prometheus): no alert is tested",
)

_DURATION = re.compile(r"(?<=[\[ ])\d+[smhdw](?=[\]) ])")
# A number that stands by itself: no part of a name, a duration, a text or another number.
_NUMBER = re.compile(r"(?<![\w.:\"\[])\d+(?:\.\d+)?(?![\w.:\"\]])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def groups(name: str = "kind") -> list[Group]:
    """All groups of an overlay, as kubectl renders them."""
    rules = of_kind(overlay(name), "PrometheusRule")
    return [group for rule in rules for group in rule["spec"]["groups"]]


def written_groups() -> list[Group]:
    """All groups of the files, without kubectl: what no overlay changes."""
    # Who makes a rule wrong gets rules of its own.
    return copy.deepcopy(_read_groups())


@cache
def _read_groups() -> list[Group]:
    documents = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES)
    return [group for document in documents for group in document["spec"]["groups"]]


def alerts() -> list[Rule]:
    return [rule for group in written_groups() for rule in group["rules"] if "alert" in rule]


def case_of(alert: str) -> Path:
    """The file of an alert's cases."""
    return Path(__file__).parent / "rules" / f"{kebab(alert)}.yaml"


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def needed(alert: str) -> list[Group]:
    """The groups with the alert and the recorded series that it rests on, and nothing else."""
    found = written_groups()
    wanted = {alert}
    while True:
        kept = [
            {**group, "rules": [rule for rule in group["rules"] if _name(rule) in wanted]}
            for group in found
        ]
        read = {name for group in kept for rule in group["rules"] for name in recorded(rule)}
        if read <= wanted:
            return [group for group in kept if group["rules"]]
        wanted |= read


def recorded(rule: Rule) -> set[str]:
    """The recorded series that a rule's expression reads."""
    return set(re.findall(r"\bkubeloop:[\w:]+", rule["expr"]))


def wrong(alert: str) -> Iterator[tuple[str, list[Group]]]:
    """Every way to make a number or a duration of an alert wrong, each with what was done.

    What several alerts rest on is made wrong for the first of them alone.
    """
    given = needed(alert)
    for number, group in enumerate(given):
        for place, rule in enumerate(group["rules"]):
            if _first_reader(_name(rule)) != alert:
                continue
            for key in ("for", "keep_firing_for", "expr"):
                for done, text in _wrong(rule.get(key, ""), whole=key != "expr"):
                    changed = copy.deepcopy(given)
                    changed[number]["rules"][place][key] = text
                    yield f"{_name(rule)}, {key}: {done}", changed


@cache
def _first_reader(name: str) -> str:
    for alert in alerts():
        if any(_name(rule) == name for group in needed(alert["alert"]) for rule in group["rules"]):
            return str(alert["alert"])
    return ""


def _wrong(text: str, *, whole: bool) -> Iterator[tuple[str, str]]:
    found = re.finditer(r"^.+$", text) if whole else _DURATION.finditer(text)
    for match in found:
        seconds = int(match[0][:-1]) * _SECONDS[match[0][-1]]
        for other in (seconds // 2, seconds * 3 // 2):
            yield _replaced(text, match, f"{other}s")
    for match in () if whole else _NUMBER.finditer(text):
        value = float(match[0])
        for number in (value * 0.5, value * 1.5) if value else (-1.0, 1.0):
            yield _replaced(text, match, f"{number:.10g}")


def _replaced(text: str, match: re.Match[str], other: str) -> tuple[str, str]:
    around = text[max(0, match.start() - 30) : match.end() + 10]
    done = f"{match[0]} → {other} in …{around}…"
    return done, text[: match.start()] + other + text[match.end() :]


def _name(rule: Rule) -> str:
    return str(rule.get("alert", rule.get("record")))


def promtool(folder: Path, given: list[Group], *command: str) -> subprocess.CompletedProcess[str]:
    """Runs promtool in a folder that holds the rules as `rules.yaml`."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": given}), encoding="utf-8")
    return subprocess.run(
        ["promtool", *command], cwd=folder, capture_output=True, text=True, check=False
    )


@dataclass
class Case:
    """The cases of a file.

    Attributes:
        path: the file.
        failed: number of the one that failed last, which is tried first the next time: what is made
            wrong next is most often of the same part of a rule.
    """

    path: Path
    failed: int = 0

    def run(self, folder: Path, given: list[Group]) -> subprocess.CompletedProcess[str]:
        """Runs them against rules, one after another until one fails."""
        # By its text: to YAML the series 0x100 is a number.
        head, *tests = re.split(r"(?m)^(?=  - name: )", self.path.read_text(encoding="utf-8"))
        begin = self.failed
        for number in (*range(begin, len(tests)), *range(begin)):
            (folder / "case.yaml").write_text(head + tests[number], encoding="utf-8")
            done = promtool(folder, given, "test", "rules", "case.yaml")
            if done.returncode:
                self.failed = number
                break
        return done


def run_case(folder: Path, given: list[Group], case: Path) -> subprocess.CompletedProcess[str]:
    """Runs the cases of a file against rules, from the first on until one fails."""
    return Case(case).run(folder, given)
