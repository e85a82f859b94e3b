"""Moments to the numbers that a model learns from: calendar parts, cycles and ages."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from components.dates.reading import Moments

Values = NDArray[Any]
Part = Callable[[Moments], Values]


def _cycle(turn: Part, wave: np.ufunc) -> Part:
    def part(moments: Moments) -> Values:
        around: Values = np.asarray(wave(2 * np.pi * turn(moments)), dtype=np.float64)
        return around

    return part


def _since(moments: Moments, unit: str) -> Values:
    """How many of a finer unit have passed since the begin of the coarser one around it."""
    coarse, fine = {"month": ("Y", "M"), "day": ("M", "D")}[unit]
    whole = moments.astype(f"datetime64[{coarse}]").astype(f"datetime64[{fine}]")
    passed: Values = (moments.astype(f"datetime64[{fine}]") - whole).astype(np.int64)
    return passed


def _day_share(moments: Moments) -> Values:
    """The share of the day that has passed, from 0 to 1."""
    passed = moments - moments.astype("datetime64[D]").astype("datetime64[us]")
    return np.asarray(passed / np.timedelta64(86_400_000_000, "us"), dtype=np.float64)


def _weekday(moments: Moments) -> Values:
    # 1970-01-01 was a Thursday; Monday is 0.
    return (moments.astype("datetime64[D]").astype(np.int64) + 3) % 7


def _year_share(moments: Moments) -> Values:
    return _since(moments, "month") / 12


def _week_share(moments: Moments) -> Values:
    return _weekday(moments) / 7


def _year(moments: Moments) -> Values:
    return moments.astype("datetime64[Y]").astype(np.int64) + 1970


AGE: Final = "age_days"
"""The part that needs a clock: days from the date to the row's timestamp."""

PARTS: Final[dict[str, Part]] = {
    "days": lambda moments: moments.astype("datetime64[us]").astype(np.int64) / 86_400_000_000,
    "year": _year,
    "month": lambda moments: _since(moments, "month") + 1,
    "day": lambda moments: _since(moments, "day") + 1,
    "weekday": _weekday,
    "hour": lambda moments: 24 * _day_share(moments),
    "month_sin": _cycle(_year_share, np.sin),
    "month_cos": _cycle(_year_share, np.cos),
    "weekday_sin": _cycle(_week_share, np.sin),
    "weekday_cos": _cycle(_week_share, np.cos),
    "hour_sin": _cycle(_day_share, np.sin),
    "hour_cos": _cycle(_day_share, np.cos),
}
"""What a date alone tells: days since 1970, year, month 1 to 12, day 1 to 31, weekday from Monday
0 to Sunday 6, hour 0 to 24 with its fraction; and month, weekday and hour as points on a circle,
because December is next to January."""


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
    columns = np.full((len(moments), len(parts)), np.nan, dtype=np.float32)
    missing = np.isnat(moments)
    for index, part in enumerate(parts):
        if part == AGE:
            if clock is not None:
                columns[:, index] = (clock - moments) / np.timedelta64(86_400_000_000, "us")
                columns[missing | np.isnat(clock), index] = np.nan
            continue
        columns[:, index] = PARTS[part](moments)
        columns[missing, index] = np.nan
    return columns
