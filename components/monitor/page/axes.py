"""What is drawn over time, and between which ends."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# The share of a value within which another is drawn as the same.
_ALIKE: Final = 1e-9
_LEAST: Final = 1e-300
_MOST: Final = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at one time.

    Attributes:
        time: microseconds since 1970.
        version: of the model; lines of two versions are not joined.
        value: the figure.
        low, high: its interval, or the value itself.
    """

    time: int
    version: int
    value: float
    low: float
    high: float

    @classmethod
    def bare(cls, time: int, version: int, value: float) -> "Point":
        """Makes a figure without an interval."""
        return cls(time, version, value, value, value)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one time: a run, with its words as HTML."""

    time: int
    words: str


@dataclass(frozen=True, slots=True)
class Span:
    """The time that all drawings of a model share, so that they can be compared.

    Attributes:
        since, until: its ends, microseconds since 1970.
        step: time between two points; over a longer gap no line is drawn.
    """

    since: int
    until: int
    step: int

    def place(self, time: int, left: float, right: float) -> float:
        """Returns where a time is drawn."""
        whole = max(1, self.until - self.since)
        return left + (right - left) * min(1.0, max(0.0, (time - self.since) / whole))


@dataclass(frozen=True, slots=True)
class Reach:
    """From which value to which a drawing reaches."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], least: float | None = None) -> "Reach":
        """Takes in all values, from one round number to another."""
        low, high = min(values), max(values)
        low = low if least is None else min(least, low)
        size = max(abs(low), abs(high))
        # What differs in its last digits alone, as intervals of equal rows do, is one value.
        spread = high - low if high - low > _ALIKE * size else size
        step = 10 ** math.floor(math.log10(min(max(spread, _LEAST) if spread else 1.0, _MOST))) / 2
        bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
        return cls(max(bottom, -_MOST), min(top if top > bottom else bottom + step, _MOST))

    def place(self, value: float, top: float, floor: float) -> float:
        """Returns where a value is drawn."""
        # By halves, since the whole reach of two huge values is no number.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return floor - (floor - top) * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a drawing, by its class of the style sheet."""

    points: Sequence[Point]
    kind: str = "trace"
    band: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A value that is drawn all along, such as a limit, by its class of the style sheet."""

    value: float
    kind: str
