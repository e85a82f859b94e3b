"""The split with fresh rows, whose newest fifth judges."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import ROWS, ColumnContract, ColumnType, Contract, Lineage, Role
from components.errors import DataError
from components.examples import read_examples, read_schema
from components.fresh import TIME, Fresh
from components.prepare.fresh_proof import require_newest, require_unlearned
from components.prepare.preparation import prepare_examples
from components.prepare.proof import PART, ROW
from components.spec import parse

PARTS = ("train", "validation", "test")
BEGIN = datetime(2026, 11, 1)  # noqa: DTZ001  as rows are typed, without a zone
SECOND = timedelta(seconds=1)
SOURCES, FRESH = 200, 100
TYPES = {"at": ColumnType.DATE, "n": ColumnType.NUMBER, "m": ColumnType.NUMBER}
ROLES = {"key": Role.ID, "site": Role.GROUP, "at": Role.TIMESTAMP, "y": Role.TARGET}


def split_of(
    folder: Path,
    sources: dict[str, Sequence[Any]],
    fresh: dict[str, Sequence[Any]],
    times: Sequence[datetime] | None = None,
    **spec: Any,
) -> list[pl.DataFrame]:
    """Prepares sources and fresh rows as validate writes them; returns what each part holds."""
    size = len(next(iter(fresh.values())))
    own = pl.DataFrame({"y": _classes(len(sources["n"])), **sources}, strict=False)
    theirs = pl.DataFrame({"y": _classes(size), **fresh}, strict=False)
    moments = times or [BEGIN + i * SECOND for i in range(size)]
    late = theirs.with_columns(pl.Series(TIME, moments, dtype=pl.Datetime("us")))
    rows = pl.concat([own, late], how="diagonal")
    (folder / "in").mkdir(parents=True, exist_ok=True)
    rows.write_parquet(folder / "in" / ROWS)
    told = Fresh(rows=size, columns=tuple(theirs.columns), first="a", last="b", sources="sha256:1")
    lineage = Lineage(run_id="r", rows=len(rows), columns=3, fingerprint="sha256:0", fresh=told)
    columns = tuple(
        ColumnContract(
            name=name,
            type=TYPES.get(name, ColumnType.CATEGORY),
            role=ROLES.get(name, Role.FEATURE if name in theirs.columns else Role.IGNORED),
            formats=("%Y-%m-%d",) if name == "at" else (),
        )
        for name in own.columns
    )
    Contract(columns=columns, target="y", classes=("n", "p"), lineage=lineage).write(folder / "in")
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y", **spec}
    folders = (folder / "train", folder / "validation", folder / "test")
    counts = prepare_examples(parse(json.dumps(document)), folder / "in", folders)
    found = [pl.read_parquet(part / ROWS) for part in folders]
    assert [len(part) for part in found] == list(counts)
    aside = read_schema(folder / "train").set_aside
    assert sum(counts) + aside == len(rows)
    return found


def _classes(size: int) -> list[int]:
    return [i % 2 for i in range(size)]


def sources(size: int = SOURCES) -> dict[str, Any]:
    return {"n": [float(i) for i in range(size)]}


def fresh(size: int = FRESH, begin: float = 1000.5) -> dict[str, Any]:
    return {"n": [begin + i for i in range(size)]}


def of_sources(part: pl.DataFrame) -> set[float]:
    return set(part.filter(pl.col(TIME).is_null())["n"].to_list())


def of_fresh(part: pl.DataFrame) -> set[float]:
    return set(part.filter(pl.col(TIME).is_not_null())["n"].to_list())


def usual_parts(folder: Path, data: dict[str, Any], **spec: Any) -> list[set[float]]:
    """The parts of the sources in a run without fresh rows."""
    rows = pl.DataFrame({"y": _classes(len(data["n"])), **data}, strict=False)
    (folder / "in").mkdir(parents=True)
    rows.write_parquet(folder / "in" / ROWS)
    columns = tuple(
        ColumnContract(
            name=n, type=TYPES.get(n, ColumnType.CATEGORY), role=ROLES.get(n, Role.FEATURE)
        )
        for n in rows.columns
    )
    lineage = Lineage(run_id="r", rows=len(rows), columns=3, fingerprint="sha256:1")
    Contract(columns=columns, target="y", classes=("n", "p"), lineage=lineage).write(folder / "in")
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y", **spec}
    folders = (folder / "train", folder / "validation", folder / "test")
    prepare_examples(parse(json.dumps(document)), folder / "in", folders)
    return [set(pl.read_parquet(part / ROWS)["n"].to_list()) for part in folders]


def test_prepare_hold_out_is_the_newest_fifth_of_the_fresh_rows(tmp_path: Path) -> None:
    train, validation, test = split_of(tmp_path, sources(), fresh())
    assert of_fresh(test) == {1000.5 + i for i in range(80, 100)}
    assert of_sources(test) == set()
    older = of_fresh(train) | of_fresh(validation)
    assert older == {1000.5 + i for i in range(80)}
    assert min(len(of_fresh(train)), len(of_fresh(validation))) > 5


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        ({}, {}),
        ({"key": [f"k{i // 2}" for i in range(SOURCES)]}, {"id": "key"}),
        (
            {"site": [f"s{i % 40}" for i in range(SOURCES)]},
            {"split": {"method": "group", "group": "site"}},
        ),
        ({}, {"split": {"test": 0.4, "validation": 0.1, "seed": 3}}),
    ],
    ids=["row", "id", "group", "fractions"],
)
def test_prepare_sources_keep_their_parts_and_their_hold_out_is_in_none(
    tmp_path: Path, data: dict[str, Any], spec: dict[str, Any]
) -> None:
    usual = usual_parts(tmp_path / "usual", {**sources(), **data}, **spec)
    found = split_of(tmp_path, {**sources(), **data}, fresh(), **spec)
    assert [of_sources(part) for part in found] == [usual[0], usual[1], set()]
    assert read_schema(tmp_path / "test").set_aside == len(usual[2])


def test_prepare_by_time_orders_the_fresh_rows_and_trains_on_older_sources(tmp_path: Path) -> None:
    data = {**sources(), "at": [BEGIN - timedelta(days=300 - i) for i in range(SOURCES)]}
    spec: dict[str, Any] = {"split": {"method": "time"}, "timestamp": "at"}
    usual = usual_parts(tmp_path / "usual", data, **spec)
    order = np.random.default_rng(1).permutation(FRESH).tolist()
    times = [BEGIN + i * SECOND for i in order]
    train, validation, test = split_of(
        tmp_path, data, {"n": [1000.5 + i for i in order]}, times, **spec
    )
    assert of_fresh(train) == {1000.5 + i for i in range(60)}
    assert of_fresh(validation) == {1000.5 + i for i in range(60, 80)}
    assert of_fresh(test) == {1000.5 + i for i in range(80, 100)}
    assert of_sources(train) == usual[0] | usual[1]
    assert of_sources(validation) == of_sources(test) == set()


def test_prepare_older_fresh_row_that_repeats_the_sources_hold_out_is_set_aside(
    tmp_path: Path,
) -> None:
    data = {"n": [i + 0.1 for i in range(SOURCES)], "key": [f"k{i}" for i in range(SOURCES)]}
    usual = usual_parts(tmp_path / "usual", data, id="key")
    places = [i for i in range(SOURCES) if data["n"][i] in usual[2]]
    # As the endpoint was asked: in float32, and labelled as the sources are.
    sent = [float(np.float32(data["n"][i])) for i in places]
    labels = [i % 2 for i in places]
    more = fresh()["n"]
    late = {"n": [*sent, *more], "y": [*labels, *_classes(FRESH)]}
    train, validation, test = split_of(tmp_path, data, late, id="key")
    assert (of_fresh(train) | of_fresh(validation)) & set(sent) == set()
    assert of_fresh(train) | of_fresh(validation) | of_fresh(test) >= set(more)
    assert read_schema(tmp_path / "test").set_aside == 2 * len(places)


def test_prepare_row_of_the_sources_that_the_hold_out_repeats_is_not_learned(
    tmp_path: Path,
) -> None:
    data = {"n": [i + 0.1 for i in range(SOURCES)], "key": [f"k{i}" for i in range(SOURCES)]}
    usual = usual_parts(tmp_path / "usual", data, id="key")
    # The sources have grown by what the endpoint was asked last.
    grown = {"n": fresh()["n"][80:], "key": [f"new{i}" for i in range(20)]}
    both = {name: [*data[name], *grown[name]] for name in data}
    train, validation, test = split_of(tmp_path, both, fresh(), id="key")
    assert of_fresh(test) == set(grown["n"])
    assert (of_sources(train) | of_sources(validation)) & set(grown["n"]) == set()
    assert of_sources(train) == usual[0]
    assert read_schema(tmp_path / "test").set_aside == len(usual[2]) + 20
    assert read_schema(tmp_path / "test").shared_rows == 0


def test_prepare_older_fresh_row_goes_where_the_sources_have_it(tmp_path: Path) -> None:
    data = {"n": [i + 0.1 for i in range(SOURCES)], "key": [f"k{i}" for i in range(SOURCES)]}
    usual = usual_parts(tmp_path / "usual", data, id="key")
    sent = [float(np.float32(n)) for n in data["n"][:100]]
    late = {"n": [*sent, *fresh(25)["n"]], "y": [*_classes(100), *_classes(25)]}
    train, validation, _ = split_of(tmp_path, data, late, id="key")
    same = dict(zip(sent, data["n"], strict=False))
    assert {same[n] for n in of_fresh(train) if n in same} <= usual[0]
    assert {same[n] for n in of_fresh(validation) if n in same} <= usual[1]


def test_prepare_coarse_rows_that_repeat_by_nature_are_kept_and_counted(tmp_path: Path) -> None:
    data = {"n": [float(i % 7) for i in range(SOURCES)], "key": [f"k{i}" for i in range(SOURCES)]}
    late = {"n": [float(i % 7) for i in range(FRESH)]}
    usual = usual_parts(tmp_path / "usual", data, id="key")
    assert usual[0] == usual[2]
    train, validation, test = split_of(tmp_path, data, late, id="key")
    rows = [part.filter(pl.col(TIME).is_not_null()).height for part in (train, validation, test)]
    assert sum(rows) == FRESH
    assert read_schema(tmp_path / "test").shared_rows >= 20


@settings(max_examples=8, deadline=None)
@given(
    coarse=st.integers(5, 400),
    seconds=st.lists(st.integers(0, 60), min_size=100, max_size=100),
    method=st.sampled_from(["row", "id", "time"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_prepare_whatever_overlaps_nothing_held_out_is_learned(
    coarse: int,
    seconds: list[int],
    method: str,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("p")
    random = np.random.default_rng(seed)
    data: dict[str, Any] = {"n": random.integers(0, coarse, 300).astype(float).tolist()}
    data["key"] = [f"k{i}" for i in range(300)]
    spec: dict[str, Any] = {"id": "key"} if method == "id" else {}
    if method == "time":
        data["at"] = [BEGIN - timedelta(days=500 - i) for i in range(300)]
        spec = {"split": {"method": "time"}, "timestamp": "at"}
    late = {"n": random.integers(0, coarse, 100).astype(float).tolist()}
    times = [BEGIN + second * SECOND for second in [0, 61, *seconds[2:]]]
    try:
        train, validation, test = split_of(folder, data, late, times, **spec)
    except DataError as exc:
        assert "leaves too little" in str(exc) or "different times" in str(exc)  # noqa: PT017
        return
    learned = pl.concat([train, validation])
    assert test[TIME].null_count() == 0
    assert learned[TIME].max() < test[TIME].min()  # type: ignore[operator]


def test_prepare_fresh_rows_of_one_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the fresh rows have one time in all, and the newest"):
        split_of(tmp_path, sources(), fresh(), [BEGIN] * FRESH)


def test_prepare_fresh_rows_of_two_times_are_too_few_to_split_by_time(tmp_path: Path) -> None:
    data = {**sources(), "at": [BEGIN - timedelta(days=300 - i) for i in range(SOURCES)]}
    times = [BEGIN] * 70 + [BEGIN + SECOND] * 30
    with pytest.raises(DataError, match="two different times in all"):
        split_of(tmp_path, data, fresh(), times, split={"method": "time"}, timestamp="at")


def test_prepare_rows_of_one_request_are_on_one_side(tmp_path: Path) -> None:
    times = [BEGIN + (i // 30) * SECOND for i in range(FRESH)]
    _, _, test = split_of(tmp_path, sources(), fresh(), times)
    assert of_fresh(test) == {1000.5 + i for i in range(90, 100)}


def test_prepare_hold_out_of_one_class_says_what_to_do(tmp_path: Path) -> None:
    late = {**fresh(), "y": [*_classes(80), *([0] * 20)]}
    with pytest.raises(DataError) as error:
        split_of(tmp_path, sources(), late)
    said = str(error.value)
    assert "test (20 rows) has no row of 'p'" in said
    assert "Test is the newest fifth of the fresh rows: wait for more labels" in said


def test_prepare_column_that_fresh_rows_lack_is_no_input_and_no_clock(tmp_path: Path) -> None:
    data = {**sources(), "m": [1.0] * SOURCES}
    data["at"] = [BEGIN - timedelta(days=300 - i) for i in range(SOURCES)]
    split_of(tmp_path, data, fresh(), timestamp="at")
    signature = read_schema(tmp_path / "train").signature
    assert signature.numbers == ("n",)
    assert signature.clock is None
    assert set(signature.ignored) >= {"m", "at"}
    assert pl.read_parquet_schema(tmp_path / "test" / ROWS).keys() == {"n", "y", TIME}


def test_read_examples_tells_which_rows_are_fresh(tmp_path: Path) -> None:
    train, _, _ = split_of(tmp_path, sources(), fresh())
    found = read_examples(tmp_path / "train")
    assert found.fresh is not None
    assert found.fresh.tolist() == train[TIME].is_not_null().to_list()
    some = found.taken(found.fresh)
    assert set(some.numbers[:, 0].tolist()) == of_fresh(train)
    assert len(some) == int(found.fresh.sum())


def test_require_newest_and_unlearned_see_a_wrong_split(tmp_path: Path) -> None:
    marks = tmp_path / "marks.parquet"
    times = [None, None, BEGIN, BEGIN + SECOND, BEGIN + 2 * SECOND]
    good = {PART: [0, 3, 0, 1, 2], ROW: [1, 2, 3, 4, 5], "own": [0, 2, None, None, None]}
    kinds = {PART: pl.UInt8, ROW: pl.UInt64, "own": pl.UInt8, TIME: pl.Datetime("us")}

    def write(**changes: Any) -> None:
        named = {PART: changes.get("part", good[PART]), ROW: changes.get("row", good[ROW])}
        table = {**good, **named, TIME: changes.get("times", times)}
        pl.DataFrame(table, schema=kinds).write_parquet(marks)

    write()
    require_newest(marks, by_time=True)
    require_unlearned(marks, "own", 5)
    for part in ([2, 3, 0, 1, 2], [0, 3, 0, 2, 1]):
        write(part=part)
        with pytest.raises(DataError, match="the hold-out is not the newest"):
            require_newest(marks, by_time=False)
    write(part=[0, 3, 1, 0, 2])
    require_newest(marks, by_time=False)
    with pytest.raises(DataError, match="the hold-out is not the newest"):
        require_newest(marks, by_time=True)
    for changes in ({"part": [0, 0, 0, 1, 2]}, {"row": [1, 2, 2, 4, 5]}):
        write(**changes)
        with pytest.raises(DataError, match="1 contents of rows that the sources hold out"):
            require_unlearned(marks, "own", 5)
