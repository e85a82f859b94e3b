"""Keeps the store within its age and size: small steps of retention, every minute."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from components.monitor.refusal import RefusedError
from components.monitor.storage.records import Deleted
from components.monitor.store import Store

EVERY_SECONDS: Final = 60.0
STEP_SECONDS: Final = 30.0
"""A step that takes longer is left alone; the next minute takes another."""

_DAY: Final = 86_400
_log = logging.getLogger(__name__)

Submit = Callable[[Callable[[Store], Deleted]], "Future[Deleted]"]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept.

    Attributes:
        days: events with their labels, waiting labels, chunks, verdicts and alerts; None for ever.
        max_bytes: what the store may hold; None for no limit.
    """

    days: float | None = 90.0
    max_bytes: int | None = None


class Upkeep:
    """A thread that deletes what is too old or too much."""

    def __init__(self, submit: Submit, retention: Retention) -> None:
        """Starts nothing yet.

        Args:
            submit: queues work for the writer.
            retention: what is kept.
        """
        self._submit = submit
        self._retention = retention
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-upkeep", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after the step that it is at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_once(self) -> Deleted:
        """Deletes until nothing is too old or too much, or somebody needs the writer more.

        Returns:
            The sum of all steps; `more` where something is left for the next time.
        """
        total: dict[str, Any] = dict.fromkeys(Deleted.__slots__, 0)
        more = True
        while more and not self._stop.is_set():
            try:
                step = self._submit(self._step).result(STEP_SECONDS)
            except (RefusedError, TimeoutError) as exc:
                _log.warning("retention postponed error=%s", exc)
                break
            more = step.more
            for name in total:
                total[name] += getattr(step, name)
        return Deleted(**{**total, "more": more})

    def _step(self, store: Store) -> Deleted:
        days = self._retention.days
        before = None if days is None else int((time.time() - days * _DAY) * 1e6)
        return store.delete_old(before=before, max_bytes=self._retention.max_bytes)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            done = self.run_once()
            if done.events or done.pending:
                _log.info("retention events=%d labels=%d", done.events, done.labels)
