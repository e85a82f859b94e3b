import math
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def moments(count: int, seed: int) -> np.ndarray:
    """Moments of the years 1 to 9999, around 1970, at midnight, and missing ones."""
    rng = np.random.default_rng(seed)
    anywhere = rng.integers(-62_135_596_800_000_000, 253_402_300_800_000_000, count)
    near = rng.integers(-(10**15), 2 * 10**15, count)
    midnight = rng.integers(-30_000, 30_000, count) * 86_400_000_000
    counts = np.select(
        [rng.random(count) < 0.3, rng.random(count) < 0.5], [anywhere, near], midnight
    )
    made = counts.view("datetime64[us]")
    made[rng.random(count) < 0.1] = "NaT"
    return made


@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_date_numbers_of_few_rows_are_those_of_many_to_the_last_bit(rows: int) -> None:
    """A request of one row and the training table are read by two ways."""
    dates, clock, parts = moments(2000, 1), moments(2000, 2), [*PARTS, AGE]
    for now in (None, clock):
        many = date_numbers(dates, parts, now)
        few = [
            date_numbers(dates[at : at + rows], parts, None if now is None else now[at : at + rows])
            for at in range(0, 2000, rows)
        ]
        assert np.concatenate(few).tobytes() == many.tobytes()


def test_date_numbers_of_a_year_that_no_calendar_has_are_those_of_many() -> None:
    far = np.array([-250_000_000_000_000_000], dtype=np.int64).view("datetime64[us]")
    one, many = date_numbers(far, list(PARTS)), date_numbers(np.repeat(far, 9), list(PARTS))
    assert one.tobytes() == many[:1].tobytes()
    assert one[0, list(PARTS).index("year")] == -5953


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_date_numbers_are_those_of_pythons_own_calendar(moment: datetime) -> None:
    found = date_numbers(np.array([moment], dtype="datetime64[us]"), list(PARTS))[0]
    passed = moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)
    turn = passed / timedelta(days=1)
    wanted = {
        "days": (moment - datetime(1970, 1, 1)) / timedelta(days=1),
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "weekday": moment.weekday(),
        "hour": 24 * turn,
        "month_sin": math.sin(2 * math.pi * (moment.month - 1) / 12),
        "month_cos": math.cos(2 * math.pi * (moment.month - 1) / 12),
        "weekday_sin": math.sin(2 * math.pi * moment.weekday() / 7),
        "weekday_cos": math.cos(2 * math.pi * moment.weekday() / 7),
        "hour_sin": math.sin(2 * math.pi * turn),
        "hour_cos": math.cos(2 * math.pi * turn),
    }
    assert list(wanted) == list(PARTS)
    assert found.tolist() == pytest.approx(list(wanted.values()), rel=1e-7, abs=1e-7)
