import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.ingest.fingerprint import fingerprint
from components.ingest.sources import ingest_table
from components.spec import parse

ROW = st.tuples(
    st.one_of(st.none(), st.integers(-9, 9)),
    st.one_of(st.none(), st.text("ab", max_size=2)),
    st.one_of(st.none(), st.booleans()),
)
SCHEMA = {"n": pl.Int64, "t": pl.String, "b": pl.Boolean}


def frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROW, min_size=2, max_size=12).flatmap(
        lambda r: st.tuples(st.just(r), st.permutations(r))
    )
)
def test_fingerprint_row_and_column_order_do_not_count(
    rows: tuple[list[tuple[object, ...]], list[tuple[object, ...]]],
) -> None:
    one, other = frame(rows[0]), frame(rows[1]).select("b", "n", "t")
    assert fingerprint(one.lazy()) == fingerprint(other.lazy())


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=8), st.lists(ROW, min_size=1, max_size=8))
def test_fingerprint_other_content_differs(
    one: list[tuple[object, ...]], other: list[tuple[object, ...]]
) -> None:
    assume(sorted(map(repr, one)) != sorted(map(repr, other)))
    assert fingerprint(frame(one).lazy()) != fingerprint(frame(other).lazy())


def test_fingerprint_names_and_types_count() -> None:
    tables: list[dict[str, list[Any]]] = [
        {"a": [1]},
        {"b": [1]},
        {"a": [1.0]},
        {"a": ["1"]},
        {"a": [1, 1]},
    ]
    assert len({fingerprint(pl.LazyFrame(table)) for table in tables}) == 5


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=20), st.integers(1, 19))
def test_ingest_one_file_or_many_is_the_same_content(values: list[int], cut: int) -> None:
    cut = min(cut, len(values) - 1)
    lines = [f"{value},{'np'[value % 2]}" for value in values]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "all.csv").write_text("\n".join(["x,y", *lines]) + "\n")
        (folder / "part-1.csv").write_text("\n".join(["x,y", *lines[cut:]]) + "\n")
        (folder / "part-2.csv").write_text("\n".join(["x;y", *lines[:cut]]).replace(",", ";"))
        found = []
        for pattern in ("all.csv", "part-*.csv"):
            document = {
                "name": "m",
                "task": "binary",
                "source": str(folder / pattern),
                "target": "y",
            }
            found.append(ingest_table(parse(json.dumps(document)), folder / "out", run_id="r"))
    assert found[0] == found[1]
