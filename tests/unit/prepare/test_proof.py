from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import Contract, Lineage
from components.errors import DataError
from components.prepare import proof
from components.prepare.proof import CLASS, ENTITY, PART, ROW, Tally
from components.spec import Split

LINEAGE = Lineage(run_id="r", rows=1, columns=1, fingerprint="sha256:0")
CONTRACT = Contract(columns=(), target="y", classes=("a", "b"), lineage=LINEAGE)


def marks(folder: Path, parts: list[int], key: str, values: list[int]) -> Path:
    path = folder / "marks.parquet"
    schema = {PART: pl.UInt8, key: pl.UInt64}
    pl.DataFrame({PART: parts, key: values}, schema=schema).write_parquet(path)
    return path


def refusal(classes: list[dict[int, int]], **split: Any) -> str:
    counts = Tally(rows=tuple(sum(c.values()) for c in classes), classes=tuple(classes))
    with pytest.raises(DataError) as error:
        proof.require_enough(counts, CONTRACT, Split(**split))
    return str(error.value)


def test_tally_counts_parts_and_classes() -> None:
    marked = pl.LazyFrame(
        {PART: [0, 0, 1, 2], CLASS: [0, 1, 1, 1]}, schema_overrides={PART: pl.UInt8}
    )
    assert proof.tally(marked, CONTRACT) == Tally((2, 1, 1), ({0: 1, 1: 1}, {1: 1}, {1: 1}))
    plain = CONTRACT.model_copy(update={"classes": None})
    assert proof.tally(marked, plain) == Tally((2, 1, 1), ({}, {}, {}))


def test_require_enough_of_one_class_only_in_a_part_names_it() -> None:
    said = refusal([{0: 40, 1: 3}, {0: 9, 1: 1}, {0: 12}])
    assert "the split of 65 rows leaves too little" in said
    assert "test (12 rows) has no row of 'b'" in said
    assert "another split.seed" in said


def test_require_enough_of_a_class_with_one_member_says_that_no_split_can_help() -> None:
    said = refusal([{0: 40}, {0: 9, 1: 1}, {0: 12}])
    assert "class 'b' has 1 row in all, and each part needs one" in said
    assert "Leave out the rows of such a class" in said
    assert "split.seed" not in said


def test_require_enough_of_fewer_rows_than_parts_names_the_empty_one() -> None:
    said = refusal([{0: 3, 1: 3}, {0: 1, 1: 1}, {}])
    assert "the split of 8 rows" in said
    assert "test has no rows" in said


def test_require_enough_of_fewer_groups_than_parts_names_the_group() -> None:
    said = refusal([{0: 3, 1: 3}, {}, {}], method="group", group="site")
    assert "validation has no rows; test has no rows" in said
    assert "a split.group of more groups than 'site'" in said


def test_require_complete_of_a_lost_or_moved_row_is_refused() -> None:
    counts = Tally((3, 1, 1), ({}, {}, {}))
    proof.require_complete(5, counts, (3, 1, 1))
    for written in [(3, 1, 0), (2, 2, 1)]:
        with pytest.raises(DataError, match=r"every row in exactly one part"):
            proof.require_complete(5, counts, written)


def test_require_order_of_parts_that_overlap_is_refused() -> None:
    def marked(moments: list[float | None]) -> pl.LazyFrame:
        return pl.LazyFrame({PART: [0, 0, 1, 2], "t": moments})

    proof.require_order(marked([1.0, None, 2.0, 3.0]), "t")
    with pytest.raises(DataError, match="validation begins before train has ended"):
        proof.require_order(marked([1.0, 2.0, 2.0, 3.0]), "t")
    with pytest.raises(DataError, match="test begins before validation has ended"):
        proof.require_order(marked([1.0, 2.0, 4.0, 3.0]), "t")


def test_require_apart_of_an_entity_on_two_sides_is_refused_with_a_count(tmp_path: Path) -> None:
    proof.require_apart(marks(tmp_path, [0, 0, 1, 2], ENTITY, [7, 7, 8, 9]), 4, "id")
    shared = marks(tmp_path, [0, 1, 1, 2, 0], ENTITY, [7, 7, 8, 9, 9])
    with pytest.raises(DataError, match="2 values of 'id' are in more than one part"):
        proof.require_apart(shared, 5, "id")


KEYS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=60)


@settings(max_examples=30, deadline=None)
@given(rows=KEYS)
def test_count_shared_is_what_comparing_all_rows_gives(
    rows: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = marks(tmp_path_factory.mktemp("m"), [p for p, _ in rows], ROW, [k for _, k in rows])
    wanted = sum(any(k == key and p < part for p, k in rows) for part, key in rows)
    assert proof.count_shared(path, len(rows)) == wanted
    # So many rows are grouped in partitions.
    assert proof.count_shared(path, 5_000_000) == wanted
