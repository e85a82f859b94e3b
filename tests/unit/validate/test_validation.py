import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.contract import ROWS, Contract, Lineage, Role
from components.errors import DataError
from components.findings import Finding, write_findings
from components.spec import parse
from components.validate.validation import Checked, validate_table

N = 60


def checked(
    folder: Path, data: dict[str, Any], at: dict[str, Any] | None = None, **keys: Any
) -> Checked:
    """Validates x, y (n and p by turns) and what is given, as ingest would have written it."""
    height = max([N, *(len(values) for values in data.values())])
    # Every row differs, and x tells nothing of y.
    own = {"x": [float(i * 37 % height) for i in range(height)], "y": ["n", "p"] * (height // 2)}
    table = {**own, **data}
    frame = pl.DataFrame(table, strict=False)
    (folder / "in").mkdir(exist_ok=True)
    frame.write_parquet(folder / "in" / ROWS)
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y", **keys}
    lineage = Lineage(run_id="r", rows=frame.height, columns=frame.width, fingerprint="sha256:0")
    spec = parse(json.dumps(document))
    return validate_table(spec, lineage, folder / "in", folder / "out", **(at or {}))


def rows(folder: Path, name: str) -> list[Any]:
    return pl.read_parquet(folder / "out" / ROWS)[name].to_list()


def first(head: list[Any], rest: Any) -> list[Any]:
    return [*head, *([rest] * (N - len(head)))]


DATE = datetime.date(2026, 11, 20)
NEW_YEAR = datetime.datetime(2020, 1, 1)
HALF = NEW_YEAR + datetime.timedelta(seconds=0.5)
ZONED = datetime.datetime(2020, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("values", "declared", "code", "count", "places"),
    [
        (first(["1", "2", "1"], "3"), {"unique": True}, "not_unique", N - 1, (0, 2, 3, 4, 5)),
        (["k0", *(f"k{i}" for i in range(N - 1))], {"unique": True}, "not_unique", 2, (0, 1)),
        (first(["-1", "2"], "3"), {"min": 0}, "below_min", 1, (0,)),
        (first([5, 9], 1), {"max": 4.5}, "above_max", 2, (0, 1)),
        (first(["a"], "3"), {"min": 0}, "not_a_number", 1, (0,)),
        (first(["b", "c"], "a"), {"values": ["a", "b"]}, "unknown_value", 1, (1,)),
        (first([0, 2], 1), {"type": "category", "values": [0, 1]}, "unknown_value", 1, (1,)),
        (first(["", " "], "a"), {"nullable": False}, "missing", 2, (0, 1)),
        (first([None], 1), {"nullable": False}, "missing", 1, (0,)),
        (first(["?"], "1"), {"nullable": False, "missing": ["?"]}, "missing", 1, (0,)),
        (first(["inf"], "1"), {}, "not_a_number", 1, (0,)),
        (first([float("-inf")], 1.0), {}, "not_a_number", 1, (0,)),
        (first([1e39], 1.0), {}, "not_a_number", 1, (0,)),
        (first([DATE], DATE), {"type": "number"}, "not_a_number", N, (0, 1, 2, 3, 4)),
        (first([7], 8), {"type": "date"}, "not_a_date", N, (0, 1, 2, 3, 4)),
        (first(["x"], "2026-11-20"), {"type": "date"}, "not_a_date", 1, (0,)),
        (first(["maybe"], "true"), {"type": "boolean"}, "not_a_boolean", 1, (0,)),
        (first(["SECRET"], "1"), {}, "mixed_types", 1, (0,)),
        (first(["1"], ""), {}, "mostly_missing", N - 1, ()),
    ],
)  # fmt: skip
def test_validate_broken_contract_is_counted_and_placed(
    tmp_path: Path, values: Any, declared: dict[str, Any], code: str, count: int,
    places: tuple[int, ...],
) -> None:  # fmt: skip
    found = checked(tmp_path, {"z": values}, columns={"z": declared} if declared else {})
    failures = [(f.code, f.column, f.count, f.places) for f in found.failures]
    assert failures == [(code, "z", count, places)]
    assert "SECRET" not in found.html + str(found.failures)
    if code in ("mixed_types", "mostly_missing"):
        found.raise_refused()
        return
    with pytest.raises(DataError, match=f"in one way:\n  column 'z': {code} in {count} row"):
        found.raise_refused()


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        (first([1, None], 0), {"type": "category"}, ["1", None, "0"]),
        (first([1.0, None], 0.0), {"type": "category"}, ["1", None, "0"]),
        (first([Decimal("1.00"), Decimal("2.50")], 0), {"type": "category"}, ["1", "2.5", "0"]),
        (first(["1.0", "1.10"], "a"), {"type": "category"}, ["1.0", "1.10", "a"]),
        (first([True, None], False), {}, ["true", None, "false"]),
        (first(["True", "FALSE"], ""), {}, ["true", "false", None]),
        (first([True, None], False), {"values": [True, False]}, ["true", None, "false"]),
        (first(["True"], "false"), {"values": ["True", "False"]}, ["true", "false", "false"]),
        (first(["Yes", "no"], "NO"), {}, ["true", "false", "false"]),
        (first(["T", "0"], "off"), {"type": "boolean"}, ["true", "false", "false"]),
        (first([1, 0], None), {"type": "boolean"}, ["true", "false", None]),
        (first(["on", "off"], "on"), {}, ["on", "off", "on"]),
        (first(["1.234,5", "7,0"], "8"), {"decimal": ",", "thousands": "."}, [1234.5, 7.0, 8.0]),
        (first(["1 234", "1\u202f234"], "8"), {"thousands": " "}, [1234.0, 1234.0, 8.0]),
        (first([1577836800], None), {"formats": ["unix_s"]}, [NEW_YEAR, None, None]),
        (first(["01.01.2020", "NA"], ""), {}, [NEW_YEAR, None, None]),
        (first(["Jan 1, 2020", "2020-01-01"], "1 January 2020"), {}, [NEW_YEAR] * 3),
        (
            first(["2020-01-01T02:00:00+02:00"], "2020-01-01T00:00:00.5Z"),
            {},
            [NEW_YEAR, HALF, HALF],
        ),
        (
            first(["1900-01-01", "2020-01-01"], ""),
            {"missing": ["1900-01-01"]},
            [None, NEW_YEAR, None],
        ),
        (first([ZONED], None), {}, [NEW_YEAR, None, None]),
        (first([" 1 ", "NA"], "?"), {}, [1.0, None, None]),
        (first([-999, 5], 1), {"missing": ["-999"]}, [None, 5.0, 1.0]),
        (first([" ? ", "NA"], "1"), {"missing": ["? ", "NA"]}, [None, None, 1.0]),
        (first([2**64 - 1], 0), {}, [float(2**64), 0.0, 0.0]),
        (first([DATE], None), {}, [datetime.datetime(2026, 11, 20), None, None]),
        (first([[1]], None), {}, [None, None, None]),
        (first([b"\xff"], None), {}, [None, None, None]),
    ],
)
def test_validate_values_are_typed(
    tmp_path: Path, values: Any, declared: dict[str, Any], expected: list[Any]
) -> None:
    checked(tmp_path, {"z": values}, columns={"z": declared} if declared else {}).raise_refused()
    assert rows(tmp_path, "z")[:3] == expected


