"""Follows one version's labels, and judges the newest labelled rows when enough is new."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from components.monitor.statistics.expectations import read_expectations
from components.monitor.statistics.quality import judge_quality
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import QUALITY
from components.monitor.thresholds import read_thresholds
from components.monitor.verdicts import QualityVerdict
from components.monitor.versions import Version

MOST_ROWS: Final = 1000
"""The newest labelled rows that are judged, or `monitor.window` where that is more: the rise of
errors from 0.10 to 0.15 takes a CUSUM about 500 of them."""

NEW_SHARE: Final = 0.01
PACE: Final = 1.0
LATEST: Final = 30.0


class QualityWatch:
    """The judgement of one version's quality; used by one thread.

    It judges at once where a hundredth of the rows is new, no sooner than `PACE` seconds after the
    last time; and anything new after `LATEST` seconds.
    """

    def __init__(
        self,
        version: Version,
        reader: Reader,
        *,
        pace: float = PACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Restores when it judged last.

        Args:
            version: registered.
            reader: of the store.
            pace: seconds between two verdicts, at least.
            clock: seconds since 1970.

        Raises:
            StoreError: the store cannot be read.
        """
        self._version, self._reader, self._pace, self._clock = version, reader, pace, clock
        self._expected = read_expectations(json.loads(version.bundle))
        self._most = max(MOST_ROWS, read_thresholds(version).window)
        latest = reader.verdicts(version.model, version.number, QUALITY, newest=1)
        self._latest = latest[0] if latest else None
        self._at = -LATEST
        self._number = -1
        self._labelled = 0
        self._rows = 0

    def step(self, labelled: int) -> QualityVerdict | None:
        """Judges where enough labels are new.

        Args:
            labelled: rows of the version that have a label.

        Returns:
            The verdict, to be stored; None where there is nothing new.

        Raises:
            StoreError: the store cannot be read.
        """
        if not labelled or not self._is_due(labelled):
            return None
        version = self._version
        number = self._reader.newest_label(version.model, version.number)
        if number == self._number:
            return None
        self._number, self._labelled, self._at = number, labelled, time.monotonic()
        rows = self._reader.labelled(version.model, version.number, newest=self._most)
        self._rows = len(rows)
        last = self._latest.judged if self._latest else 0
        judged = max(int(self._clock() * 1e6), last + 1)
        verdict = judge_quality(version, rows, judged, self._expected)
        # After a restart nothing may be new at all.
        if verdict is None or (self._latest and replace(verdict, judged=last) == self._latest):
            return None
        self._latest = verdict
        return verdict

    def _is_due(self, labelled: int) -> bool:
        waited = time.monotonic() - self._at
        enough = labelled - self._labelled >= max(1.0, NEW_SHARE * self._rows)
        return waited >= LATEST or (enough and waited >= self._pace)
