"""Which versions of a model answer: those whose events grow, whatever their senders' clocks say."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from components.monitor.totals import Total

LEFT_SECONDS: Final = 300.0
"""Without an event for so long, while another version has some, a version has been left; Prometheus
forgets a series that is not told any more after as long."""

Key = tuple[str, int]


class Growth:
    """When counts were last seen to grow."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self._counts: dict[Key, int] = {}
        self._grown: dict[Key, float] = {}
        self._looked = False
        self._guard = threading.Lock()

    def look(
        self, counts: Mapping[Key, int], before: Mapping[Key, float], now: float
    ) -> dict[Key, float]:
        """Notes what has grown since the last look.

        Args:
            counts: none of them ever falls.
            before: when those grew that the first look finds, which has nothing to compare with.
            now: seconds by a clock of the caller's.

        Returns:
            When each grew; none of those that were there at the first look and are not in `before`.
        """
        with self._guard:
            for key, count in counts.items():
                if count > self._counts.get(key, 0):
                    self._counts[key] = count
                    if self._looked:
                        self._grown[key] = now
                    elif key in before:
                        self._grown[key] = before[key]
            self._looked = True
            return dict(self._grown)


class RecentTraffic:
    """Watches the totals of events from look to look."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self._growth = Growth()

    def look(self, totals: Iterable[Total], now: float) -> set[Key]:
        """Notes what has come since the last look.

        Args:
            totals: what the store holds.
            now: seconds by a clock that is never set.

        Returns:
            Of each model the versions that had an event at most `LEFT_SECONDS` before its last. The
            first look goes by the events' own times.
        """
        known = {(t.model, t.version): t for t in totals if t.registered and t.events}
        own = {key: (total.last_time or 0) / 1e6 for key, total in known.items()}
        last = _newest(own)
        before = {key: now - (last[key[0]] - at) for key, at in own.items()}
        grown = self._growth.look({key: t.events for key, t in known.items()}, before, now)
        newest = _newest(grown)
        return {key for key, at in grown.items() if at >= newest[key[0]] - LEFT_SECONDS}


def _newest(times: Mapping[Key, float]) -> dict[str, float]:
    newest: dict[str, float] = {}
    for (model, _), at in times.items():
        newest[model] = max(newest.get(model, at), at)
    return newest
