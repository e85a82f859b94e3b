"""Moments to the numbers that a model learns from: calendar parts, cycles and ages."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from components.dates.reading import Moments

Values = NDArray[Any]
_DAY = 86_400_000_000  # microseconds
_EPOCH = date(1970, 1, 1).toordinal()
# Up to as many moments are faster one by one (8 parts of 1: 5 µs, of 4: 12 µs; as arrays: 16 µs).
_FEW = 4
_MISSING = int(np.iinfo(np.int64).min)
_ONE_DAY = np.timedelta64(_DAY, "us")


class Calendar:
    """What the parts of the same moments share, each computed once and where it is needed.

    A call of numpy on one row costs a microsecond, so a request of one row is paid by their number.
    """

    def __init__(self, moments: Moments) -> None:
        """Takes datetime64[us] (n,), UTC; a missing one gives numbers without meaning."""
        self._moments = moments
        self.counts: NDArray[np.int64] = moments.view(np.int64)

    @cached_property
    def days(self) -> NDArray[np.int64]:
        """Whole days since 1970, int64 (n,)."""
        return self.counts // _DAY

    @cached_property
    def months(self) -> NDArray[np.int64]:
        """Whole months since 1970, int64 (n,)."""
        return self._months.view(np.int64)

    @cached_property
    def month_days(self) -> NDArray[np.int64]:
        """Days from 1970 to the begin of the month, int64 (n,)."""
        return self._months.astype("datetime64[D]").view(np.int64)

    @cached_property
    def month(self) -> NDArray[np.int64]:
        """Months since the begin of the year, int64 (n,), from 0 to 11."""
        return self.months % 12

    @cached_property
    def weekday(self) -> NDArray[np.int64]:
        """Days since Monday, int64 (n,), from 0 to 6."""
        # 1970-01-01 was a Thursday.
        return (self.days + 3) % 7

    @cached_property
    def day_share(self) -> NDArray[np.float64]:
        """The share of the day that has passed, float64 (n,), from 0 to 1."""
        return np.asarray((self.counts - self.days * _DAY) / _DAY, dtype=np.float64)

    @cached_property
    def _months(self) -> Moments:
        return self._moments.astype("datetime64[M]")


class OneDate:
    """The same of one moment, in Python's own numbers: a tenth of the time of arrays of one."""

    def __init__(self, count: int) -> None:
        """Takes microseconds since 1970, of the years 1 to 9999, and raises ValueError beyond."""
        # As float, for the quotient of two ints would round once where that of arrays does twice.
        self.counts = float(count)
        self.days, passed = divmod(count, _DAY)
        self.day_share = passed / _DAY
        at = date.fromordinal(self.days + _EPOCH)
        self.month = at.month - 1
        self.months = (at.year - 1970) * 12 + self.month
        self.month_days = self.days - at.day + 1
        self.weekday = at.weekday()


Part = Callable[[Any], Any]


def _angles(turns: Values) -> Values:
    return 2 * np.pi * turns


_MONTH_ANGLES = _angles(np.arange(12) / 12)
_WEEKDAY_ANGLES = _angles(np.arange(7) / 7)
_MONTH_SIN, _MONTH_COS = np.sin(_MONTH_ANGLES), np.cos(_MONTH_ANGLES)
_WEEKDAY_SIN, _WEEKDAY_COS = np.sin(_WEEKDAY_ANGLES), np.cos(_WEEKDAY_ANGLES)

AGE: Final = "age_days"
"""The part that needs a clock: days from the date to the row's timestamp."""

PARTS: Final[dict[str, Part]] = {
    "days": lambda dates: dates.counts / _DAY,
    "year": lambda dates: dates.months // 12 + 1970,
    "month": lambda dates: dates.month + 1,
    "day": lambda dates: dates.days - dates.month_days + 1,
    "weekday": lambda dates: dates.weekday,
    "hour": lambda dates: 24 * dates.day_share,
    "month_sin": lambda dates: _MONTH_SIN[dates.month],
    "month_cos": lambda dates: _MONTH_COS[dates.month],
    "weekday_sin": lambda dates: _WEEKDAY_SIN[dates.weekday],
    "weekday_cos": lambda dates: _WEEKDAY_COS[dates.weekday],
    "hour_sin": lambda dates: np.sin(_angles(dates.day_share)),
    "hour_cos": lambda dates: np.cos(_angles(dates.day_share)),
}
"""Of a `Calendar` or a `OneDate`, what a date alone tells: days since 1970, year, month 1 to 12,
day 1 to 31, weekday from Monday 0 to Sunday 6, hour 0 to 24 with its fraction; and month, weekday
and hour as points on a circle, because December is next to January."""


def date_numbers(
    moments: Moments, parts: Sequence[str], clock: Moments | None = None
) -> NDArray[np.float32]:
    """Turns moments into the numbers that a model learns from.

    Args:
        moments: datetime64[us] (n,), UTC.
        parts: names from `PARTS`, or `age_days`.
        clock: datetime64[us] (n,), the row's own timestamp, from which `age_days` counts back.

    Returns:
        float32 (n, parts); NaN where the moment, or for an age the clock, is missing.
    """
    moments = moments.astype("datetime64[us]", copy=False)
    if len(moments) <= _FEW:
        with suppress(ValueError):
            return _few_numbers(moments, parts, clock)
    columns = np.empty((len(moments), len(parts)), dtype=np.float32)
    dates, missing = Calendar(moments), np.isnat(moments)
    for index, part in enumerate(parts):
        if part != AGE:
            columns[:, index] = PARTS[part](dates)
        elif clock is None:
            columns[:, index] = np.nan
        else:
            # A missing clock gives a missing difference, and that NaN.
            columns[:, index] = (clock - moments) / _ONE_DAY
    if missing.any():
        columns[missing] = np.nan
    return columns


def _few_numbers(
    moments: Moments, parts: Sequence[str], clock: Moments | None
) -> NDArray[np.float32]:
    """Does the same one by one; raises ValueError for years beyond 1 to 9999."""
    counts = moments.view(np.int64).tolist()
    if clock is None:
        nows = [_MISSING] * len(counts)
    else:
        nows = clock.astype("datetime64[us]", copy=False).view(np.int64).tolist()
    rows = []
    for count, now in zip(counts, nows, strict=True):
        if count == _MISSING:
            rows.append([np.nan] * len(parts))
            continue
        one = OneDate(count)
        age = np.nan if now == _MISSING else float(now - count) / _DAY
        rows.append([age if part == AGE else PARTS[part](one) for part in parts])
    return np.array(rows, dtype=np.float32).reshape(len(counts), len(parts))
