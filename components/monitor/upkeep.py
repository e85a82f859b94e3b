"""Keeps the store within its age and size: small steps of retention and thinning, every minute."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from components.errors import KubeloopError
from components.monitor.refusal import RefusedError
from components.monitor.storage.records import Deleted
from components.monitor.store import Store
from components.monitor.thinning import Lot, Thinner

EVERY_SECONDS: Final = 60.0
STEP_SECONDS: Final = 30.0
"""A step that takes longer is left alone; the next minute takes another."""

REST_SHARE: Final = 4.0
"""Seconds of rest for each that thinning took, as the judge rests: what is collected goes first."""

_DAY: Final = 86_400
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Submit(Protocol):
    """Queues work for the store's writer."""

    def __call__(self, work: Callable[[Store], T], /) -> "Future[T]":
        """Returns a future that is resolved after the commit."""


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

    def __init__(
        self,
        submit: Submit,
        retention: Retention,
        thinner: Thinner | None = None,
        *,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """Starts nothing yet.

        Args:
            submit: queues work for the writer.
            retention: what is kept.
            thinner: finds verdicts that lie too close; None where they all stay.
            leads: whether this process, of several on one store, is the one that thins.
        """
        self._submit = submit
        self._retention = retention
        self._thinner = thinner
        self._leads = leads
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

    def thin_once(self) -> int:
        """Deletes old verdicts that lie closer than they need to; for a minute at most.

        Returns:
            How many were deleted.

        Raises:
            StoreError: the store cannot be read.
            RefusedError: it cannot be written now; the same is found again.
            TimeoutError: the same, after long.
        """
        if self._thinner is None or not self._leads():
            return 0
        removed, began = 0, time.monotonic()
        end = began + EVERY_SECONDS
        for lot in self._thinner.find(int(time.time() * 1e6)):
            self._submit(partial(_delete, lot=lot)).result(STEP_SECONDS)
            removed += len(lot.moments)
            rest = REST_SHARE * (time.monotonic() - began)
            if self._stop.wait(rest) or time.monotonic() > end:
                break
            began = time.monotonic()
        return removed

    def _step(self, store: Store) -> Deleted:
        days = self._retention.days
        before = None if days is None else int((time.time() - days * _DAY) * 1e6)
        return store.delete_old(before=before, max_bytes=self._retention.max_bytes)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._look()
            except (KubeloopError, TimeoutError) as exc:
                _log.warning("upkeep postponed error=%s", exc)
            except Exception:
                # The next minute may succeed; a thread that ended would let the store fill up.
                _log.exception("upkeep failed")

    def _look(self) -> None:
        done = self.run_once()
        if done.events or done.pending:
            _log.info("retention events=%d labels=%d", done.events, done.labels)
        self.thin_once()


def _delete(store: Store, lot: Lot) -> None:
    store.delete_verdicts(lot.series, lot.moments)
