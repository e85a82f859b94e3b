"""Dates read from bytes, against the same dates read one by one."""

import numpy as np
import polars as pl
import pytest

from components.dates.formats import compile_format
from components.dates.reading import parse, parse_cells
from components.validate.date_formats import moments

FORM = "%Y-%m-%d %H:%M:%S"
TEXTS = [
    "2024-02-29 23:59:59",
    "2023-02-29 00:00:00",
    "0001-01-01 00:00:00",
    "0000-01-01 00:00:00",
    "9999-12-31 23:59:59",
    "2024-04-31 12:00:00",
    "2024-13-01 12:00:00",
    "2024-00-10 12:00:00",
    "2024-01-00 12:00:00",
    "2024-01-01 24:00:00",
    "2024-01-01 23:60:00",
    "2024-01-01 23:00:60",
    "2024-01-01T23:00:00",
    "2024-01-0a 23:00:00",
    "2024-01-01 23:00:0/",
    "2024-01-01 23:00: 1",
    "1969-12-31 23:59:59",
]


def test_parse_cells_equals_one_by_one() -> None:
    cells = np.frombuffer("".join(TEXTS).encode(), np.uint8).reshape(len(TEXTS), -1)
    read = parse_cells(cells, compile_format(FORM))
    one_by_one = np.concatenate([parse([text], [FORM]) for text in TEXTS])
    np.testing.assert_array_equal(read, one_by_one)
    assert not np.isnat(read).all()


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%Y%m%d", "%d.%m.%Y %H:%M"])
def test_parse_cells_other_formats_equal_one_by_one(form: str) -> None:
    texts = pl.datetime_range(
        pl.datetime(1899, 1, 1), pl.datetime(2101, 1, 1), "13d7h", eager=True
    ).dt.strftime(form)
    cells = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), -1)
    one_by_one = np.concatenate([parse([text], [form]) for text in texts])
    np.testing.assert_array_equal(parse_cells(cells, compile_format(form)), one_by_one)


@pytest.mark.parametrize(
    "ending",
    ["Z", "z", "+0000", "-0530", "+05:30", "+23:59", "-2359", "+2400", "+23:99", "+1 00", "*0100"],
)
@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".000001", ".1234567"])
def test_moments_fractions_and_offsets_read_as_one_by_one(fraction: str, ending: str) -> None:
    form = f"%Y-%m-%dT%H:%M:%S{'.%f' if fraction else ''}%z"
    days = ("2024-02-29", "0001-01-01", "9999-12-31", "1969-12-31")
    for day in days:
        texts = [f"{day}T{hour:02d}:30:59{fraction}{ending}" for hour in (0, 5, 23)]
        read = pl.DataFrame({"t": texts}).select(moments(pl.col("t"), (form,))).to_series()
        one_by_one = np.concatenate([parse([text], [form]) for text in texts])
        np.testing.assert_array_equal(read.to_numpy(), one_by_one)


@pytest.mark.parametrize(
    "odd",
    [None, "1/2/2024", "2024-01-02 03:04", "no date", "２０２４-01-01", "2024-01-01 00:00:0é"],
)
def test_moments_one_odd_text_among_dates_read_as_by_parse(odd: str | None) -> None:
    texts = [*TEXTS[:1] * 40, odd, *TEXTS[4:5]]
    forms = (FORM, "%d/%m/%Y")
    # A slice begins in the middle of its buffers.
    series = pl.Series("a\0b", ["x", *texts])[1:]
    read = pl.DataFrame({"t": series}).select(moments(pl.col("t"), forms)).to_series()
    np.testing.assert_array_equal(read.to_numpy(), parse(texts, forms))
