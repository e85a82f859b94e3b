"""The answers of the version before, counted by the bins of the one that is judged.

The bins of two versions differ where answers are numbers, so the events of the version before are
read again, which is worth it since its newest window changes no more once traffic has left it.
"""

import time
from typing import Final

from components.monitor.judging.counting import answers_of
from components.monitor.statistics.binning import Counts, Reference
from components.monitor.storage.reader import Reader
from components.monitor.versions import Version

AGAIN_SECONDS: Final = 60.0
"""How old the comparison may be while both versions answer."""

_BATCH: Final = 100


class Previous:
    """The newest window of the version before."""

    def __init__(self, version: Version, reference: Reference, reader: Reader, rows: int) -> None:
        """Reads nothing yet.

        Args:
            version: the one that is judged.
            reference: of that version.
            reader: of the store.
            rows: that the window holds at least.
        """
        self._version, self._reference, self._reader, self._rows = version, reference, reader, rows
        self._read_at = -AGAIN_SECONDS
        self._known: tuple[int, int] | None = None
        self._counts: Counts | None = None

    def counts(self) -> Counts | None:
        """The answers' counts; None without an earlier version that has as many rows.

        Raises:
            StoreError: the store cannot be read.
        """
        if time.monotonic() >= self._read_at + AGAIN_SECONDS:
            self._read_at = time.monotonic()
            self._read()
        return self._counts

    def _read(self) -> None:
        model = self._version.model
        numbers = (n for m, n in self._reader.versions() if m == model)
        for number in sorted((n for n in numbers if n < self._version.number), reverse=True):
            chunks = self._reader.chunks(model, number, newest=10)
            while chunks and sum(chunk.rows for chunk in chunks[1:]) >= self._rows:
                chunks = chunks[1:]
            if sum(chunk.rows for chunk in chunks) < self._rows:
                continue
            if self._known != (number, chunks[-1].number):
                self._known = (number, chunks[-1].number)
                self._counts = self._count(number, chunks[0].first_event, chunks[-1].last_event)
            return

    def _count(self, number: int, first: int, last: int) -> Counts | None:
        counts, after = self._reference.empty, first - 1
        while after < last:
            events = self._reader.events_after(self._version.model, number, after, _BATCH)
            known = [event for event in events if event.key <= last]
            answers = [answer for event in known for answer in answers_of(event)]
            counts = counts + self._reference.count(None, answers)
            after = events[-1].key if events else last
        return counts if counts.rows else None
