"""Which old verdicts go: a busy version gets one a second, of some kilobytes each.

All of the last hour stay; older ones are thinned to those of a minute, and after a day to those of
an hour. Of each minute or hour stay

- the last, since a chart takes the last of each of its parts and never has finer parts than these
  (`page` draws an hour, a day or a week in 60), and since the newest of all is what is told;
- the first of each state, so that it is known to the second when a level or the set of drifted
  columns turned; a state is no other because its figures moved;
- what a decision on retraining cites.

At 20 kB that is some 100 MB a version in 90 days where 155 GB came. Verdicts never change and
whoever thins twice finds nothing, so nothing is remembered beyond the process.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from components.monitor.pace import paced
from components.monitor.retraining.ledger import cited_verdict
from components.monitor.storage.history import Series
from components.monitor.storage.reader import Reader
from components.monitor.verdicts import OK

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

STATES: Final = 10
"""States of one minute or hour that stay: columns at the edge of their limit would otherwise keep
as many as there are ways to drift."""

LOT: Final = 100
"""Verdicts that the writer deletes at a time: some milliseconds, at 20 kB each."""

PAGE: Final = 5000
"""Verdicts of one series that are looked at in one reading, by their time alone."""


@dataclass(frozen=True, slots=True)
class Tier:
    """From which age on how many verdicts stay.

    Attributes:
        age: microseconds.
        part: the length of time of which the last verdict stays, microseconds.
    """

    age: int
    part: int


TIERS: Final = (Tier(HOUR, MINUTE), Tier(DAY, HOUR))


@dataclass(frozen=True, slots=True)
class Lot:
    """Verdicts of one series that may go, by the moments at which they were judged."""

    series: Series
    moments: tuple[int, ...]


class Thinner:
    """Finds the verdicts that may go; used from one thread."""

    def __init__(self, reader: Reader) -> None:
        """Reads nothing yet.

        Args:
            reader: of the store.
        """
        self._reader = reader
        self._done: dict[tuple[Series, Tier], int] = {}

    def find(self, now: int) -> Iterator[Lot]:
        """Finds what has become too old to be kept in full since the last time.

        A lot counts as deleted when the next one is asked for.

        Args:
            now: microseconds since 1970, UTC.

        Yields:
            Lots of at most `LOT` verdicts.

        Raises:
            StoreError: the store cannot be read.
        """
        for series in self._reader.history.series():
            for tier in TIERS:
                yield from self._thin(series, tier, now)

    def _thin(self, series: Series, tier: Tier, now: int) -> Iterator[Lot]:
        until = (now - tier.age) // tier.part * tier.part
        at = self._done.get((series, tier), 0)
        while at < until:
            moments = self._reader.history.moments(series, at, until, PAGE)
            parts = [list(part) for _, part in groupby(moments, lambda m: m // tier.part)]
            if len(moments) == PAGE and len(parts) > 1:
                # The last one may go on behind the page.
                parts.pop()
            cited = self._cited(series, parts[0][0]) if parts else frozenset()
            for part in parts:
                doomed = self._doomed(series, part, cited)
                for start in range(0, len(doomed), LOT):
                    yield Lot(series, doomed[start : start + LOT])
                at = part[-1] + 1
            if len(moments) < PAGE:
                at = until
            self._done[series, tier] = at

    def _doomed(self, series: Series, part: list[int], cited: frozenset[int]) -> tuple[int, ...]:
        """Chooses what goes of one part; its last verdict never does."""
        if len(part) == 1:
            return ()
        stay = {part[-1]}
        states: set[object] = set()
        for moment, text in paced(self._reader.history.from_before(series, part[0], part[-1])):
            state = _state(text)
            if state not in states and len(states) <= STATES:
                states.add(state)
                # The one before the part says in which state it began.
                stay.add(moment)
        return tuple(moment for moment in part if moment not in stay and moment not in cited)

    def _cited(self, series: Series, since: int) -> frozenset[int]:
        """When the verdicts were judged that decisions since a moment rest on."""
        model, version, kind = series
        found = (cited_verdict(d) for d in self._reader.retrainings_since(model, since))
        return frozenset(one[2] for one in found if one and one[:2] == (version, kind))


def _state(text: str) -> object:
    """The level of a verdict, and which of its columns or metrics are not well."""
    document: dict[str, Any] = json.loads(text)
    columns = document.get("features") or document.get("metrics") or {}
    bad: Iterable[str] = (name for name, one in columns.items() if one["status"] != OK)
    prediction = document.get("prediction")
    answers = prediction is not None and prediction["status"] != OK
    return document["status"], frozenset(bad), answers
