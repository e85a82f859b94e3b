import pytest

from components.monitor.refusal import RefusedError
from components.monitor.wire import (
    canonical_json,
    decode_json,
    format_time,
    is_name,
    is_number,
    is_positive_integer,
    parse_time,
    read_stored,
    require_json,
    write_json,
)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": 1,}', "Illegal trailing comma|Expecting property name"),
        (b"", "Expecting value at line 1, column 1"),
        (b"[NaN]", "NaN is no JSON value, send null"),
        (b"[-Infinity]", "-Infinity is no JSON value"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b"1" * 5000, "a number has too many digits"),
    ],
)
def test_decode_json_malformed_refused_with_place(body: bytes, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        decode_json(body)
    assert (caught.value.status, caught.value.reason) == (400, "malformed")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": [1, 2.5, None, True]}, id="plain"),
        pytest.param({"Straße": "naïve ✓ 🙂"}, id="beyond-ascii"),
        pytest.param(["\ud800"], id="half-a-character"),
        pytest.param([2**70], id="longer-than-64-bits"),
    ],
)
def test_write_json_is_text_that_any_database_takes_and_reads_back(value: object) -> None:
    text = write_json(value)
    assert text.isascii()
    assert read_stored(text) == value


def test_canonical_json_other_order_same_text() -> None:
    assert canonical_json({"b": [1], "a": "é"}) == canonical_json({"a": "é", "b": [1]})


def test_canonical_json_deep_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RefusedError, match="nested too deeply"):
        canonical_json(value)


@pytest.mark.parametrize("header", ["application/json", "Application/JSON; charset=utf-8"])
def test_require_json_json_accepted(header: str) -> None:
    require_json({"content-type": header})


def test_require_json_other_refused_415() -> None:
    with pytest.raises(RefusedError, match="'text/csv' is not supported") as caught:
        require_json({"content-type": "text/csv"})
    assert caught.value.status == 415


@pytest.mark.parametrize("value", ["", "a\nb", "\ud800", "a\x00", "x" * 513, 7, None])
def test_is_name_unusable_false(value: object) -> None:
    assert not is_name(value)


def test_is_name_request_id_true() -> None:
    assert is_name("0198-é:17")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, True), (-2.5, True), (True, False), (float("inf"), False), (10**400, False), ("1", False)],
)
def test_is_number_value_expected(value: object, expected: bool) -> None:
    assert is_number(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), (0, False), (True, False), (2**63, False), (1.0, False)]
)
def test_is_positive_integer_value_expected(value: object, expected: bool) -> None:
    assert is_positive_integer(value) is expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T12:00:00Z",
        "2026-11-20T14:00:00.000000+02:00",
        "2026-11-20T12:00:00.000000123Z",
    ],
)
def test_parse_time_zones_same_microseconds(text: str) -> None:
    assert parse_time(text) == 1_795_176_000_000_000


@pytest.mark.parametrize("value", ["2026-11-20T12:00:00", "yesterday", 17, None, ""])
def test_parse_time_no_zoned_time_none(value: object) -> None:
    assert parse_time(value) is None


def test_parse_time_edge_of_calendar_never_raises() -> None:
    assert parse_time("9999-12-31T23:59:59-14:00") is not None


def test_format_time_microseconds_round_trip() -> None:
    assert format_time(parse_time("2026-11-20T12:00:00.000001Z")) == "2026-11-20T12:00:00.000001Z"
    assert format_time(None) is None
