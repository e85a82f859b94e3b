import hashlib
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import ROWS, ColumnContract, ColumnType, Contract, Lineage, Role
from components.errors import DataError
from components.examples import SCHEMA, read_examples, read_schema
from components.prepare.preparation import prepare_examples
from components.spec import parse

N = 300
LINEAGE = Lineage(run_id="r", rows=N, columns=3, fingerprint="sha256:0")
PARTS = ("train", "validation", "test")
ROLES = {"hidden": Role.IGNORED, "key": Role.ID, "site": Role.GROUP, "at": Role.TIMESTAMP}
START = datetime(2024, 1, 1)
DAYS = [START + timedelta(days=i * 7 % 800) for i in range(N)]


def prepared(
    folder: Path, data: dict[str, Any], classes: tuple[Any, ...] | None = ("n", "p"), **spec: Any
) -> tuple[int, int, int]:
    """Prepares a table as validate writes it: `n…` are numbers, dates dates; y is the target."""
    rows = pl.DataFrame(data, strict=False)
    size = len(rows)
    if "y" not in data:
        target = (
            [i % len(classes) for i in range(size)] if classes else [float(i) for i in range(size)]
        )
        rows = rows.with_columns(pl.Series("y", target))
    columns = [_column(name, kind) for name, kind in rows.schema.items() if name != "y"]
    columns.append(ColumnContract(name="y", type=ColumnType.CATEGORY, role=Role.TARGET))
    (folder / "in").mkdir(parents=True, exist_ok=True)
    rows.write_parquet(folder / "in" / ROWS)
    contract = Contract(columns=tuple(columns), target="y", classes=classes, lineage=LINEAGE)
    contract.write(folder / "in")
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    document = {"name": "m", "task": task, "source": "a.csv", "target": "y"} | spec
    folders = (folder / "train", folder / "validation", folder / "test")
    return prepare_examples(parse(json.dumps(document)), folder / "in", folders)


def _column(name: str, kind: pl.DataType) -> ColumnContract:
    types = {pl.Float64: ColumnType.NUMBER, pl.Datetime("us"): ColumnType.DATE}
    return ColumnContract(
        name=name,
        type=types.get(kind, ColumnType.CATEGORY),
        role=ROLES.get(name, Role.FEATURE),
        formats=("%Y-%m-%d",) if kind == pl.Datetime("us") else (),
    )


def refused(folder: Path, data: dict[str, Any], *more: Any, **spec: Any) -> str:
    with pytest.raises(DataError) as error:
        prepared(folder, data, *more, **spec)
    for part in PARTS:
        assert list((folder / part).iterdir()) == []
    return str(error.value)


def numbers(size: int = N) -> list[float]:
    return [float(i) for i in range(size)]


