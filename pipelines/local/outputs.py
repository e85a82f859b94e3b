"""Reads what the tasks of a local run left behind: artifacts, metadata, failures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.execution import FAILURE


@dataclass(frozen=True)
class Failure:
    """Why a task failed, in its own words."""

    stage: str
    type: str
    message: str


@dataclass(frozen=True)
class Logic:
    """How long the logic of a stage ran: one entry a task.

    Attributes:
        spans: begin and end, seconds since 1970.
        peak_bytes: the largest resident size of its tasks.
    """

    spans: tuple[tuple[float, float], ...]
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Wall-clock seconds in which at least one of the tasks was in its logic."""
        total, end = 0.0, 0.0
        for begin, stop in sorted(self.spans):
            total += max(0.0, stop - max(begin, end))
            end = max(end, stop)
        return total


@dataclass(frozen=True)
class Outputs:
    """The artifacts of one local run, by task and name."""

    root: Path

    def path(self, task: str, artifact: str) -> Path | None:
        """Returns an artifact's path; None where the task did not write it."""
        found = next((f / artifact for f in self._folders(task) if (f / artifact).exists()), None)
        return found.resolve() if found else None

    def metadata(self, task: str, artifact: str) -> dict[str, Any]:
        """Returns an artifact's metadata; empty where the task did not end well."""
        for folder in self._folders(task):
            for found in _artifacts(folder):
                if found["name"] == artifact:
                    return dict(found.get("metadata", {}))
        return {}

    def finished(self, task: str) -> bool:
        """Returns whether a task ended well."""
        return any((folder / "executor_output.json").exists() for folder in self._folders(task))

    def logic(self, task: str) -> Logic | None:
        """Returns how long a stage's logic ran; None where nothing was recorded."""
        found = [
            a["metadata"]
            for folder in self._folders(task)
            for a in _artifacts(folder)
            if "logic_seconds" in a.get("metadata", {})
        ]
        if not found:
            return None
        spans = tuple((m["logic_began"], m["logic_began"] + m["logic_seconds"]) for m in found)
        return Logic(spans, int(max(m["peak_bytes"] for m in found)))

    def failure(self) -> Failure | None:
        """Returns the first failure that a task's own code recorded."""
        for path in sorted(self.root.glob(f"**/{FAILURE}")):
            found = json.loads(path.read_text(encoding="utf-8"))
            return Failure(path.parent.name, found["type"], found["message"])
        return None

    def _folders(self, task: str) -> list[Path]:
        # A task in a ParallelFor lies one folder deeper, in that of its iteration.
        return sorted(p for p in (*self.root.glob(f"*/{task}"), *self.root.glob(f"*/*/{task}")))


def _artifacts(folder: Path) -> list[dict[str, Any]]:
    path = folder / "executor_output.json"
    if not path.exists():
        return []
    document = json.loads(path.read_text(encoding="utf-8"))
    return [a for entry in document.get("artifacts", {}).values() for a in entry["artifacts"]]
