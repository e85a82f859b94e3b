"""What starts training runs and finds out how they ended: a process here, or Kubeflow Pipelines.

A run is known by the id of its decision. A runner finds it again by that id alone, so that a
monitor that was killed between the start and its own note of it starts nothing twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from components.errors import KubeloopError
from components.monitor.storage.records import Outcome

MAX_WHY = 500
"""Characters of a reason that are kept: what a stage says may quote a whole log."""


class RunnerError(KubeloopError):
    """A run can never be started or followed: another try would end the same."""


class RunnerUnavailableError(KubeloopError):
    """A run cannot be started or followed now; another try may succeed."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run to be started.

    Attributes:
        id: of the decision.
        model: the model's name.
        spec: what it is trained by.
        fresh: address of the labelled rows since the last run; empty for none.
    """

    id: str
    model: str
    spec: Mapping[str, Any]
    fresh: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        outcome: `promoted`, `kept`, `not_approved` or `failed`.
        why: one sentence.
        version: what the run put into service; None without.
    """

    outcome: Outcome
    why: str
    version: int | None = None


Registered = Callable[[str, str], int | None]
"""Finds the version of a model that a run registered, by the run's id; None where it did not."""


class Runner(Protocol):
    """Starts and follows runs."""

    pause: float
    """Seconds between two looks at one run."""

    def start(self, order: Order) -> str:
        """Starts a run, or finds it where it was started before.

        Args:
            order: what to run.

        Returns:
            What the run is called where it runs, by which it is followed and shown.

        Raises:
            RunnerError: it can never be started.
            RunnerUnavailableError: it cannot be started now.
        """

    def follow(self, identity: str, run: str, model: str) -> Ending | None:
        """Looks at a run.

        Args:
            identity: the decision's id.
            run: what `start` returned.
            model: the model's name.

        Returns:
            How it ended; None while it is under way.

        Raises:
            RunnerUnavailableError: nobody can say now.
        """


def shorten(text: str) -> str:
    """Makes one line of a reason, of at most `MAX_WHY` characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_WHY else f"{line[: MAX_WHY - 1]}…"
