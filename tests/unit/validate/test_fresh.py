import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.contract import ROWS, ColumnType, Contract, Role
from components.ingest.sources import ingest_table
from components.spec import parse
from components.validate.fresh import LACKED
from components.validate.statistics import STATISTICS, Statistics
from components.validate.validation import Checked, validate_table
from tests.labelled import BEGIN, write_labelled

N = 60
RANDOM = random.Random(7)
SHUFFLED = RANDOM.sample(range(N), N)
LABELS = ["no", "yes"] * (N // 2)
# As people write them: a comma, yes and no, months first.
SOURCE = {
    "id": [f"k{i}" for i in range(N)],
    "price": [f"{i},5" for i in SHUFFLED],
    "member": [["Yes", "No"][i % 3 == 0] for i in SHUFFLED],
    "seen": [f"03/{1 + i % 28:02d}/2026" for i in SHUFFLED],
    "late": [str(i * 7 % N) for i in SHUFFLED],
    "city": [["Bern", "Lyon"][i % 5 > 2] for i in SHUFFLED],
    "y": LABELS,
}
# As a server keeps them.
NUMBERS: dict[str, Any] = {"price": [1234.5, None] * (N // 2)}
STRINGS: dict[str, Any] = {
    "member": ["true", "false", None] * (N // 3),
    "seen": ["02/04/2026"] * N,
    "city": ["Bern", "Oslo"] * (N // 2),
}


def checked(
    folder: Path,
    numbers: dict[str, Any] | None = None,
    strings: dict[str, Any] | None = None,
    labels: list[Any] | None = None,
    **keys: Any,
) -> Checked:
    """Ingests and validates the sources, and fresh rows where some are given."""
    pl.DataFrame(SOURCE).write_csv(folder / "a.csv", separator=";")
    document = {"name": "m", "task": "binary", "source": str(folder / "a.csv"), "target": "y"}
    document |= {"id": "id", "csv": {"decimal": ",", "thousands": "."}, **keys}
    spec = parse(json.dumps(document))
    address = ""
    if numbers is not None and strings is not None:
        file = folder / "fresh.parquet"
        address = str(write_labelled(file, numbers, strings, ("y", labels or LABELS)))
    lineage = ingest_table(spec, folder / "in", run_id="r", fresh=address)
    return validate_table(spec, lineage, folder / "in", folder / "out")


def late(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "out" / ROWS)
    return rows.filter(pl.col("kubeloop_time").is_not_null())


def test_validate_fresh_rows_are_typed_by_the_contract_of_the_sources(tmp_path: Path) -> None:
    found = checked(tmp_path, NUMBERS, STRINGS)
    assert [str(failure) for failure in found.refused] == []
    alone = checked(tmp_path)
    types = {c.name: (c.type, c.formats) for c in alone.contract.columns}
    assert {c.name: (c.type, c.formats) for c in found.contract.columns} == types
    assert types["member"][0] is ColumnType.BOOLEAN
    found = checked(tmp_path, NUMBERS, STRINGS)
    rows = late(tmp_path)
    assert rows.height == N
    assert rows["price"].to_list()[:2] == [1234.5, None]
    assert rows["member"].to_list()[:3] == ["true", "false", None]
    assert rows["seen"][0] == datetime(2026, 2, 4)  # noqa: DTZ001
    assert rows["y"].to_list()[:2] == [0, 1]
    assert rows["kubeloop_time"][0] == BEGIN.replace(tzinfo=None)
    assert rows["id"].null_count() == rows["late"].null_count() == N


def test_validate_rows_of_the_sources_are_the_same_with_fresh_ones_behind(tmp_path: Path) -> None:
    checked(tmp_path)
    alone = pl.read_parquet(tmp_path / "out" / ROWS)
    checked(tmp_path, NUMBERS, STRINGS)
    both = pl.read_parquet(tmp_path / "out" / ROWS)
    assert both.head(N).drop("kubeloop_time").equals(alone)
    assert both["kubeloop_time"].head(N).null_count() == N


def test_validate_column_that_fresh_rows_lack_is_no_feature(tmp_path: Path) -> None:
    found = checked(tmp_path, NUMBERS, STRINGS)
    columns = {c.name: c for c in found.contract.columns}
    assert (columns["late"].role, columns["late"].reason) == (Role.IGNORED, LACKED)
    assert columns["price"].role is Role.FEATURE
    assert Contract.read(tmp_path / "out").lineage.fresh is not None


@pytest.mark.parametrize(
    ("numbers", "strings", "labels", "said"),
    [
        ({"price": [1.0] * N}, {"city": ["Bern"] * N}, ["maybe", *LABELS[1:]],
         "column 'y': unknown_class in 1 row (the fresh rows, row 0, counting from 0)"),
        ({}, {"price": ["1,5", *["2.5"] * (N - 1)]}, None,
         "column 'price': not_a_number in 1 row (the fresh rows, row 0, counting"),
        ({}, {"seen": [*["02/04/2026"] * (N - 2), "April", "May"]}, None,
         "column 'seen': not_a_date in 2 rows (the fresh rows, rows 58, 59, counting"),
        ({}, {"member": ["perhaps", *["true"] * (N - 1)]}, None,
         "column 'member': not_a_boolean in 1 row (the fresh rows, row 0"),
        ({"price": [-1.0] * N}, {}, None, "column 'price': below_min in 60 rows (the fresh rows"),
        ({"price": [1.0] * N}, {}, [None, *LABELS[1:]], "column 'y': target_missing in 1 row"),
    ],
    ids=["class", "number", "date", "boolean", "least", "target"],
)  # fmt: skip
def test_validate_fresh_row_that_breaks_the_contract_is_refused_where_it_stands(
    tmp_path: Path,
    numbers: dict[str, Any],
    strings: dict[str, Any],
    labels: list[Any] | None,
    said: str,
) -> None:
    found = checked(tmp_path, numbers, strings, labels, columns={"price": {"min": 0}})
    assert [str(f).startswith(said) for f in found.refused] == [True], found.refused


def test_validate_declared_columns_that_fresh_rows_lack_owe_nothing(tmp_path: Path) -> None:
    columns = {"late": {"nullable": False, "unique": True}, "city": {"values": ["Bern", "Lyon"]}}
    strings = STRINGS | {"city": ["Bern"] * N}
    found = checked(tmp_path, NUMBERS, strings, columns=columns, timestamp="seen")
    assert [str(failure) for failure in found.refused] == []


def test_validate_rows_without_a_label_are_left_out_where_the_spec_says_so(tmp_path: Path) -> None:
    labels = [None, *LABELS[1:]]
    found = checked(tmp_path, NUMBERS, STRINGS, labels, checks={"unlabelled": "drop"})
    assert [str(failure) for failure in found.refused] == []
    assert late(tmp_path).height == N - 1
    assert json.loads(found.statistics_json)["rejected"] == 1


def test_validate_fresh_rows_keep_a_table_from_being_stale(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"timestamp": "seen", "checks": {"max_age_s": 3600}}
    now = {"now": datetime.fromisoformat("2026-11-01T00:30:00Z")}
    checked(tmp_path, NUMBERS, STRINGS, **keys)
    spec = parse(
        json.dumps({"name": "m", "task": "binary", "source": "a.csv", "target": "y", **keys})
    )
    for name, stale in (("fresh", []), ("", ["stale"])):
        lineage = Contract.read(tmp_path / "out").lineage
        lineage = lineage if name else lineage.model_copy(update={"fresh": None})
        found = validate_table(spec, lineage, tmp_path / "in", tmp_path / "again", **now)
        assert [f.code for f in found.refused if f.code == "stale"] == stale


def test_validate_statistics_are_of_all_rows_and_say_how_many_are_fresh(tmp_path: Path) -> None:
    found = checked(tmp_path, NUMBERS, STRINGS)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / STATISTICS).write_text(found.statistics_json)
    statistics = Statistics.read(tmp_path / "bundle" / STATISTICS)
    assert statistics is not None
    assert (statistics.rows, statistics.fresh) == (2 * N, N)
    assert "<small>60 fresh</small>" in found.html
    assert [column.name for column in statistics.columns] == list(SOURCE)
    assert "kubeloop" not in found.html
    assert f"<code>{found.contract.lineage.fingerprint[:19]}" in found.html


def test_validate_row_count_is_compared_without_the_fresh_rows(tmp_path: Path) -> None:
    found = checked(tmp_path, NUMBERS, STRINGS)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / STATISTICS).write_text(found.statistics_json)
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y", "id": "id"}
    document |= {"checks": {"max_row_change": 0.01}}
    lineage = found.contract.lineage.model_copy(update={"fresh": None})
    again = validate_table(
        parse(json.dumps(document)), lineage, tmp_path / "in", tmp_path / "x", tmp_path / "bundle"
    )
    assert "row_change" not in [failure.code for failure in again.failures]
