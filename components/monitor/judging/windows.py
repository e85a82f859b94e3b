"""Sums a version's chunks into the windows that are judged: the newest rows, and the last day.

The newest rows see a change within `monitor.window` rows. The last day holds a day's ups and downs
whole, where a busy model's newest rows are a minute of it; and its many rows show what is small. An
hour would do neither: the rows of a busy model fill their window sooner, and those of a quiet one
take longer.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np

from components.monitor.judging.counting import Counted
from components.monitor.statistics.binning import Counts, Reference
from components.monitor.verdicts import BY_ROWS, BY_TIME

HOUR: Final = 3600 * 1_000_000
"""Microseconds."""

DAY_HOURS: Final = 24
QUANTILES: Final = (0.5, 0.99)
REMEMBERED: Final = 512
"""Chunks whose time and rows are kept for the rate before; a hundredfold fall is still seen."""

_LEAST_SPAN: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What a verdict is made from.

    Attributes:
        kind: by rows or by time.
        counts: of its rows.
        start, end: times of its first and last row, microseconds since 1970.
        rate: rows a second.
        rate_before: in the same time before; None where chunks do not reach back so far.
        latency: seconds a request took, by quantile; by rows only.
        probabilities: of its rows; by rows only.
    """

    kind: Literal["rows", "time"]
    counts: Counts
    start: int
    end: int
    rate: float
    rate_before: float | None
    latency: Mapping[str, float] = field(default_factory=dict)
    probabilities: Sequence[Sequence[float]] = ()


class _Passed(NamedTuple):
    """The end of a chunk, and its rows."""

    end: int
    rows: int


@dataclass(slots=True)
class _Hour:
    """The chunks that ended in one hour."""

    counts: Counts
    start: int
    end: int


class Windows:
    """The windows of one version, kept up with each chunk."""

    def __init__(self, reference: Reference, rows: int) -> None:
        """Starts empty.

        Args:
            reference: of the version.
            rows: that the window by rows holds at least.
        """
        self._least = rows
        self._none = self._sum = reference.empty
        self._newest: deque[Counted] = deque()
        self._passed: deque[_Passed] = deque(maxlen=REMEMBERED)
        self._hours: dict[int, _Hour] = {}

    def push(self, counted: Counted) -> None:
        """Adds the next chunk; whole chunks leave the window by rows as soon as it can spare them.

        Args:
            counted: the chunk after the one pushed before.
        """
        chunk = counted.chunk
        self._newest.append(counted)
        self._sum = self._sum + counted.counts
        while self._sum.rows - self._newest[0].counts.rows >= self._least:
            self._sum = self._sum - self._newest.popleft().counts
        reached = self._passed[-1].end if self._passed else 0
        self._passed.append(_Passed(max(reached, chunk.end), chunk.rows))
        hour = self._hours.setdefault(chunk.end // HOUR, _Hour(self._none, chunk.end, 0))
        hour.counts = hour.counts + counted.counts
        hour.start, hour.end = min(hour.start, chunk.start), max(hour.end, chunk.end)
        for old in [at for at in self._hours if at <= chunk.end // HOUR - 2 * DAY_HOURS]:
            del self._hours[old]

    def newest(self) -> Window | None:
        """The newest rows; None while they are too few."""
        if self._sum.rows < self._least:
            return None
        chunks = [counted.chunk for counted in self._newest]
        end = max(chunk.end for chunk in chunks)
        rate, before = self._rates(len(chunks), min(chunk.start for chunk in chunks), end)
        durations = [seconds for counted in self._newest for seconds in counted.durations]
        quantiles = np.quantile(durations, QUANTILES).tolist() if durations else []
        return Window(
            kind=BY_ROWS,
            counts=self._sum,
            start=min(chunk.start for chunk in chunks),
            end=end,
            rate=rate,
            rate_before=before,
            latency=dict(zip(map(str, QUANTILES), quantiles, strict=False)),
            probabilities=[row for counted in self._newest for row in counted.probabilities],
        )

    def day(self) -> Window | None:
        """The last 24 hours up to the newest chunk, the hour under way included.

        Returns:
            The window; None while it has fewer rows than the one by rows needs.
        """
        last = max(self._hours, default=0)
        chosen = [hour for at, hour in self._hours.items() if at > last - DAY_HOURS]
        counts = self._none
        for hour in chosen:
            counts = counts + hour.counts
        if not chosen or counts.rows < self._least:
            return None
        earlier = [hour for at, hour in self._hours.items() if at <= last - DAY_HOURS]
        start, end = min(hour.start for hour in chosen), max(hour.end for hour in chosen)
        seconds = DAY_HOURS * HOUR / 1e6
        return Window(
            kind=BY_TIME,
            counts=counts,
            start=start,
            end=end,
            rate=_per_second(counts.rows, end - start),
            rate_before=sum(h.counts.rows for h in earlier) / seconds if earlier else None,
        )

    def _rates(self, chunks: int, start: int, end: int) -> tuple[float, float | None]:
        """Rows a second in the newest chunks, and in the same time before them."""
        passed = list(self._passed)
        before, rows = passed[:-chunks], sum(chunk.rows for chunk in passed[-chunks:])
        # From the end of the chunk before: a pause before the first row belongs to the window.
        begin = before[-1].end if before else start
        span = max(end - begin, _LEAST_SPAN)
        seen, reached = 0.0, begin - span
        for earlier, chunk in zip(before[-2::-1], before[:0:-1], strict=True):
            whole = max(chunk.end - earlier.end, 1)
            seen += chunk.rows * min(1.0, (chunk.end - reached) / whole)
            if earlier.end <= reached:
                return _per_second(rows, span), _per_second(seen, span)
        return _per_second(rows, span), None


def _per_second(rows: float, span: int) -> float:
    return rows * 1e6 / max(span, _LEAST_SPAN)
