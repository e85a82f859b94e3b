"""Counts a version's events into chunks, the parts that windows are summed from.

A chunk closes at the border of the event with which it reaches its size, so the same events always
make the same chunks: after a crash the open one is counted again from the first event behind the
last that was stored, and nothing is counted twice or left out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.monitor.statistics.binning import Counts, Reference
from components.monitor.storage.records import Chunk, StoredEvent

LATE: Final = 600_000_000
"""Microseconds that an event may come after its time. A sender holds events back for seconds; where
it is more, its clock is wrong, or it sends a log again."""

_CELLS: Final = 200_000
"""Values counted in one go: some milliseconds and megabytes, whatever a single event holds."""

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A closed chunk with what a verdict shows besides its counts.

    Attributes:
        chunk: as it is stored.
        counts: of its rows.
        durations: seconds each request took, where its event says.
        probabilities: of each row, by class; none for a regression.
    """

    chunk: Chunk
    counts: Counts
    durations: Sequence[float] = ()
    probabilities: Sequence[Sequence[float]] = ()


@dataclass(slots=True)
class _Open:
    """A chunk that is being filled."""

    counts: Counts
    first: int = 0
    last: int = 0
    start: int = 0
    end: int = 0
    durations: list[float] = field(default_factory=list)
    probabilities: list[Sequence[float]] = field(default_factory=list)


def moment(event: StoredEvent) -> int:
    """When an event happened, as far as its sender's clock can be believed.

    Args:
        event: as stored.

    Returns:
        Its own time; the monitor's where that lies in the future, or more than `LATE` back.
    """
    own = event.received - LATE <= event.time <= event.received
    return event.time if own else event.received


class Counting:
    """Counts one version's events in the order of their keys."""

    def __init__(self, reference: Reference, size: int, whose: tuple[str, int]) -> None:
        """Starts before the first event.

        Args:
            reference: of the version.
            size: rows from which a chunk closes.
            whose: model and version.
        """
        self._reference = reference
        self._size = size
        self._whose = whose
        self._number = 1
        self._open = _Open(reference.empty)
        self.after = 0
        """The key of the last event counted; 0 for none."""

    def resume(self, number: int, after: int) -> None:
        """Goes on behind the last chunk stored.

        Args:
            number: of that chunk.
            after: the key of its last event.
        """
        self._number, self.after = number + 1, after
        self._open = _Open(self._reference.empty)

    def add(self, events: Sequence[StoredEvent]) -> list[Counted]:
        """Counts events.

        Args:
            events: the next ones by growing key.

        Returns:
            The chunks that they closed.
        """
        closed: list[Counted] = []
        part: list[StoredEvent] = []
        rows = self._open.counts.rows
        for event in events:
            part.append(event)
            rows += len(answers_of(event))
            if rows >= self._size:
                self._take(part)
                closed.append(self._close())
                part, rows = [], 0
        self._take(part)
        return closed

    def _take(self, part: Sequence[StoredEvent]) -> None:
        if not part:
            return
        into, moments = self._open, [moment(event) for event in part]
        fresh = into.first == 0
        into.first = part[0].key if fresh else into.first
        into.start = min(moments if fresh else (into.start, *moments))
        into.end = max(into.end, *moments)
        into.last = self.after = part[-1].key
        into.counts = into.counts + count_events(self._reference, part)
        into.durations += [event.duration for event in part if event.duration is not None]
        for event in part:
            into.probabilities += event.outputs.get("probabilities", ())

    def _close(self) -> Counted:
        done = self._open
        model, version = self._whose
        chunk = Chunk(
            model=model,
            version=version,
            number=self._number,
            first_event=done.first,
            last_event=done.last,
            start=done.start,
            end=done.end,
            rows=done.counts.rows,
            counts=json.dumps(self._reference.to_document(done.counts), separators=(",", ":")),
        )
        self.resume(self._number, done.last)
        return Counted(chunk, done.counts, done.durations, done.probabilities)


def answers_of(event: StoredEvent) -> Sequence[Any]:
    """An event's labels, or its predicted values."""
    answers: Sequence[Any] = event.outputs.get("labels") or event.outputs.get("predictions") or ()
    return answers


def count_events(reference: Reference, events: Sequence[StoredEvent]) -> Counts:
    """Counts events together, since a call costs as much as a hundred rows.

    Args:
        reference: of the version.
        events: in any order; of those without features only the answers are counted.

    Returns:
        Their counts.
    """
    counts = reference.empty
    most = max(1, _CELLS // max(1, len(reference.features)))
    for has_features in (True, False):
        chosen = [event for event in events if (event.features is not None) is has_features]
        answers = [answer for event in chosen for answer in answers_of(event)]
        columns = _joined(chosen) if has_features else None
        for at in range(0, len(answers), most):
            counts = counts + reference.count(
                columns and {name: values[at : at + most] for name, values in columns.items()},
                answers[at : at + most],
            )
    return counts


def _joined(events: Sequence[StoredEvent]) -> Columns:
    """The columns of several events as one; a column that an event lacks is missing there."""
    parts = [(event.features or {}, len(answers_of(event))) for event in events]
    if len(parts) == 1:
        return parts[0][0]
    names = {name for features, _ in parts for name in features}
    if all(len(features) == len(names) for features, _ in parts):
        return {name: [v for features, _ in parts for v in features[name]] for name in names}
    return {
        name: [v for features, n in parts for v in features.get(name) or [None] * n]
        for name in names
    }
