import math

import numpy as np
import pytest

from components.dates.parts import AGE, PARTS, date_numbers

WEDNESDAY = np.array(["2024-02-28T18:00:00"], dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("year", 2024),
        ("month", 2),
        ("day", 28),
        ("weekday", 2),
        ("hour", 18),
        ("month_sin", math.sin(2 * math.pi / 12)),
        ("month_cos", math.cos(2 * math.pi / 12)),
        ("weekday_sin", math.sin(4 * math.pi / 7)),
        ("weekday_cos", math.cos(4 * math.pi / 7)),
        ("hour_sin", -1),
        ("hour_cos", 0),
        ("days", 19781.75),
    ],
)
def test_date_numbers_of_a_part_is_as_defined(part: str, expected: float) -> None:
    assert date_numbers(WEDNESDAY, [part])[0, 0] == pytest.approx(expected, abs=1e-6)


def test_date_numbers_before_1970_counts_backwards() -> None:
    old = np.array(["1969-12-31T06:00:00"], dtype="datetime64[us]")
    named = dict(zip(PARTS, date_numbers(old, list(PARTS))[0].tolist(), strict=True))
    assert (named["year"], named["month"], named["day"]) == (1969, 12, 31)
    assert (named["weekday"], named["hour"]) == (2, 6)


def test_date_numbers_of_an_age_counts_days_to_the_clock() -> None:
    clock = np.array(["2024-03-01T06:00:00"], dtype="datetime64[us]")
    assert date_numbers(WEDNESDAY, [AGE], clock).tolist() == [[1.5]]


def test_date_numbers_of_a_missing_date_or_clock_are_missing() -> None:
    nothing = np.array(["NaT"], dtype="datetime64[us]")
    assert np.isnan(date_numbers(nothing, [*PARTS, AGE], WEDNESDAY)).all()
    assert np.isnan(date_numbers(WEDNESDAY, [AGE], nothing)).all()
    assert np.isnan(date_numbers(WEDNESDAY, [AGE])).all()


def test_date_numbers_of_no_rows_keeps_the_shape() -> None:
    assert date_numbers(WEDNESDAY[:0], list(PARTS)).shape == (0, len(PARTS))
