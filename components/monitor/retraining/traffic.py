"""Which version of a model answers now, seen from the events that come in.

A registration says that a version is about to take traffic, not that it has got it; a rollback
gives it back to an older one. What is counted cannot be wrong about either.
"""

from collections.abc import Iterable

from components.monitor.totals import Total


class Traffic:
    """Watches the totals of events from look to look."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self._events: dict[tuple[str, int], int] = {}
        self._current: dict[str, int] = {}
        self._looked = False

    def look(self, totals: Iterable[Total]) -> None:
        """Notes what has come since the last look.

        Where two versions answer, as in a canary, the one that answers more is current. The first
        look has nothing to compare with, and takes the version whose last event is the latest.

        Args:
            totals: what the store holds.
        """
        grown: dict[str, list[tuple[int, int]]] = {}
        for total in totals:
            if not total.registered:
                continue
            key = (total.model, total.version)
            more = total.events - self._events.get(key, 0)
            self._events[key] = total.events
            weight = more if self._looked else total.last_time or 0
            if more > 0:
                grown.setdefault(total.model, []).append((weight, total.version))
        self._looked = True
        for model, versions in grown.items():
            self._current[model] = max(versions)[1]

    def promote(self, model: str, version: int) -> None:
        """Notes that a version has got the traffic, before its first event has come."""
        self._current[model] = version

    def current(self, model: str) -> int | None:
        """Returns the version that answers; None where none has yet."""
        return self._current.get(model)
