import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.findings import FINDINGS, Finding, read_findings, write_findings
from components.ingest.checksums import by_chance, card, iban
from components.ingest.datasets import dataset
from components.ingest.personal import find_personal
from components.ingest.telling import told_by
from components.spec import DATASETS

DICE = random.Random(7)
VISA = "4111111111111111"
IBANS = ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"]


def luhn(first: str, length: int = 16) -> str:
    body = first + "".join(DICE.choices("0123456789", k=length - len(first) - 1))
    return next(body + str(d) for d in range(10) if card(body + str(d)))


def digits(count: int, first: str = "") -> str:
    return first + "".join(DICE.choices("0123456789", k=count - len(first)))


def address() -> str:
    return ".".join(
        str(part) for part in (DICE.randrange(130, 223), *DICE.choices(range(255), k=3))
    )


def found(values: Any, name: str = "x") -> list[tuple[str, int]]:
    rows = pl.LazyFrame({name: values}, strict=False)
    return [(finding.kind, finding.count) for finding in find_personal(rows, ())]


@pytest.mark.parametrize(
    ("kind", "values", "count"),
    [
        ("mail", ["ada@mail.org", None, " ", "none"], 1),
        ("mail", ["write to zoë.b+1@büro.example.de, please", "-"], 1),
        ("phone", ["+49 30 1234567", "+1 (555) 123-4567", "+4915112345678", "?"], 3),
        ("phone", ["(555) 123-4567", "555-123-4568", "555.123.4569"], 3),
        ("phone", ["06 12 34 56 78", "06 12 34 56 79", "0171 1234567"], 3),
        ("card", [luhn("4") for _ in range(9)], 9),
        ("card", [" ".join(n[i : i + 4] for i in (0, 4, 8, 12)) for n in
                  (luhn("51") for _ in range(5))], 5),
        ("card", [int(luhn("4")) for _ in range(9)], 9),
        ("card", [float(luhn("4", 13)) for _ in range(9)] + [None], 9),
        ("card", [f"paid by {luhn('37', 15)}." for _ in range(5)], 5),
        ("iban", IBANS, 3),
        ("iban", ["DE89 3704 0044 0532 0130 00", *IBANS], 4),
        ("ip", [address() for _ in range(20)], 20),
        ("ip", [f"GET from {address()}:80" for _ in range(20)], 20),
        ("ip", ["2001:db8::1", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:1:0:0:1"], 3),
    ],
)  # fmt: skip
def test_find_personal_data_is_found(kind: str, values: list[Any], count: int) -> None:
    assert found(values) == [(kind, count)]


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("a number that is repeated", [VISA] * 500),
        ("random digits", [digits(16, "4") for _ in range(3000)]),
        ("random integers", [int(digits(16, "5")) for _ in range(3000)]),
        ("IMEI", [digits(15, "35") for _ in range(500)]),
        ("milliseconds", [1_600_000_000_000 + i * 977 for i in range(3000)]),
        ("nanoseconds", [(1_600_000_000_000 + i * 977) * 10**6 for i in range(3000)]),
        ("shipments", [f"DE{digits(20)}" for _ in range(3000)]),
        ("hexadecimal", [f"{DICE.getrandbits(128):032X}" for _ in range(3000)]),
        ("versions", [f"{i % 9}.{i % 7}.{i % 31}.{i % 50}" for i in range(300)]),
        ("builds", [f"10.0.{190 + i % 9}.{i}" for i in range(900)]),
        ("loopback", ["127.0.0.1"] * 9),
        ("times", [f"{i % 24:02d}:{i % 60:02d}:{i % 59:02d}" for i in range(300)]),
        ("moments", [f"2020-01-{i % 28 + 1:02d}T10:00:00.000+02:00" for i in range(300)]),
        ("dates", [f"0{i % 9 + 1}/{i % 28 + 1:02d}/2020" for i in range(300)]),
        ("prices", [f"+{i * 97},{i % 100:02d}" for i in range(300)]),
        ("floats", [str(i / 7) for i in range(300)]),
        ("parts", [f"{digits(4)}-{digits(5)}" for _ in range(300)]),
        ("postal codes", [f"0{digits(4)}-{digits(4)}" for _ in range(300)]),
        ("hardware", [":".join(["0a", "1b", "2c", "3d", "4e", f"{i:02x}"]) for i in range(99)]),
        ("handles", [f"@user{i}" for i in range(99)]),
        ("lists", [[1], [2]]),
        ("nothing", [None, None]),
        ("blanks", ["", " "]),
        ("no rows", pl.Series([], dtype=pl.String)),
    ],
)
def test_find_personal_ordinary_data_is_let_be(what: str, values: list[Any]) -> None:
    assert found(values) == []


