"""Chooses what a model learns of each date: calendar parts, cycles, and its age.

A plain date tells its days since 1970, its calendar parts and their cycles. Where rows have a
timestamp, an age stands in for days and year: those are the age and the clock's own trend, and of
that trend a model only ever sees the past, while ages stay in their range. For the same reason the
timestamp itself gives no days and no year, and a cycle only where the training rows have been once
around it: the months of half a year are a trend too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from components.dates.parts import AGE, PARTS, date_numbers
from components.dates.reading import Moments
from components.prepare.redundancy import repeated

_TRENDS: Final = ("days", "year")
# From the first day to the last of a whole year and a whole week, and from the first hour to the
# last of a day: once around a part of the clock.
_ROUND: Final = {
    "month": 364,
    "month_sin": 364,
    "month_cos": 364,
    "weekday": 6,
    "weekday_sin": 6,
    "weekday_cos": 6,
    "hour": 23 / 24,
    "hour_sin": 23 / 24,
    "hour_cos": 23 / 24,
}


@dataclass(frozen=True)
class Date:
    """A date that may become a feature.

    Attributes:
        name: its column.
        moments: datetime64[us] (n,) of a sample of training rows.
        is_clock: whether it is the rows' timestamp.
    """

    name: str
    moments: Moments
    is_clock: bool = False


def choose_parts(
    dates: Sequence[Date], numbers: NDArray[np.float64], above: float
) -> dict[str, tuple[str, ...]]:
    """Chooses the parts that vary and that nothing before them tells.

    Args:
        dates: the dates of the same n training rows, in the signature's order.
        numbers: (n, numbers), the numbers of those rows, which come before all dates.
        above: the correlation from which a part tells what an earlier number or part tells.

    Returns:
        By date the names of its parts, in the order of `components.dates.parts`.
    """
    clock = next((date.moments for date in dates if date.is_clock), None)
    named: list[tuple[str, str]] = []
    columns = [numbers]
    for date in dates:
        parts = _possible(date, clock)
        named += [(date.name, part) for part in parts]
        columns.append(date_numbers(date.moments, parts, clock).astype(np.float64))
    found = repeated(np.concatenate(columns, axis=1), above)[numbers.shape[1] :]
    chosen: dict[str, tuple[str, ...]] = {date.name: () for date in dates}
    for (name, part), same in zip(named, found, strict=True):
        if same is None:
            chosen[name] = (*chosen[name], part)
    return chosen


def _possible(date: Date, clock: Moments | None) -> list[str]:
    if not date.is_clock:
        plain = [part for part in PARTS if clock is None or part not in _TRENDS]
        return plain if clock is None else [AGE, *plain]
    present = date.moments[~np.isnat(date.moments)]
    span = (present.max() - present.min()) / np.timedelta64(1, "D") if len(present) else 0
    return [part for part in PARTS if part in _ROUND and span >= _ROUND[part]]
