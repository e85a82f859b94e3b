"""The decisions of one model as they are stored, and what follows from them.

What a monitor decided before it was restarted holds: the cooldown, the cap, the run that is under
way, the moment from which labelled rows are new, and which refusals have been told already.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.monitor.retraining.decision import Run
from components.monitor.storage.records import Retraining
from components.monitor.wire import parse_time

HISTORY = 500
"""Decisions of a model that are read: a day's refusals and many days' runs."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was decided about one model, the newest first."""

    decisions: Sequence[Retraining]

    @property
    def runs(self) -> list[Run]:
        """The runs, for `decide`."""
        return [Run(d.decided, d.ended) for d in self.decisions if d.outcome != "refused"]

    @property
    def under_way(self) -> list[Retraining]:
        """Runs whose end is not known."""
        return [d for d in self.decisions if d.outcome == "started"]

    @property
    def last_run(self) -> Retraining | None:
        """The run that was decided last; None where there was none."""
        return next((d for d in self.decisions if d.outcome != "refused"), None)

    @property
    def promoted(self) -> Retraining | None:
        """The last run that put a version into service; None where none did."""
        return next((d for d in self.decisions if d.outcome == "promoted"), None)

    @property
    def since(self) -> int:
        """From when labelled rows are new, microseconds since 1970; 0 for all of them.

        The rows of a run that brought nothing into service are new still: no model that answers
        has learned from them.
        """
        found = self.promoted
        return (parse_time(read_evidence(found).get("until")) or 0) if found else 0

    def repeats(self, reason: str, code: str, version: int, *, after: int) -> bool:
        """Whether a refusal is already on record: the same, with no run since, and not long ago.

        Args:
            reason: why a run was wanted.
            code: why it was refused.
            version: of the model.
            after: what was recorded at this moment or earlier is long ago.
        """
        for decision in self.decisions:
            if decision.outcome != "refused" or decision.decided <= after:
                return False
            if decision.reason == reason:
                known = read_evidence(decision)
                return (known.get("code"), known.get("model_version")) == (code, version)
        return False


def cited_verdict(decision: Retraining) -> tuple[int, str, int] | None:
    """Returns the version, the kind and the time of the verdict that a decision rests on.

    Args:
        decision: as stored.

    Returns:
        The time as the store has it, microseconds since 1970; None where it rests on no verdict.
    """
    evidence = read_evidence(decision)
    version, verdict = evidence.get("model_version"), evidence.get("verdict")
    judged = parse_time(verdict.get("judged")) if isinstance(verdict, dict) else None
    if not isinstance(version, int) or not isinstance(verdict, dict) or judged is None:
        return None
    return version, str(verdict.get("kind")), judged


def read_evidence(decision: Retraining) -> dict[str, Any]:
    """Returns what a decision rests on."""
    evidence = json.loads(decision.evidence)
    return evidence if isinstance(evidence, dict) else {}