def test_prepare_parts_are_disjoint_and_cover(tmp_path: Path) -> None:
    counts = prepared(tmp_path, {"n": numbers(), "c": ["u", "v"] * (N // 2)})
    read = [read_examples(tmp_path / part) for part in PARTS]
    found = [set(part.numbers[:, 0].tolist()) for part in read]
    assert sum(counts) == N == sum(map(len, found))
    assert set.union(*found) == set(numbers())
    assert [len(part) for part in read] == list(counts)
    for part in read:
        assert part.schema == read[0].schema
        assert part.target.tolist() == [int(number) % 2 for number in part.numbers[:, 0]]
        assert part.strings[:, 0].tolist() == ["uv"[int(n) % 2] for n in part.numbers[:, 0]]


@settings(max_examples=10, deadline=None)
@given(
    order=st.permutations(range(160)),
    method=st.sampled_from(["id", "group", "time", "row"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_prepare_any_split_covers_every_row_once_and_parts_no_entity(
    order: list[int], method: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("p")
    # So many entities that a part is empty for one seed in 10^7.
    keys = [position % 80 for position in order]
    name = {"id": "key", "group": "site", "time": "at", "row": "hidden"}[method]
    values: Any = [f"k{k}" for k in keys] if method != "time" else [DAYS[k] for k in keys]
    split = {"seed": seed} | ({"group": "site"} if method == "group" else {})
    split |= {"method": method} if method in ("group", "time") else {}
    timestamp = {"timestamp": "at"} if method == "time" else {}
    data = {"n": numbers(len(keys)), name: values}
    counts = prepared(folder, data, None, split=split, **timestamp)
    row_sets = [set(pl.read_parquet(folder / part / ROWS)["n"].to_list()) for part in PARTS]
    assert sum(counts) == len(keys) == len(set.union(*row_sets))
    entities = [{values[int(n)] for n in rows} for rows in row_sets]
    if method in ("id", "group"):
        assert not (
            entities[0] & entities[1] | entities[0] & entities[2] | entities[1] & entities[2]
        )
    if method == "time":
        assert max(entities[0]) < min(entities[1])
        assert max(entities[1]) < min(entities[2])


def test_prepare_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    data = {"n": numbers(5000), "c": [f"{i * i % 17}" for i in range(5000)]}
    digests = []
    for turn in ("a", "b"):
        prepared(tmp_path / turn, data)
        files = [tmp_path / turn / part / name for part in PARTS for name in (ROWS, SCHEMA)]
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_prepare_leaves_nothing_but_rows_and_schema(tmp_path: Path) -> None:
    prepared(tmp_path, {"n": numbers(), "key": [f"k{i}" for i in range(N)]})
    for part in PARTS:
        assert {path.name for path in (tmp_path / part).iterdir()} == {ROWS, SCHEMA}
        assert pl.read_parquet_schema(tmp_path / part / ROWS).keys() == {"n", "y"}


def test_prepare_keeps_a_dropped_column_for_an_earlier_model(tmp_path: Path) -> None:
    prepared(tmp_path, {"n1": numbers(), "n2": [2 * x for x in numbers()], "hidden": ["a"] * N})
    schema = read_schema(tmp_path / "test")
    assert [dropped.name for dropped in schema.dropped] == ["n2"]
    assert schema.signature.numbers == ("n1",)
    assert schema.signature.ignored == ("n2", "hidden", "y")
    assert pl.read_parquet_schema(tmp_path / "test" / ROWS).keys() == {"n1", "n2", "y"}


def test_prepare_dates_reach_the_tensors_as_numbers(tmp_path: Path) -> None:
    prepared(tmp_path, {"n": numbers(), "d": DAYS})
    part = read_examples(tmp_path / "validation")
    names = part.schema.signature.number_columns
    assert names[:3] == ("n", "d.days", "d.year")
    years = [DAYS[int(n)].year for n in part.numbers[:, 0]]
    assert part.numbers[:, names.index("d.year")].tolist() == years


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [((0, 1), "int64"), ((False, True), "bool"), (("a", "b"), "string"), (None, "float64")],
)
def test_prepare_label_has_the_classes_type(tmp_path: Path, classes: Any, dtype: str) -> None:
    prepared(tmp_path, {"n": numbers()}, classes)
    assert read_schema(tmp_path / "train").signature.outputs[0].dtype == dtype


def test_prepare_counts_rows_that_parts_share_though_their_ids_differ(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = {
        "n": [float(i % 50) for i in range(N)],
        "c": [None if i % 10 == 3 else "x" for i in range(N)],
        "key": [f"k{i}" for i in range(N)],
    }
    with caplog.at_level(logging.WARNING):
        prepared(tmp_path, data)
    parts = [pl.read_parquet(tmp_path / part / ROWS).rows() for part in PARTS]
    wanted = sum(row in parts[0] for row in parts[1])
    wanted += sum(row in [*parts[0], *parts[1]] for row in parts[2])
    assert read_schema(tmp_path / "train").shared_rows == wanted > 0
    assert f"splits share rows count={wanted}" in caplog.text
    checks = {"severity": {"shared_rows": "refuse"}}
    said = refused(tmp_path, data, checks=checks)
    assert said.startswith(f"shared_rows: {wanted} of ")
    assert "checks.severity.shared_rows: warn" in said


def test_prepare_equal_rows_without_an_id_share_no_part(tmp_path: Path) -> None:
    data = {"n": [float(i % 50) for i in range(N)]}
    prepared(tmp_path, data, checks={"severity": {"shared_rows": "refuse"}})
    assert read_schema(tmp_path / "train").shared_rows == 0


def test_prepare_constant_features_alone_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, {"n": [1.0] * N, "hidden": [str(i) for i in range(N)]})
    assert "no feature is left: all 1 candidates tell nothing in the 1" in said


def test_prepare_column_without_a_value_in_training_is_dropped(tmp_path: Path) -> None:
    gone = [None if i < 280 else float(i) for i in range(N)]
    data = {"n": numbers(), "at": sorted(DAYS), "n_late": pl.Series(gone, dtype=pl.Float64)}
    prepared(
        tmp_path, data, split={"method": "time", "test": 0.05, "validation": 0.05}, timestamp="at"
    )
    dropped = read_schema(tmp_path / "train").dropped
    assert dropped[0].name == "n_late"
    assert dropped[0].reason == "has no value in 100 % of the training rows"


def test_prepare_part_without_a_class_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, {"c": ["u", "v"] * (N // 2)})
    assert "leaves too little to learn or judge from: " in said
    assert "has no rows" in said
    assert "Use more rows, larger split.test and split.validation" in said


def test_prepare_one_class_only_in_the_newest_rows_is_refused(tmp_path: Path) -> None:
    data = {"n": numbers(), "at": sorted(DAYS), "y": [i % 2 if i < 200 else 0 for i in range(N)]}
    said = refused(tmp_path, data, split={"method": "time"}, timestamp="at")
    assert "test (6" in said or "test (5" in said
    assert "has no row of 'p'" in said
    assert "split.method random" in said


def test_prepare_class_with_one_member_is_refused_by_name(tmp_path: Path) -> None:
    target = [i % 2 for i in range(N - 1)] + [2]
    said = refused(tmp_path, {"n": numbers(), "y": target}, ("a", "b", "rare"))
    assert "class 'rare' has 1 row in all, and each part needs one" in said


def test_prepare_fewer_rows_than_the_splits_need_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, {"n": numbers(2)})
    assert "the split of 2 rows leaves too little" in said


def test_prepare_fewer_groups_than_parts_is_refused(tmp_path: Path) -> None:
    data = {"n": numbers(), "site": ["a", "b"] * (N // 2)}
    said = refused(tmp_path, data, None, split={"method": "group", "group": "site"})
    assert "has no rows" in said
    assert "a split.group of more groups than 'site'" in said


def test_prepare_too_few_moments_is_refused(tmp_path: Path) -> None:
    data = {"n": numbers(), "at": [START] * N}
    said = refused(tmp_path, data, split={"method": "time"}, timestamp="at")
    assert "timestamp 'at' has too few different moments to split by time: 1 moment in 300" in said


def test_prepare_more_features_than_rows_is_allowed_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = {f"n{i}": [float((i + 3) * (j + 1) % 101) for j in range(60)] for i in range(90)}
    with caplog.at_level(logging.WARNING):
        counts = prepared(tmp_path, data)
    assert f"fewer training rows than features rows={counts[0]}" in caplog.text
    assert len(read_examples(tmp_path / "train").schema.signature.numbers) > counts[0]


def test_prepare_columns_that_ingest_left_out_may_still_be_sent(tmp_path: Path) -> None:
    columns = {"name": {"privacy": "drop"}, "mail": {"privacy": "mask"}}
    prepared(
        tmp_path,
        {"n": [float(i) for i in range(N)], "mail": ["x@x"] * N},
        drop=["notes"],
        columns=columns,
    )
    assert read_schema(tmp_path / "train").signature.ignored == ("mail", "y", "notes", "name")