@pytest.mark.parametrize(
    ("name", "values", "declared", "reason"),
    [
        ("z", [f"u{i}" for i in range(N)], {}, "nearly every value differs; declare a type"),
        ("z", [None] * N, {}, "no row has a value"),
        ("z", [[1]] * N, {}, "it holds List(Int64), expected single values"),
        ("z", ["ab12"] * N, {"privacy": "hash"}, "private (hash)"),
        ("z", ["000"] * N, {"privacy": "mask"}, "private (mask)"),
        ("", list(range(N)), {}, "it has no name"),
    ],
)
def test_validate_column_that_is_no_feature_says_why(
    tmp_path: Path, name: str, values: Any, declared: dict[str, Any], reason: str
) -> None:
    found = checked(tmp_path, {name: values}, columns={name: declared} if declared else {})
    found.raise_refused()
    column = next(c for c in found.contract.columns if c.name == name)
    assert column.role is Role.IGNORED
    assert column.reason.startswith(reason)
    assert column.private == ("privacy" in declared)
    assert found.contract == Contract.read(tmp_path / "out")


def test_validate_long_ids_stay_apart(tmp_path: Path) -> None:
    ids = [2**53 + i for i in range(N)]
    found = checked(tmp_path, {"k": ids}, id="k", columns={"k": {"unique": True}})
    found.raise_refused()
    assert rows(tmp_path, "k") == [str(number) for number in ids]


