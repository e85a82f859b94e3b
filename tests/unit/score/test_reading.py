from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from components.score.reading import Reader
from components.serve.contract import Contract
from components.serve.refusal import RefusalError
from tests.bundles import signature
from tests.scoring import dated_signature

VALUES: dict[str, list[Any]] = {
    "age": [30, 30.5, "?", "-999", -999, -999.0, None, "thirty", 3.5e38, -3.5e38, float("inf"), 0],
    "city": ["Bern", " Bern ", "?", "", "  ", None, "Atlantis", "bern", "nan", "NA", "null", "1"],
    "member": ["true", "YES", " f ", "0", "1.0", "maybe", "", None, "off", "?", "truth", "N"],
    "joined": ["1.2.2020", "01.02.2020", "31.04.2020", "", None, "1580515200", "soon", "1.5", "-1"],
}


def rows() -> list[dict[str, Any]]:
    """Every value once, beside good ones."""
    good = {"age": 30, "city": "Bern", "member": "no", "joined": "01.02.2020"}
    return [{**good, name: value} for name, values in VALUES.items() for value in values]


def served(given: list[dict[str, Any]]) -> list[tuple[list[float], list[str]] | None]:
    """What the server makes of each row; None where it refuses it."""
    contract = Contract(dated_signature())
    answers: list[tuple[list[float], list[str]] | None] = []
    for row in given:
        try:
            read = contract.read([[row["age"]]], [[row[n] for n in ("city", "member", "joined")]])
        except RefusalError:
            answers.append(None)
        else:
            answers.append((read.numbers[0].tolist(), read.strings[0].tolist()))
    return answers


def same(ours: Any, theirs: list[tuple[list[float], list[str]] | None]) -> None:
    assert ours.good.tolist() == [row is not None for row in theirs]
    for at, row in enumerate(theirs):
        if row is not None:
            assert np.array_equal(
                ours.numbers[at], np.array(row[0], dtype=np.float32), equal_nan=True
            ), at
            assert ours.strings[at].tolist() == row[1], at


def test_reader_of_text_reads_and_refuses_what_the_server_does() -> None:
    given = rows()
    texts = [{n: None if v is None else str(v) for n, v in row.items()} for row in given]
    reader = Reader(dated_signature(), {})
    same(reader.read(pl.DataFrame(texts, schema=dict.fromkeys(VALUES, pl.String))), served(given))
    assert reader.tally.rows == len(given)
    assert reader.tally.unseen == {"city": 6}
    assert {key: p.count for key, p in reader.tally.problems.items()} == {
        ("age", "type"): 1,
        ("age", "overflow"): 3,
        ("member", "type"): 3,
        ("joined", "type"): 2,
    }


def test_reader_of_typed_columns_reads_what_the_server_does() -> None:
    moments = [datetime(2020, 2, 1), None, datetime(1999, 12, 31)]
    ages, members = [30.5, -999.0, float("nan")], [True, False, None]
    frame = pl.DataFrame(
        {"age": ages, "city": ["Bern", None, "Lyon"], "member": members, "joined": moments}
    )
    sent = [
        {"age": age, "city": city, "member": member, "joined": moment and f"{moment:%d.%m.%Y}"}
        for age, city, member, moment in frame.iter_rows()
    ]
    same(Reader(dated_signature(), {}).read(frame), served(sent))


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("joined", [datetime(2020, 2, 1, tzinfo=UTC)]),
        pl.Series("joined", [date(2020, 2, 1)]),
        pl.Series("joined", [1580515200]),
        pl.Series("joined", ["1.2.2020"]),
    ],
)
def test_reader_of_one_moment_in_any_type_gives_one_number(column: pl.Series) -> None:
    frame = pl.DataFrame({"age": [1], "city": ["Bern"], "member": ["no"]}).with_columns(column)
    read = Reader(dated_signature(), {}).read(frame)
    assert read.good.all()
    assert read.numbers[0].tolist() == [1.0, 18293.0]


@pytest.mark.parametrize("value", [True, [1.0], b"1"])
def test_reader_of_number_of_another_type_refuses_it(value: Any) -> None:
    frame = pl.DataFrame({"age": [value], "city": ["x"], "member": ["no"], "joined": [None]})
    reader = Reader(dated_signature(), {})
    assert not reader.read(frame).good[0]
    assert list(reader.tally.problems) == [("age", "type")]


@pytest.mark.parametrize(
    "spec",
    [
        {"csv": {"decimal": ",", "thousands": "."}},
        {"columns": {"age": {"decimal": ",", "thousands": "."}}},
        {"csv": {"thousands": "."}, "columns": {"age": {"decimal": ",", "thousands": None}}},
    ],
)
def test_reader_of_text_reads_numbers_by_the_specs_marks(spec: dict[str, Any]) -> None:
    frame = pl.DataFrame({"age": ["1.234,5"], "city": ["x"], "member": ["no"], "joined": [""]})
    assert Reader(dated_signature(), spec).read(frame).numbers[0, 0] == 1234.5


def test_reader_of_missing_value_that_is_not_nullable_places_it_across_batches() -> None:
    reader = Reader(signature("binary"), {})
    good = {"age": "1", "income": "", "city": "", "plan": "basic"}
    for blank in (0, 3):
        batch = pl.DataFrame([good] * blank + [good | {"age": "", "plan": " "}] + [good])
        reader.read(batch)
    assert reader.tally.refused == 2
    assert {key: p.places for key, p in reader.tally.problems.items()} == {
        ("age", "null"): [0, 5],
        ("plan", "null"): [0, 5],
    }


def test_tally_of_many_problems_keeps_the_first_places() -> None:
    reader = Reader(signature("binary"), {})
    bad = {"age": "x", "income": "", "city": "", "plan": "basic"}
    for _ in range(3):
        reader.read(pl.DataFrame([bad] * 4))
    problem = reader.tally.problems["age", "type"]
    assert (problem.count, problem.places) == (12, [0, 1, 2, 3, 4])
