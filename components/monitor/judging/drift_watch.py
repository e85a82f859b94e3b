"""Follows one version's events: chunks, windows, and verdicts on drift.

What it holds in memory is only a sum of what is stored. `restore` builds it again from chunks and
the events behind them, so a monitor that was killed goes on as if it had not been.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from components.errors import BundleError
from components.monitor.judging.counting import Counted, Counting
from components.monitor.judging.previous import Previous
from components.monitor.judging.windows import HOUR, Window, Windows
from components.monitor.statistics.binning import read_reference
from components.monitor.statistics.drift import judge_drift
from components.monitor.statistics.estimate import estimate
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import DRIFT_BY_ROWS, DRIFT_BY_TIME, Chunk, StoredEvent
from components.monitor.thresholds import read_thresholds
from components.monitor.verdicts import BY_ROWS, DriftVerdict
from components.monitor.versions import Version

BATCH: Final = 25
"""Events read in one step: about a millisecond. With 100 an acknowledgement took twice as long."""

_VALUES: Final = 10_000
"""Feature values of one step, of events with one row each; of wide models it takes fewer events."""

PACE: Final = 1.0
"""Seconds between two verdicts on the newest rows of a version, at least: each is some kilobytes,
and nobody looks more often."""

PARTS: Final = 10
"""Chunks of a window."""

_RESTORED_CHUNKS: Final = 2000
_RESTORED_BYTES: Final = 16 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one step found, to be stored together.

    Attributes:
        chunks: closed ones.
        verdicts: on these and earlier chunks.
        more: whether more events wait.
    """

    chunks: tuple[Chunk, ...] = ()
    verdicts: tuple[DriftVerdict, ...] = ()
    more: bool = False


class DriftWatch:
    """The judgement of one version's drift; used by one thread."""

    def __init__(
        self,
        version: Version,
        reader: Reader,
        *,
        pace: float = PACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Restores what was counted and judged before.

        Args:
            version: registered.
            reader: of the store.
            pace: seconds between two verdicts on the newest rows, at least.
            clock: seconds since 1970.

        Raises:
            BundleError: the version's reference cannot be counted by.
            StoreError: the store cannot be read.
        """
        bundle = json.loads(version.bundle)
        self._version, self._reader, self._clock, self._pace = version, reader, clock, pace
        self._thresholds = read_thresholds(version)
        self._reference = read_reference(json.loads(version.reference), bundle)
        self._batch = max(1, min(BATCH, _VALUES // max(1, len(self._reference.features))))
        size = math.ceil(self._thresholds.window / PARTS)
        self._counting = Counting(self._reference, size, (version.model, version.number))
        self._windows = Windows(self._reference, self._thresholds.window)
        self._previous = Previous(version, self._reference, reader, self._thresholds.window)
        self._due, self._pending, self._judged, self._judged_hour = -math.inf, False, 0, -1
        self._restore_windows()
        self._restore_verdicts()

    @property
    def pending(self) -> bool:
        """Whether a chunk closed that no verdict has looked at yet."""
        return self._pending

    def step(self) -> Findings:
        """Counts the next events, and judges where a chunk closed.

        Returns:
            What is to be stored. Where that fails, this watch is ahead of the store and has to be
            made anew.

        Raises:
            StoreError: the store cannot be read.
        """
        version = self._version
        events = self._reader.events_after(
            version.model, version.number, self._counting.after, self._batch
        )
        closed = self._counting.add(events)
        verdicts: list[DriftVerdict] = []
        for counted in closed:
            self._windows.push(counted)
            self._pending = True
            verdicts += self._judge_if_due()
        if not closed:
            verdicts += self._judge_if_due()
        return Findings(tuple(c.chunk for c in closed), tuple(verdicts), more=bool(events))

    def _judge_if_due(self) -> Iterable[DriftVerdict]:
        if not self._pending or time.monotonic() < self._due:
            return
        self._pending = False
        window = self._windows.newest()
        if window is None:
            return
        self._due = time.monotonic() + self._pace
        yield self._judge(window)
        day = self._windows.day()
        if day and day.end // HOUR > self._judged_hour:
            self._judged_hour = day.end // HOUR
            yield self._judge(day)

    def _judge(self, window: Window) -> DriftVerdict:
        version = self._version
        previous = self._previous.counts() if window.kind == BY_ROWS else None
        found = judge_drift(self._reference, window.counts, self._thresholds.psi, previous)
        self._judged = max(int(self._clock() * 1e6), self._judged + 1)
        return DriftVerdict(
            model=version.model,
            version=version.number,
            window=window.kind,
            judged=self._judged,
            start=window.start,
            end=window.end,
            rows=window.counts.rows,
            status=found.status,
            features=found.features,
            prediction=found.prediction,
            drifted_ratio=found.drifted_ratio,
            rate=window.rate,
            rate_before=window.rate_before,
            previous=found.previous,
            estimate=estimate(version.task, window.probabilities),
            latency=window.latency,
        )

    def _restore_windows(self) -> None:
        whose = (self._version.model, self._version.number)
        chunks = self._reader.chunks(*whose, newest=PARTS)
        if not chunks:
            return
        each = max(1, max(len(chunk.counts) for chunk in chunks))
        most = min(_RESTORED_CHUNKS, _RESTORED_BYTES // each)
        if most > PARTS:
            chunks = self._reader.chunks(*whose, newest=most)
        self._counting.resume(chunks[-1].number, chunks[-1].last_event)
        try:
            read = [self._reference.from_document(json.loads(chunk.counts)) for chunk in chunks]
        except BundleError as exc:
            # Counted by another version of this code. The windows fill again from here.
            _log.warning(
                "stored chunks left out model_name=%s model_version=%d why=%s", *whose, exc
            )
            return
        counted = [Counted(chunk, counts) for chunk, counts in zip(chunks, read, strict=True)]
        for one in self._with_details(counted):
            self._windows.push(one)

    def _with_details(self, counted: list[Counted]) -> list[Counted]:
        """Adds to the chunks of the newest window what their events say besides."""
        rows, at = 0, len(counted)
        while at and rows < self._thresholds.window:
            at -= 1
            rows += counted[at].chunk.rows
        found: list[Counted] = counted[:at]
        for one in counted[at:]:
            events = list(self._events_of(one.chunk))
            found.append(
                replace(
                    one,
                    durations=[e.duration for e in events if e.duration is not None],
                    probabilities=[p for e in events for p in e.outputs.get("probabilities", ())],
                )
            )
        return found

    def _events_of(self, chunk: Chunk) -> Iterable[StoredEvent]:
        after = chunk.first_event - 1
        while after < chunk.last_event:
            events = self._reader.events_after(chunk.model, chunk.version, after, self._batch)
            yield from (event for event in events if event.key <= chunk.last_event)
            after = events[-1].key if events else chunk.last_event

    def _restore_verdicts(self) -> None:
        whose = (self._version.model, self._version.number)
        rows = self._reader.verdicts(*whose, DRIFT_BY_ROWS, newest=1)
        day = self._reader.verdicts(*whose, DRIFT_BY_TIME, newest=1)
        self._judged = max((verdict.judged for verdict in (*rows, *day)), default=0)
        self._judged_hour = day[0].end // HOUR if day else -1
        window = self._windows.newest()
        seen = [(verdict.start, verdict.end, verdict.rows) for verdict in rows]
        self._pending = window is not None and (
            (window.start, window.end, window.counts.rows) not in seen
        )
