import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.contract import ROWS, Contract, Lineage, Role
from components.errors import DataError
from components.spec import parse
from components.validate.validation import Checked, validate_table

N = 60


def checked(folder: Path, data: dict[str, Any], **keys: Any) -> Checked:
    """Validates x, y (n and p by turns) and what is given, as ingest would have written it."""
    table = {"x": [float(i % 7) for i in range(N)], "y": ["n", "p"] * (N // 2), **data}
    frame = pl.DataFrame(table, strict=False)
    (folder / "in").mkdir()
    frame.write_parquet(folder / "in" / ROWS)
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y", **keys}
    lineage = Lineage(run_id="r", rows=frame.height, columns=frame.width, fingerprint="sha256:0")
    return validate_table(parse(json.dumps(document)), lineage, folder / "in", folder / "out")


def rows(folder: Path, name: str) -> list[Any]:
    return pl.read_parquet(folder / "out" / ROWS)[name].to_list()


def first(head: list[Any], rest: Any) -> list[Any]:
    return [*head, *([rest] * (N - len(head)))]


DATE = datetime.date(2026, 11, 20)


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
        (first(["yes"], "true"), {"type": "boolean"}, "not_a_boolean", 1, (0,)),
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
        ("z", [DATE] * N, {}, "a date, which is no feature"),
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
    with pytest.raises(DataError, match=r"'t': not_a_date .* all in one format \(%Y-%m-%d\)"):
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
    data = {"x": [float(i % 7) for i in range(N * 2)], "y": target}
    found = checked(tmp_path, data, **keys)
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
        (["a"], {}, r"target 'y' has 1 class \('a'\), expected two for binary"),
        ([None], {}, "has 0 classes .no row has a value., expected two"),
        (list(range(7)), {}, r"has 7 classes \(0, 1, 2, 3, 4, …\), expected two for binary; a qu"),
        ([i / 2 for i in range(9)], {"task": "multiclass"}, "holds fractions"),
        ([[1], [2]], {}, r"holds List\(Int64\), expected text, whole numbers or booleans"),
        ([DATE], {}, "holds Date, expected text, whole numbers or booleans"),
        (["0", "1"], {"positive": "yes"}, "positive 'yes' is no class of target 'y': expected one"),
    ],
)
def test_validate_target_that_has_no_classes_is_refused(
    tmp_path: Path, values: list[Any], keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        checked(tmp_path, {"y": (values * N)[:N]}, **keys)


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
        tmp_path, {"a": [1] * N, "b": ["u"] * N},
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
