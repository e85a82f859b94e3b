"""Requests that a version took and has not finished, as far as its pods' metrics can prove it.

A pod shows how many requests are in flight and how many it has finished, and their sum is how many
it has begun. No request says which one it is; but of those begun by an earlier reading no more can
be finished than all that are finished now, and the rest have lasted since then.
"""

from collections import deque
from dataclasses import dataclass, field

from components.deploy.kserve.counters import Reading


@dataclass
class Looks:
    """The readings of one pod, the oldest first, as far back as is asked for."""

    readings: deque[Reading] = field(default_factory=deque)

    @property
    def last(self) -> Reading | None:
        """The newest reading; None before the first one."""
        return self.readings[-1] if self.readings else None

    def add(self, reading: Reading, *, longest_s: float) -> None:
        """Adds a reading, and forgets those that no question about `longest_s` needs."""
        if self.last is not None and reading.finished < self.last.finished:
            # The container began anew.
            self.readings.clear()
        self.readings.append(reading)
        while len(self.readings) > 1 and self._age_s(self.readings[1]) >= longest_s:
            self.readings.popleft()

    def longer_than(self, seconds: float) -> float:
        """How many requests in flight have lasted for so many seconds, at least."""
        old = [one for one in self.readings if self._age_s(one) >= seconds]
        if not old:
            return 0.0
        begun, now = old[-1].in_flight + old[-1].finished, self.readings[-1]
        # Who hangs up is never finished: what is not in flight any more does not count.
        return max(0.0, min(now.in_flight, begun - now.finished))

    def _age_s(self, reading: Reading) -> float:
        return self.readings[-1].asked - reading.answered


@dataclass(frozen=True)
class Unfinished:
    """What the pods of one version took in a watch, and have not finished.

    Attributes:
        pods: each one's readings.
        finished: requests that all of them finished since the watch began.
    """

    pods: tuple[Looks, ...]
    finished: float

    @property
    def in_flight(self) -> float:
        """Requests that were being read or answered in the last readings."""
        return sum(pod.last.in_flight for pod in self.pods if pod.last)

    @property
    def taken(self) -> float:
        """Requests that were finished, and those in flight."""
        return self.finished + self.in_flight

    def longer_than(self, seconds: float) -> float:
        """How many requests have been in flight for so many seconds, at least."""
        return sum(pod.longer_than(seconds) for pod in self.pods)
