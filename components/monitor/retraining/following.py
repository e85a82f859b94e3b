"""Brings a decided run to its end: starts it, looks at it, records once how it ended."""

import logging
import time
from collections.abc import Mapping
from typing import Final

from components.monitor.retraining.decisions import Decisions
from components.monitor.retraining.ledger import read_evidence
from components.monitor.retraining.notification import Notifier
from components.monitor.retraining.policy import SECOND, read_spec
from components.monitor.retraining.runner import (
    Ending,
    Order,
    Runner,
    RunnerError,
    RunnerUnavailableError,
)
from components.monitor.storage.records import Retraining
from components.monitor.versions import Version, Versions

START_PATIENCE: Final = 600 * SECOND
"""For so long a run is tried to be started, where what runs it is not there."""

_SAID: Final[Mapping[str, str]] = {
    "promoted": "promoted",
    "kept": "kept the champion",
    "not_approved": "refused by its gates",
    "failed": "failed",
}

_log = logging.getLogger(__name__)


class Follower:
    """Starts and follows the runs of one runner."""

    def __init__(self, runner: Runner, decisions: Decisions, notifier: Notifier) -> None:
        """Follows nothing yet.

        Args:
            runner: where runs run.
            decisions: where their ends are recorded.
            notifier: hears of each end.
        """
        self._runner = runner
        self._decisions = decisions
        self._notifier = notifier
        self._looked: dict[str, float] = {}

    def follow(self, decided: Retraining, versions: Versions, now: int) -> Ending | None:
        """Starts the run of a decision where it was not, and looks whether it has ended.

        Args:
            decided: with the outcome `started`.
            versions: the registered ones.
            now: microseconds since 1970, UTC.

        Returns:
            How it ended, once that is on the disk; None while it is under way.

        Raises:
            RefusedError: the store cannot be written now.
        """
        try:
            if decided.run is None:
                run = self._start(decided, versions)
                self._decisions.update(decided, run=run, started=now)
                _log.info("retraining started id=%s run=%s", decided.id, run)
                return None
            ending = self._look(decided, decided.run)
        except RunnerError as exc:
            ending = Ending("failed", f"the run could not be started: {exc}")
        except RunnerUnavailableError as exc:
            if decided.run is not None or now < decided.decided + START_PATIENCE:
                _log.warning("retraining not followed now id=%s: %s", decided.id, exc)
                return None
            ending = Ending("failed", f"the run could not be started: {exc}")
        if ending is not None:
            self._end(decided, ending, now)
        return ending

    def _start(self, decided: Retraining, versions: Versions) -> str:
        evidence = read_evidence(decided)
        version = _version(versions, decided.model, evidence.get("model_version"))
        order = Order(
            id=decided.id,
            model=decided.model,
            spec=read_spec(version) if version else {},
            fresh=str(evidence.get("fresh") or ""),
        )
        if not order.spec:
            msg = (
                f"no registered version of {decided.model!r} says by which spec it was trained: "
                "run it once by kubeloop run FILE"
            )
            raise RunnerError(msg)
        return self._runner.start(order)

    def _look(self, decided: Retraining, run: str) -> Ending | None:
        last = self._looked.get(decided.id)
        if last is not None and time.monotonic() < last + self._runner.pause:
            return None
        self._looked[decided.id] = time.monotonic()
        return self._runner.follow(decided.id, run, decided.model)

    def _end(self, decided: Retraining, ending: Ending, now: int) -> None:
        self._decisions.update(
            decided, outcome=ending.outcome, why=ending.why, ended=now, version=ending.version
        )
        self._looked.pop(decided.id, None)
        said = f"Kubeloop: retraining of {decided.model} ({decided.reason}) "
        self._notifier.tell(f"{said}{_SAID[ending.outcome]}: {ending.why}")


def _version(versions: Versions, model: str, number: object) -> Version | None:
    return versions.get((model, number)) if isinstance(number, int) else None
