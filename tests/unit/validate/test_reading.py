import polars as pl
import pytest

from components.validate.reading import Reading, number_of

GERMAN = Reading(decimal=",", thousands=".")
ENGLISH = Reading(thousands=",")


@pytest.mark.parametrize(
    ("text", "reading", "expected"),
    [
        ("1.234,5", GERMAN, 1234.5),
        ("-1.234.567", GERMAN, -1234567.0),
        ("0,5", GERMAN, 0.5),
        ("1234,5e2", GERMAN, 123450.0),
        ("1,23,456", ENGLISH, 123456.0),
        ("1\u202f234,5", Reading(decimal=",", thousands=" "), 1234.5),
        ("0.5", ENGLISH, 0.5),
        ("0", ENGLISH, 0.0),
    ],
)
def test_number_of_grouped_text_reads_its_marks(
    text: str, reading: Reading, expected: float
) -> None:
    assert pl.select(number_of(pl.lit(text), reading)).item() == expected


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        # A fraction written with a comma, which would come out a thousand times too large.
        ("0,123", ENGLISH),
        ("-0,123", ENGLISH),
        ("12,34", ENGLISH),
        ("1,2345", ENGLISH),
        ("1.5", GERMAN),
        ("1 234", ENGLISH),
    ],
)
def test_number_of_misplaced_marks_is_no_number(text: str, reading: Reading) -> None:
    assert pl.select(number_of(pl.lit(text), reading)).item() is None