@pytest.mark.parametrize("name", DATASETS)
def test_find_personal_datasets_are_let_be(name: str) -> None:
    rows = dataset(name)
    assert find_personal(rows.lazy(), ()) == ()
    assert find_personal(rows.cast(pl.String).lazy(), ()) == ()


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("customer_email", [f"x{i}" for i in range(60)], True),
        ("FirstName", ["Ada", "Ben", "Eva", "Max", "Tom"], True),
        ("Geburtsdatum", [f"{i % 28 + 1:02d}.01.1980" for i in range(60)], True),
        ("straße", [f"Weg {i}" for i in range(60)], True),
        ("Téléphone", [], False),
        ("phone number", [10**9 + i for i in range(60)], True),
        ("SSN", [f"{i:03d}-12-3456" for i in range(60)], True),
        ("ip", [f"host{i}" for i in range(60)], True),
        ("PhoneService", ["Yes", "No"] * 30, False),
        ("phone", ["Yes", "No"] * 30, False),
        ("mobile", [0, 1] * 30, False),
        ("days_since_email", list(range(60)), False),
        ("days_since_last_email", [str(i) for i in range(60)], False),
        ("address", ["home", "work"] * 300, False),
        ("email_opens", list(range(60)), False),
        ("product_name", [f"x{i}" for i in range(60)], False),
        ("shipping", [f"x{i}" for i in range(60)], False),
    ],
)
def test_find_personal_name_tells_where_the_values_are_like_it(
    name: str, values: list[Any], told: bool
) -> None:
    assert found(values, name) == ([("name", len(values))] if told else [])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Teléfono", "digits"),
        ("téléphone_mobile", "digits"),
        ("numéro_sécu", "digits"),
        ("HANDY", "digits"),
        ("E-Mail", "text"),
        ("clientIP", "text"),
        ("Vorname", "text"),
        ("username_length", ""),
        ("", ""),
    ],
)
def test_told_by_accents_and_marks_do_not_count(name: str, told: str) -> None:
    assert told_by(name) == told


def test_find_personal_declared_columns_are_not_looked_at() -> None:
    rows = pl.LazyFrame({"a": ["x@y.org"], "b": ["x@y.org"]})
    assert [finding.column for finding in find_personal(rows, {"a"})] == ["b"]


def test_find_personal_large_table_is_looked_at_evenly(tmp_path: Path) -> None:
    rows = 200_000
    texts = pl.select(
        pl.when(pl.int_range(rows) % 100 == 0).then(pl.lit("x@y.org")).otherwise(pl.lit("-"))
    )
    texts.select(pl.first().alias("notes")).write_parquet(tmp_path / "t.parquet")
    scanned = pl.scan_parquet(tmp_path / "t.parquet")
    (finding,) = find_personal(scanned, ())
    assert (finding.kind, finding.count, finding.looked_at) == ("mail", 200, 20_000)
    assert all(place % 100 == 0 for place in finding.places)
    assert find_personal(scanned, ()) == (finding,)


@pytest.mark.parametrize(
    ("text", "passes"),
    [(VISA, True), ("4111 1111 1111 1112", False), ("378282246310005", True),
     ("1234567890123452", None), ("352099001761481", None)],
)  # fmt: skip
def test_card_is_luhn_of_an_issuers_number(text: str, passes: bool | None) -> None:
    assert card(text) is passes


@pytest.mark.parametrize(
    ("text", "passes"),
    [*((text, True) for text in IBANS), ("DE89 3704 0044 0532 0130 01", False),
     ("DE8937040044", None), ("ZZ89370400440532013000", None)],
)  # fmt: skip
def test_iban_is_checked_by_its_remainder(text: str, passes: bool | None) -> None:
    assert iban(text) is passes


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([1 / 10, 1 / 97]))
def test_by_chance_is_a_probability_that_falls(tried: int, share: float, rate: float) -> None:
    passed = int(tried * share)
    assert 0 <= by_chance(passed, tried, rate) <= 1
    assert by_chance(tried, tried, rate) <= by_chance(tried - 1, tried, rate)


def test_findings_are_read_as_written_and_hold_no_value(tmp_path: Path) -> None:
    findings = find_personal(pl.LazyFrame({"a": ["x", "ada@mail.org"]}), ())
    write_findings(tmp_path, findings)
    text = (tmp_path / FINDINGS).read_text()
    expected = {"column": "a", "kind": "mail", "count": 1, "looked_at": 2, "places": [1]}
    assert json.loads(text) == {"format": 1, "findings": [expected]}
    assert read_findings(tmp_path) == findings == (Finding(**expected),)


def test_findings_damaged_or_newer_are_refused(tmp_path: Path) -> None:
    assert read_findings(tmp_path) == ()
    (tmp_path / FINDINGS).write_text('{"format": 2, "findings": []}')
    with pytest.raises(DataError, match="is damaged or of a newer format, expected format 1"):
        read_findings(tmp_path)
