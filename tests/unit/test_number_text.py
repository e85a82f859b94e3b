import polars as pl
import pytest

from components.number_text import read_numbers
from components.validate.reading import Reading, number_of

TEXTS = ["1", "1.5", "1,5", "1.234,5", "1,234.5", "1'234", "1\u2019234", "12,34,567", "1,2,3"]
TEXTS += [
    "1 234",
    "1\u202f234,5",
    "1e3",
    "1,5e3",
    "-.5",
    "-,5",
    "+3",
    "inf",
    "nan",
    "x",
    "1.",
    "0x1",
]


@pytest.mark.parametrize(
    ("decimal", "thousands", "text", "number"),
    [
        (".", "", "1.5", 1.5),
        (".", "", "1,5", None),
        (",", "", "1,5", 1.5),
        (",", ".", "1.234,5", 1234.5),
        (",", ".", "1.2,5", None),
        (".", "'", "1\u2019234.5", 1234.5),
        (".", ",", "12,34,567", 1234567.0),
    ],
)
def test_read_numbers_by_marks_reads_or_is_null(
    decimal: str, thousands: str, text: str, number: float | None
) -> None:
    assert pl.select(read_numbers(pl.lit(text), decimal, thousands)).item() == number


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("thousands", ["", " ", "'", ",", "."])
def test_read_numbers_reads_what_training_reads(decimal: str, thousands: str) -> None:
    rows = pl.DataFrame({"x": TEXTS})
    reading = Reading(decimal=decimal, thousands=thousands)
    trained = rows.select(number_of(pl.col("x"), reading))
    assert rows.select(read_numbers(pl.col("x"), decimal, thousands)).equals(trained)
