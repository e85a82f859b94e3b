import numpy as np

from components.dates.parts import AGE, PARTS
from components.dates.reading import Moments
from components.prepare.calendar import Date, choose_parts

HOUR = np.timedelta64(3_600_000_000, "us")
DAY = 24 * HOUR
START = np.datetime64("2023-01-01", "us")
RNG = np.random.default_rng(0)


def moments(days: float, count: int = 2000, step: np.timedelta64 = DAY) -> Moments:
    """Moments over so many days, at whole steps."""
    steps = RNG.integers(0, int(np.timedelta64(int(days * 24), "h") / step) + 1, count)
    found: Moments = START + steps * step
    return found


def chosen(*dates: Date, numbers: np.ndarray | None = None) -> dict[str, tuple[str, ...]]:
    rows = len(dates[0].moments)
    return choose_parts(dates, np.zeros((rows, 0)) if numbers is None else numbers, 0.999)


def test_choose_parts_of_dates_without_time_of_day_leaves_out_the_hours() -> None:
    parts = chosen(Date("d", moments(3000)))["d"]
    assert parts == tuple(part for part in PARTS if not part.startswith("hour"))


def test_choose_parts_beside_a_clock_takes_the_age_for_days_and_year() -> None:
    found = chosen(
        Date("born", START - (moments(20_000) - START)), Date("t", moments(700), is_clock=True)
    )
    assert found["born"][0] == AGE
    assert not {"days", "year"} & set(found["born"])
    assert set(found["t"]) == {
        "month",
        "weekday",
        *(f"{part}_{wave}" for part in ("month", "weekday") for wave in ("sin", "cos")),
    }


def test_choose_parts_of_a_clock_takes_only_cycles_that_it_has_been_round() -> None:
    hourly = Date("t", moments(5, step=HOUR), is_clock=True)
    assert chosen(hourly)["t"] == ("hour", "hour_sin", "hour_cos")
    weekly = Date("t", np.append(moments(5, step=HOUR), START + 6 * DAY), is_clock=True)
    assert "weekday" in chosen(weekly)["t"]
    assert "month" not in chosen(weekly)["t"]


def test_choose_parts_told_by_a_number_or_another_date_are_left_out() -> None:
    date = moments(3000)
    years = date.astype("datetime64[Y]").astype(float) * 2
    found = chosen(Date("a", date), Date("b", date), numbers=years.reshape(-1, 1))
    assert "year" not in found["a"]
    assert found["b"] == ()


def test_choose_parts_of_missing_dates_alone_is_nothing() -> None:
    nothing = np.full(9, np.datetime64("NaT"), dtype="datetime64[us]")
    assert chosen(Date("d", nothing), Date("t", nothing, is_clock=True)) == {"d": (), "t": ()}
