"""What other programs write into Parquet files, well formed and not."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from components.errors import DataError, KubeloopError
from components.score.batch import score
from components.score.table import open_table
from tests.bundles import build

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


def read(path: Path) -> pl.DataFrame:
    table = open_table(path, ["a", "b"], delimiter=None, encoding=None)
    return pl.concat([batch.rows for batch in table.read(["a", "b"])])


def written(folder: Path, column: Any, **columns: Any) -> Path:
    path = folder / "rows.parquet"
    parquet.write_table(pa.table({"a": column, "b": pa.array([1] * len(column)), **columns}), path)
    return path


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([NOON], pa.timestamp("us", "+05:30")), NOON),
        (pa.array([NOON], pa.timestamp("ns", "-03:00")), NOON),
        (pa.array([NOON], pa.timestamp("ms", "Asia/Tokyo")), NOON),
        (pa.array([Decimal("1.50")], pa.decimal256(50, 2)), 1.5),
        (pa.array([Decimal("1.50")], pa.decimal128(20, 2)), Decimal("1.50")),
        (pa.array(["x"]).dictionary_encode(), "x"),
        (pa.array(["x"], pa.large_string()), "x"),
        (pa.array([1.5], pa.float16()), 1.5),
        (pa.nulls(1), None),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_open_table_of_parquet_reads_the_types_of_others(
    tmp_path: Path, column: Any, value: Any
) -> None:
    assert read(written(tmp_path, column))["a"].to_list() == [value]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_open_table_of_parquet_with_text_that_is_no_utf_8_is_refused(
    tmp_path: Path, kind: Any
) -> None:
    """Polars takes Arrow's word that text is text, and ends the process where it is none."""
    bad = pa.array([b"SECRET\xff", b"x"], pa.binary()).view(pa.string()).cast(kind)
    with pytest.raises(DataError, match="it holds text that is not UTF-8") as caught:
        read(written(tmp_path, bad))
    assert "SECRET" not in str(caught.value)


def test_open_table_of_parquet_with_metadata_that_is_no_text_is_read(tmp_path: Path) -> None:
    field = pa.field("a", pa.int64(), metadata={b"\xff": b"\xfe"})
    schema = pa.schema([field, pa.field("b", pa.int64())], metadata={b"pandas": b"\xff{"})
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table([[1], [2]], schema=schema), path)
    assert read(path).rows() == [(1, 2)]


def test_open_table_of_other_columns_that_are_damaged_is_read(tmp_path: Path) -> None:
    bad = pa.array([b"\xff"], pa.binary()).view(pa.string())
    assert read(written(tmp_path, pa.array([1]), other=bad)).rows() == [(1, 1)]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_score_of_damaged_bytes_answers_or_refuses_and_never_ends_the_process(
    tmp_path: Path, suffix: str
) -> None:
    folder = build(tmp_path / "bundle", "binary").folder
    rows = pl.DataFrame(
        {"age": [30.0] * 50, "income": [1.5] * 50, "city": ["Bern"] * 50, "plan": ["basic"] * 50}
    )
    source, rng = tmp_path / f"rows{suffix}", np.random.default_rng(0)
    rows.write_csv(source) if suffix == ".csv" else rows.write_parquet(source)
    whole, outcomes = source.read_bytes(), set()
    for _ in range(300):
        damaged = np.frombuffer(whole, np.uint8).copy()
        at = rng.integers(0, len(damaged), rng.integers(1, 4))
        damaged[at] = rng.integers(0, 256, len(at))
        source.write_bytes(damaged.tobytes())
        try:
            score(folder, source, tmp_path / "answers.parquet", errors="null")
            outcomes.add("answered")
        except KubeloopError as exc:
            outcomes.add(type(exc).__name__)
    assert outcomes == {"answered", "DataError"}