@pytest.mark.parametrize(("role", "values"), [("id", first([None], 1)), ("id", [[1]] * N)])
def test_validate_row_without_an_id_is_refused(tmp_path: Path, role: str, values: Any) -> None:
    found = checked(tmp_path, {"k": values}, **{role: "k"})
    with pytest.raises(DataError, match="a single value in every row, as it is the id"):
        found.raise_refused()


def test_validate_timestamp_in_words_is_refused(tmp_path: Path) -> None:
    found = checked(tmp_path, {"t": ["today"] * N}, timestamp="t", split={"method": "time"})
    with pytest.raises(DataError, match=r"'t': not_a_date .* declare its `formats`"):
        found.raise_refused()


@pytest.mark.parametrize(
    ("values", "keys", "classes"),
    [
        ([0, 1], {}, (0, 1)),
        ([0.0, 1.0], {}, (0, 1)),
        (["0.0", "1.0"], {}, (0, 1)),
        (["1", "1.0", "0"], {}, (0, 1)),
        ([Decimal(1), Decimal(0)], {}, (0, 1)),
        ([True, False, None], {}, (False, True)),
        (["True", "False"], {"positive": False}, ("True", "False")),
        (["-1", "1"], {"positive": "-1"}, (1, -1)),
        ([1.0, 2.0], {"positive": 1}, (2, 1)),
        (["--1", "2"], {}, ("--1", "2")),
        (["01", "1"], {}, ("01", "1")),
        (["NA", "b"], {}, ("NA", "b")),
        (["?", "b", "a"], {"columns": {"y": {"missing": ["?"]}}}, ("a", "b")),
        (["c", "a", "b"], {"task": "multiclass"}, ("a", "b", "c")),
        ([2.5, 1.0], {"task": "regression"}, None),
    ],
)
def test_validate_classes_keep_the_sources_type(
    tmp_path: Path, values: list[Any], keys: dict[str, Any], classes: Any
) -> None:
    target = (values * N)[: N * 2]
    found = checked(tmp_path, {"y": target}, checks={"unlabelled": "drop"}, **keys)
    found.raise_refused()
    assert found.contract.classes == classes
    assert [type(c) for c in found.contract.classes or ()] == [type(c) for c in classes or ()]
    kept = [v for v in target if v is not None and v != "?"]
    answers = rows(tmp_path, "y")
    if classes is None:
        assert answers == kept
    else:
        names = [str(c).lower() for c in classes]
        assert [names[i] for i in answers] == [
            str(v).lower() if str(v).lower() in names else str(int(float(v))) for v in kept
        ]


