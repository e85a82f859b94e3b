"""What of a run on Kubeflow Pipelines has begun and ended, stage by stage.

KFP reports every node of Argo's workflow as a task, drivers, groups and single containers among
them; a stage's own node has the stage's name. Source: toModelTasks in
backend/src/apiserver/server/api_converter.go and backend/src/v2/compiler/argocompiler of Kubeflow
Pipelines 2.17.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pipelines.local.progress import Display

STAGES: Final = (
    *("champion", "ingest", "validate", "prepare", "train", "evaluate"),
    *("package", "register", "deploy", "crown"),
)
_ENDED: Final = ("SUCCEEDED", "FAILED", "CANCELED")
# A time that Argo has not set yet is one before there was Argo.
_LEAST_YEAR: Final = 2000


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: of the stage.
        ended: whether all of its tasks have ended.
        succeeded: whether none of them failed, so far.
        seconds: from the begin of the first to the end of the last, so far.
        tasks: nodes of tasks, by KFP's id of the pod.
    """

    name: str
    ended: bool
    succeeded: bool
    seconds: float
    tasks: tuple[str, ...]


def read_stages(run: Any, expected: Mapping[str, int], now: datetime) -> list[Stage]:
    """Reads a run's tasks.

    Args:
        run: as KFP's API describes it.
        expected: how many tasks a stage has, where it is not one.
        now: for the time of what has not ended.

    Returns:
        The stages that have begun, in the pipeline's order.
    """
    details = (run.run_details and run.run_details.task_details) or []
    found = []
    for name in STAGES:
        own = [task for task in details if task.display_name == name and task.state != "SKIPPED"]
        around = [task for task in details if task.display_name == f"{name}-driver"]
        if begins := [moment for task in (*own, *around) if (moment := _time(task.start_time))]:
            found.append(_stage(name, own, min(begins), expected.get(name, 1), now))
    return found


def _stage(name: str, own: list[Any], begin: datetime, expected: int, now: datetime) -> Stage:
    done = [task for task in own if task.state in _ENDED]
    failed = any(task.state in ("FAILED", "CANCELED") for task in own)
    ended = failed or (len(done) >= expected and len(done) == len(own))
    ends = [moment for task in done if (moment := _time(task.end_time))]
    end = max(ends) if ended and ends else now
    seconds = max(0.0, (end - begin).total_seconds())
    return Stage(name, ended, not failed, seconds, tuple(str(task.pod_name) for task in own))


def _time(moment: datetime | None) -> datetime | None:
    if moment is None or moment.year < _LEAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class Shown:
    """Shows a person the stages as they begin and end, each once.

    Attributes:
        display: where.
        expected: how many tasks a stage has, where it is not one.
    """

    display: Display
    expected: Mapping[str, int]
    _begun: set[str] = field(default_factory=set)
    _ended: set[str] = field(default_factory=set)

    def show(self, run: Any, now: datetime) -> list[Stage]:
        """Shows what is new of a run, and returns its stages."""
        stages = read_stages(run, self.expected, now)
        for stage in stages:
            if stage.name not in self._begun:
                self._begun.add(stage.name)
                self.display.begin(stage.name)
            if stage.ended and stage.name not in self._ended:
                self._ended.add(stage.name)
                self.display.end(stage.name, stage.seconds, succeeded=stage.succeeded)
        return stages
