"""Reads and writes the decisions on retraining; the retraining thread is their only writer."""

import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from components.monitor.retraining.decision import Decision
from components.monitor.retraining.ledger import HISTORY, Ledger
from components.monitor.retraining.policy import SECOND
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Retraining
from components.monitor.wire import format_time

WRITE_SECONDS: Final = 30.0
"""A write that is not on the disk by then is looked for again at the next look."""


class Submit(Protocol):
    """Queues work for the writer, as `Writer.submit` does."""

    def __call__(self, work: Callable[[Any], Any], /) -> "Future[Any]":
        """Returns a future of the work's result, resolved after the commit."""


class Decisions:
    """The decisions of all models, kept in memory as they are stored."""

    def __init__(self, reader: Reader, submit: Submit) -> None:
        """Reads nothing yet.

        Args:
            reader: of the store.
            submit: the way to its writer.
        """
        self._reader = reader
        self._submit = submit
        self._ledgers: dict[str, Ledger] = {}

    def forget(self) -> None:
        """Has everything read again: after a failure, or when another replica has decided."""
        self._ledgers.clear()

    def of(self, model: str) -> Ledger:
        """Returns the decisions on one model.

        Raises:
            StoreError: the store cannot be read now.
        """
        if model not in self._ledgers:
            self._ledgers[model] = Ledger(self._reader.retrainings(model, newest=HISTORY))
        return self._ledgers[model]

    def add(self, retraining: Retraining) -> None:
        """Stores a decision; returns when it is on the disk.

        Raises:
            RefusedError: it cannot be written now.
            TimeoutError: it may be written or not.
        """
        self._submit(lambda store: store.add_retraining(retraining)).result(WRITE_SECONDS)
        self._ledgers.pop(retraining.model, None)

    def update(self, retraining: Retraining, **changes: Any) -> None:
        """Stores what became of a decision; returns when it is on the disk.

        Raises:
            RefusedError: it cannot be written now.
            TimeoutError: it may be written or not.
        """
        identity = retraining.id
        write = self._submit(lambda store: store.update_retraining(identity, **changes))
        write.result(WRITE_SECONDS)
        self._ledgers.pop(retraining.model, None)


def new_decision(
    model: str, reason: str, decision: Decision, evidence: Mapping[str, Any], now: int
) -> Retraining:
    """Makes the record of a decision.

    Args:
        model: which.
        reason: why a run was wanted.
        decision: whether one is started.
        evidence: what it rests on, JSON values.
        now: microseconds since 1970, UTC.

    Returns:
        A record of an id of its own, which sorts by time and is the run's id in lineage.
    """
    stamp = datetime.fromtimestamp(now // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
    stated = {**evidence, "code": decision.code, "again": format_time(decision.again)}
    return Retraining(
        id=f"{stamp}-{model}-{secrets.token_hex(3)}",
        model=model,
        reason=reason,
        decided=now,
        outcome="started" if decision.starts else "refused",
        why=decision.why,
        evidence=json.dumps(stated, separators=(",", ":")),
    )