@pytest.mark.parametrize(
    ("values", "keys", "said"),
    [
        (
            ["a"],
            {},
            "target_classes in 60 rows; expected two classes for binary, every row has 'a'",
        ),
        ([None], {}, "target_classes in 0 rows; expected two classes for binary, no row has a"),
        (list(range(7)), {}, r"there are 7 \(0, 1, 2, 3, 4, …\); a quantity is `task: regression`"),
        ([i / 2 for i in range(9)], {"task": "multiclass"}, "target_type in 60 rows; expected who"),
        ([f"u{i}" for i in range(60)], {}, "two classes for binary, there are 60; a quantity"),
        ([[1], [2]], {}, r"target_type in 60 rows; .* it holds List\(Int64\)"),
        ([DATE], {}, "target_type in 60 rows; .* it holds Date"),
        (["0", "1"], {"positive": "yes"}, "positive_unknown .* expected positive 'yes' to be one "),
        ([1.5], {"task": "regression"}, "target_constant in 60 rows; expected a target that diff"),
    ],
)
def test_validate_target_that_cannot_be_learned_is_refused_in_the_report(
    tmp_path: Path, values: list[Any], keys: dict[str, Any], said: str
) -> None:
    found = checked(tmp_path, {"y": (values * N)[:N]}, **keys)
    with pytest.raises(DataError, match=said):
        found.raise_refused()
    assert "target_" in found.html or "positive_unknown" in found.html


@pytest.mark.parametrize(
    ("values", "keys", "said"),
    [
        (first(["c"], "a"), {"values": ["a", "b"]}, "unknown_value in 1 row"),
        (first([None, "b"], "a"), {"nullable": False}, "'y': missing in 1 row"),
        (first([float("inf")], 1.0), {"regression": True}, "not_a_number in 1 row"),
        (first(["a", "b"], "1"), {"regression": True}, "not_a_number in 2 rows"),
        (first([1.0], None), {"regression": True}, "too_few_rows in 1 row; expected at least 50"),
        (first([5.0], 1.0), {"regression": True, "max": 4}, "above_max in 1 row"),
    ],
)
def test_validate_target_breaks_its_contract(
    tmp_path: Path, values: Any, keys: dict[str, Any], said: str
) -> None:
    task = "regression" if keys.pop("regression", False) else "binary"
    found = checked(tmp_path, {"y": values}, task=task, columns={"y": keys} if keys else {})
    with pytest.raises(DataError, match=said):
        found.raise_refused()


def test_validate_all_failures_come_at_once(tmp_path: Path) -> None:
    found = checked(
        tmp_path, {"a": [1] * N, "b": ["u"] * N, "x": first([3.0, 3.0], 1.0)},
        columns={"a": {"min": 2}, "b": {"values": ["v"]}, "x": {"unique": True}},
    )  # fmt: skip
    with pytest.raises(DataError) as error:
        found.raise_refused()
    assert str(error.value).startswith("the data breaks its contract in 3 ways:\n")
    for code in ("'a': below_min", "'b': unknown_value", "'x': not_unique"):
        assert code in str(error.value)
        assert code.split()[1] in found.html


