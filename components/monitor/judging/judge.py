"""Judges every registered version: one step for each that has news.

It reads what is stored, and hands what it found to the writer like any other request; once a second
and no oftener, since a group of its own would cost the requests behind it a sync of the disk. What
is lost on the way is found again in the events.
"""

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from components.errors import KubeloopError
from components.monitor.judging.drift_watch import PACE, DriftWatch
from components.monitor.judging.quality_watch import QualityWatch
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import (
    DRIFT_BY_ROWS,
    DRIFT_BY_TIME,
    QUALITY,
    Chunk,
    VerdictKind,
)
from components.monitor.store import Store
from components.monitor.totals import Total
from components.monitor.verdicts import BY_ROWS, DriftVerdict, QualityVerdict
from components.monitor.versions import Version

LOOK_SECONDS: Final = 0.5
"""How old the totals may be while events wait: a step is shorter than reading them."""

RETRY_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 3600.0
"""A version without news for so long is let go of; its next event brings it back."""

Key = tuple[str, int]
Verdict = DriftVerdict | QualityVerdict
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Submit(Protocol):
    """Queues work for the store's writer."""

    def __call__(self, work: Callable[[Store], T], /) -> "Future[T]":
        """Returns a future that is resolved after the commit."""


class TakenError(KubeloopError):
    """Another process judged the same events meanwhile."""


@dataclass(slots=True)
class _Follower:
    """What follows one version, and what it has seen."""

    drift: DriftWatch
    quality: QualityWatch
    events: int = -1
    news: float = 0.0
    chunks: list[Chunk] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


class Judge:
    """Judges all registered versions; used by one thread."""

    def __init__(
        self,
        reader: Reader,
        submit: Submit,
        *,
        leads: Callable[[], bool] = lambda: True,
        pace: float = PACE,
    ) -> None:
        """Reads nothing yet.

        Args:
            reader: of the store.
            submit: queues work for its writer.
            leads: whether this process, of several on one store, is the one that judges.
            pace: seconds between two writings, and between two verdicts of a kind on a version, at
                least.
        """
        self._reader, self._submit, self._leads = reader, submit, leads
        self._pace = pace
        self._followers: dict[Key, _Follower] = {}
        self._resting: dict[Key, tuple[int, int]] = {}
        self._again: dict[Key, float] = {}
        self._waiting: dict[Key, tuple[Version, Total]] = {}
        self._written = self._looked = -math.inf

    def run_once(self) -> bool:
        """Takes one step for each version that has news.

        Returns:
            Whether more waits to be counted.

        Raises:
            StoreError: the store cannot be read.
            RefusedError: what was found cannot be written now; it will be found again.
            TakenError: another process has written it.
        """
        if not self._waiting or time.monotonic() >= self._looked + LOOK_SECONDS:
            self._look()
        self._waiting = {
            key: (version, total)
            for key, (version, total) in self._waiting.items()
            if self._attempt(key, version, total)
        }
        if time.monotonic() >= self._written + self._pace:
            self._write()
        return bool(self._waiting)

    def _look(self) -> None:
        """Reads which versions there are, and what of them."""
        self._looked = time.monotonic()
        if not self._leads():
            self._followers.clear()
            self._waiting = {}
            return
        totals = {(t.model, t.version): t for t in self._reader.content().totals if t.registered}
        versions = sorted(self._reader.versions().items())
        self._waiting = {key: (v, totals[key]) for key, v in versions if key in totals}

    def _attempt(self, key: Key, version: Version, total: Total) -> bool:
        """Takes a version's step; where it fails, it starts from the store again, later."""
        if time.monotonic() < self._again.get(key, 0.0):
            return False
        try:
            return self._step(key, version, total)
        except Exception as exc:
            self._followers.pop(key, None)
            self._again[key] = time.monotonic() + RETRY_SECONDS
            if not isinstance(exc, KubeloopError):
                raise
            _log.warning("not judged model_name=%s model_version=%d error=%s", *key, exc)
            return False

    def _step(self, key: Key, version: Version, total: Total) -> bool:
        follower = self._follow(key, version, total)
        if follower is None:
            return False
        more, now = False, time.monotonic()
        if total.events != follower.events or follower.drift.pending:
            found = follower.drift.step()
            follower.chunks += found.chunks
            follower.verdicts += found.verdicts
            more = found.more
            # Counted before they were read: what came between is seen the next time.
            follower.events = follower.events if more else total.events
            follower.news = now
        if quality := follower.quality.step(total.labelled):
            follower.verdicts.append(quality)
            follower.news = now
        written = not follower.chunks and not follower.verdicts
        if written and not more and now > follower.news + IDLE_SECONDS:
            del self._followers[key]
            self._resting[key] = (total.events, total.labelled)
        return more

    def _follow(self, key: Key, version: Version, total: Total) -> _Follower | None:
        """Finds or restores what follows a version; None where it rests."""
        if self._resting.get(key) == (total.events, total.labelled):
            return None
        if key not in self._followers:
            self._resting.pop(key, None)
            self._followers[key] = _Follower(
                DriftWatch(version, self._reader, pace=self._pace),
                QualityWatch(version, self._reader, pace=self._pace),
                news=time.monotonic(),
            )
        return self._followers[key]

    def _write(self) -> None:
        """Stores what was found, all or nothing."""
        followers = self._followers.values()
        chunks = [chunk for follower in followers for chunk in follower.chunks]
        verdicts = [verdict for follower in followers for verdict in follower.verdicts]
        if not chunks and not verdicts:
            return

        def work(store: Store) -> None:
            for chunk in chunks:
                if not store.add_chunk(chunk):
                    msg = f"chunk {chunk.number} is there: another monitor judges this store"
                    raise TakenError(msg)
            for verdict in verdicts:
                store.add_verdict(kind_of(verdict), verdict)

        self._written = time.monotonic()
        try:
            self._submit(work).result()
        except BaseException:
            self._followers.clear()
            raise
        for follower in followers:
            follower.chunks, follower.verdicts = [], []


def kind_of(verdict: Verdict) -> VerdictKind:
    """Returns the kind under which a verdict is stored."""
    if isinstance(verdict, QualityVerdict):
        return QUALITY
    return DRIFT_BY_ROWS if verdict.window == BY_ROWS else DRIFT_BY_TIME
