"""Requests of one version, added up: how many, how many failed, and how long they took."""

import math
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Requests of one version.

    Attributes:
        requests: all that were answered.
        failed: those answered with a status of 500 or more: the server's own failures.
        within: requests that took at most so many seconds, by bucket bound.
        seconds: what all of them took together.
        beyond: requests that took longer than the budget, of those above all finite bounds; see
            `surely_slower`.
    """

    requests: float = 0.0
    failed: float = 0.0
    within: dict[float, float] = field(default_factory=dict)
    seconds: float = 0.0
    beyond: float = 0.0

    def slower_than(self, seconds: float) -> tuple[float, float]:
        """How many requests took longer, and of how many, by the next bucket bound above.

        Returns:
            What is known by `beyond` where no finite bound is as high.
        """
        bounds = [bound for bound in self.within if seconds <= bound < math.inf]
        total = self.within.get(math.inf, 0.0)
        return (total - self.within[min(bounds)] if bounds else self.beyond), total

    def above_all(self) -> float:
        """How many requests took longer than the highest finite bound."""
        highest = max((bound for bound in self.within if bound < math.inf), default=0.0)
        return self.within.get(math.inf, 0.0) - self.within.get(highest, 0.0)

    def surely_slower(self, budget_s: float, longest_s: float) -> float:
        """How many requests above all finite bounds took longer than a budget there, at least.

        What the others can have taken at most, each its bucket's bound, is taken off the sum. What
        is left is of the `k` above all bounds; if `m` of them took longer than the budget, it is at
        most `(k - m) * budget_s + m * longest_s`, which gives the least `m`.

        Args:
            budget_s: seconds that a request may take.
            longest_s: seconds that no request can have exceeded.

        Returns:
            0 where a finite bound is as high as the budget, which says more.
        """
        bounds = sorted(self.within)
        if not bounds or any(budget_s <= bound < math.inf for bound in bounds):
            return 0.0
        left_s, below = self.seconds, 0.0
        for bound in bounds[:-1]:
            left_s -= bound * (self.within[bound] - below)
            below = self.within[bound]
        excess_s = left_s - self.above_all() * budget_s
        # A sum of many small numbers is off by its last digits.
        if excess_s <= 1e-6 * self.seconds or not budget_s < longest_s:
            return 0.0
        return min(self.above_all(), float(math.ceil(excess_s / (longest_s - budget_s))))

    def add(self, other: "Tally") -> None:
        """Adds another's requests."""
        self.requests += other.requests
        self.failed += other.failed
        self.seconds += other.seconds
        self.beyond += other.beyond
        for bound, count in other.within.items():
            self.within[bound] = self.within.get(bound, 0.0) + count