def test_validate_awkward_names_are_only_names(tmp_path: Path) -> None:
    names = ["rows", "count", "len", "part", 'a "b" <i>é😀', "x[0]", "literal", "category"]
    found = checked(tmp_path, {name: ["u", "v"] * (N // 2) for name in names})
    found.raise_refused()
    assert found.contract.named(Role.FEATURE) == ["x", *names]
    assert "<i>" not in found.html


def codes(found: Checked) -> list[tuple[str, str, int]]:
    return [(f.code, f.column, f.count) for f in found.failures]


def test_validate_ambiguous_dates_warn_and_name_both_ways(tmp_path: Path) -> None:
    found = checked(tmp_path, {"d": first(["01/02/2024"], "03/04/2024")})
    found.raise_refused()
    (failure,) = found.failures
    assert (failure.code, failure.count) == ("ambiguous_date", N)
    assert "formats: ['%d/%m/%Y']` or `formats: ['%m/%d/%Y']" in failure.expected
    assert rows(tmp_path, "d")[0] == datetime.datetime(2024, 2, 1)


def test_validate_one_late_date_settles_day_and_month(tmp_path: Path) -> None:
    values = ["01/02/2024"] * (N * 10) + ["12/31/2024"]
    data = {"d": values + ["01/02/2024"], "y": ["n", "p"] * (N * 5 + 1)}
    found = checked(tmp_path, data)
    assert [code for code, *_ in codes(found)] == []
    assert rows(tmp_path, "d")[0] == datetime.datetime(2024, 1, 2)


@pytest.mark.parametrize(
    ("values", "declared", "hint"),
    [
        (first(["1,5"], "2"), {"type": "number"}, "like 1234,5: declare `decimal: ','`"),
        (first(["0,123"], "2"), {"type": "number"}, "like 1234,5: declare `decimal: ','`"),
        (
            first(["1,234"], "2"),
            {"type": "number"},
            "some may be written in 2 ways, and only you can tell in which: "
            "like 1,234.5: declare `thousands: ','`; like 1234,5: declare `decimal: ','`",
        ),
        (first(["1.234,50"], "2"), {"type": "number"}, "`decimal: ','` and `thousands: '.'`"),
        (first(["1 234"], "2"), {"type": "number"}, "declare `thousands: ' '`"),
        (first(["12%"], "2"), {"type": "number"}, "write them without the sign"),
        (first(["1.5"], "2"), {"decimal": ","}, "like 1234.5: declare `decimal: '.'`"),
        (
            first(["1.5"], "2"),
            {"decimal": ",", "thousands": "."},
            "declare `decimal: '.'` and `thousands: ','`",
        ),
    ],
)
def test_validate_number_in_another_writing_is_refused_with_a_hint(
    tmp_path: Path, values: Any, declared: Any, hint: str
) -> None:
    found = checked(tmp_path, {"z": values}, columns={"z": declared})
    with pytest.raises(DataError, match="not_a_number in 1 row") as error:
        found.raise_refused()
    assert hint in str(error.value)


def test_validate_numbers_that_are_read_well_give_no_hint_of_another_writing(
    tmp_path: Path,
) -> None:
    values = ["abc"] * 20 + [f"{i}.123" for i in range(N - 20)]
    found = checked(tmp_path, {"z": values}, columns={"z": {"type": "number"}})
    (failure,) = found.failures
    assert (failure.code, failure.count) == ("not_a_number", 20)
    assert failure.expected == "a finite number within ±3.4e+38"


def test_validate_three_decimals_after_a_comma_are_no_thousands(tmp_path: Path) -> None:
    found = checked(tmp_path, {"z": first(["0,123", "789,123"], "456,789")})
    (failure,) = found.failures
    assert failure.code == "mixed_types"
    assert "like 1234,5: declare `decimal: ','`" in failure.expected
    assert "thousands" not in failure.expected


def test_validate_fraction_beyond_the_first_rows_settles_what_a_comma_means(
    tmp_path: Path,
) -> None:
    found = checked(tmp_path, {"z": ["456,789"] * 1000 + ["0,123"] * 2})
    assert "thousands" not in found.failures[0].expected


def test_validate_point_where_commas_are_declared_may_mean_either(tmp_path: Path) -> None:
    values = [f"{i + 10}.345" for i in range(N)]
    found = checked(tmp_path, {"z": values}, csv={"decimal": ","})
    (failure,) = found.failures
    assert "only you can tell" in failure.expected
    assert "like 1.234,5: declare `thousands: '.'`" in failure.expected
    assert "like 1234.5: declare `decimal: '.'`" in failure.expected


def test_validate_unread_values_that_only_warn_become_missing(tmp_path: Path) -> None:
    checks = {"severity": {"not_a_number": "warn"}}
    columns = {"z": {"type": "number"}}
    found = checked(tmp_path, {"z": first(["a", "1"], "2")}, columns=columns, checks=checks)
    found.raise_refused()
    assert codes(found) == [("not_a_number", "z", 1)]
    assert "read as missing" in found.failures[0].expected
    assert rows(tmp_path, "z")[:2] == [None, 1.0]


def test_validate_rows_without_target_are_refused_with_the_way_out(tmp_path: Path) -> None:
    values = first([None, None, None], "a")
    values[-20:] = ["b"] * 20
    found = checked(tmp_path, {"y": values})
    with pytest.raises(DataError, match=r"target_missing in 3 rows .*unlabelled: drop"):
        found.raise_refused()


def test_validate_rows_without_target_are_left_out_where_asked(tmp_path: Path) -> None:
    values = first([None, None, None], "a")
    values[-20:] = ["b"] * 20
    found = checked(tmp_path, {"y": values}, checks={"unlabelled": "drop"})
    found.raise_refused()
    assert codes(found) == [("target_missing", "y", 3)]
    assert len(rows(tmp_path, "y")) == N - 3
    statistics = json.loads(found.statistics_json)
    assert statistics["rows"] == N - 3
    assert statistics["rejected"] == 3
    assert sum(statistics["columns"][1]["bins"]["counts"]) == N - 3


@pytest.mark.parametrize(
    "values", [[f"no number {i}" for i in range(N)], [[float(i)] for i in range(N)]]
)
def test_validate_rows_that_differ_in_what_does_not_read_are_no_repeats(
    tmp_path: Path, values: list[Any]
) -> None:
    columns = {"a": {"type": "number"}} if isinstance(values[0], str) else {}
    checks = {"severity": {"not_a_number": "warn"}, "max_duplicates": 0}
    data = {"x": [1.0] * N, "y": ["n", "p"] * (N // 2), "a": values}
    found = checked(tmp_path, data, columns=columns, checks=checks)
    assert "duplicate_rows" not in [code for code, _, _ in codes(found)]


def test_validate_repeated_rows_and_ids_are_counted_exactly(tmp_path: Path) -> None:
    data = {"k": ["a", "a", *(f"i{i}" for i in range(N - 2))], "x": first([1.0] * 10, 1.0)}
    found = checked(tmp_path, data, id="k")
    assert codes(found) == [("duplicate_ids", "k", 2), ("duplicate_rows", "", N - 2)]
    assert found.failures[0].places == (0, 1)
    assert found.failures[1].places == (2, 3, 4, 5, 6)


def test_validate_stale_rows_are_refused(tmp_path: Path) -> None:
    days = [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(N)]
    folder = tmp_path / "again"
    folder.mkdir()
    keys: dict[str, Any] = {"timestamp": "t", "checks": {"max_age_s": 3600}}
    last = days[-1].replace(tzinfo=datetime.UTC)
    at = {"now": last + datetime.timedelta(seconds=3600)}
    assert codes(checked(tmp_path, {"t": days}, at=at, **keys)) == []
    at = {"now": last + datetime.timedelta(seconds=3601)}
    assert codes(checked(folder, {"t": days}, at=at, **keys)) == [("stale", "t", N)]


def test_validate_rare_classes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    few = ["a"] * (N - 1) + ["b"]
    assert codes(checked(tmp_path, {"y": few})) == [("class_too_small", "y", 1)]
    checks = {"min_label_share": 0.2}
    some = ["a"] * (N - 6) + ["b"] * 6
    found = checked(tmp_path / "b", {"y": some}, checks=checks)
    assert codes(found) == [("label_imbalance", "y", 6)]


@pytest.mark.parametrize(
    ("data", "task"),
    [
        ({"z": [1.0, 2.0] * (N // 2)}, "binary"),
        ({"z": ["u", "v"] * (N // 2)}, "binary"),
        ({"z": [None, 1.0] * (N // 2)}, "binary"),
        ({"z": [float(i) * 2 for i in range(N)], "y": [float(i) for i in range(N)]}, "regression"),
    ],
)
def test_validate_feature_that_gives_the_target_away_warns(
    tmp_path: Path, data: Any, task: str
) -> None:
    found = checked(tmp_path, data, task=task)
    assert codes(found) == [("leakage", "z", N)]


def test_validate_near_unique_categories_are_no_leak(tmp_path: Path) -> None:
    data = {"z": [f"u{i % 30}" for i in range(N)]}
    assert codes(checked(tmp_path, data, columns={"z": {"type": "category"}})) == []


def test_validate_row_count_is_compared_with_the_last(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = checked(tmp_path / "a", {"y": ["n", "p"] * N, "x": list(range(2 * N))})
    (tmp_path / "statistics.json").write_text(before.statistics_json)
    checks = {"max_row_change": 0.4}
    found = checked(tmp_path / "b", {}, at={"previous": tmp_path}, checks=checks)
    assert codes(found) == [("row_change", "", N)]


def test_validate_unnamed_column_of_a_contract_warns(tmp_path: Path) -> None:
    named = {"x": {"type": "number"}, "y": {"type": "category"}}
    data = {"z": ["u", "v", "w"] * (N // 3)}
    found = checked(tmp_path, data, columns=named, contract="m.contract.yaml")
    assert codes(found) == [("unexpected_column", "z", N)]


def test_validate_more_features_than_rows_warns(tmp_path: Path) -> None:
    data = {f"c{i}": [(i * j * 31 + j * j) % 97 for j in range(N)] for i in range(N + 1)}
    found = checked(tmp_path, data, checks={"max_leakage": 1.0})
    found.raise_refused()
    assert ("more_features_than_rows", "", N) in codes(found)


def test_validate_more_features_than_rows_refuses_where_asked(tmp_path: Path) -> None:
    data = {f"c{i}": [(i * j * 31 + j * j) % 97 for j in range(N)] for i in range(N + 1)}
    severity = {"more_features_than_rows": "refuse"}
    found = checked(tmp_path, data, checks={"max_leakage": 1.0, "severity": severity})
    with pytest.raises(DataError, match="more_features_than_rows in 60 rows"):
        found.raise_refused()


def test_validate_findings_of_the_scan_are_reported(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    finding = Finding(column="x", kind="phone", count=7, looked_at=N, places=(1, 2))
    write_findings(tmp_path / "in", (finding,))
    found = checked(tmp_path, {})
    found.raise_refused()
    assert codes(found) == [("personal_data", "x", 7)]
    assert "privacy: public" in found.failures[0].expected


def test_validate_feature_that_looks_personal_is_withheld_and_yet_no_leak_unseen(
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    finding = Finding(column="z", kind="phone", count=7, looked_at=N, places=(1, 2))
    write_findings(tmp_path / "in", (finding,))
    found = checked(tmp_path, {"z": ["SECRET0", "SECRET1"] * (N // 2)})
    assert codes(found) == [("leakage", "z", N), ("personal_data", "z", 7)]
    assert "SECRET" not in found.html + found.statistics_json


def test_validate_checks_go_beyond_a_batch(tmp_path: Path) -> None:
    count = 520_000
    values = [0.0] * count
    values[0], values[260_000], values[-1] = -1.0, -2.0, -3.0
    data = {"z": values, "y": ["n", "p"] * (count // 2)}
    found = checked(tmp_path, data, columns={"z": {"min": 0}})
    failure = next(f for f in found.failures if f.code == "below_min")
    assert (failure.count, failure.places) == (3, (0, 260_000, count - 1))


def test_validate_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        checked(tmp_path / name, {"d": first(["2024-01-02"], "2024-03-04")})
    one, other = ((tmp_path / n / "out" / ROWS).read_bytes() for n in ("a", "b"))
    assert one == other
    assert not list((tmp_path / "a").glob(".scratch*"))
