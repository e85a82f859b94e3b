"""The stages that write tables, each with its output on a disk that fills; ingest has its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from components.contract import ROWS, Lineage
from components.errors import DataError
from components.prepare.preparation import prepare_examples
from components.spec import Spec, parse
from components.validate.validation import validate_table

COUNT = 200_000
FULL = r"no room for the table in '.*disk.*': the disk is full; make room there"


def spec_of(**keys: Any) -> Spec:
    head = {"name": "m", "task": "binary", "source": "a.csv", "target": "y"}
    return parse(json.dumps({**head, **keys}))


def write_table(folder: Path, columns: dict[str, Any]) -> Lineage:
    """Writes what ingest would have."""
    folder.mkdir()
    rows = pl.DataFrame({**columns, "y": ["n", "p"] * (COUNT // 2)})
    rows.write_parquet(folder / ROWS)
    return Lineage(run_id="r", rows=COUNT, columns=rows.width, fingerprint="sha256:0")


def noise(seed: int) -> Any:
    """Numbers that cannot be packed."""
    return np.random.default_rng(seed).normal(size=COUNT)


def times(seed: int) -> pl.Series:
    """Moments as text."""
    moments = np.random.default_rng(seed).integers(0, 2**50, COUNT)
    return pl.Series(moments).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["rows", "moments", "hashes"])
def test_validate_disk_that_fills_is_named_and_left_as_it_was(
    tmp_path: Path, tiny_disk: Path, kind: str
) -> None:
    # The typed rows fill it, or else what is kept beside them meanwhile.
    columns: dict[str, Any] = {f"n{i}": noise(i) for i in range(4 if kind == "rows" else 1)}
    if kind == "moments":
        columns = {name: times(seed) for seed, name in enumerate("abcd")}
    lineage = write_table(tmp_path / "in", columns)
    if kind == "hashes":
        (tiny_disk / "other").write_bytes(bytes(3 * 2**19))
    with pytest.raises(DataError, match=FULL):
        validate_table(spec_of(), lineage, tmp_path / "in", tiny_disk / "out")
    assert left(tiny_disk) == ([tiny_disk / "other"] if kind == "hashes" else [])


@pytest.mark.parametrize("others", [0, 2**20, 3 * 2**20])
def test_prepare_disk_that_fills_is_named_and_left_as_it_was(
    tmp_path: Path, tiny_disk: Path, others: int
) -> None:
    lineage = write_table(tmp_path / "in", {f"n{i}": noise(i) for i in range(3)})
    validate_table(spec_of(), lineage, tmp_path / "in", tmp_path / "typed")
    (tiny_disk / "other").write_bytes(bytes(others))
    folders = (tiny_disk / "train", tiny_disk / "validation", tiny_disk / "test")
    with pytest.raises(DataError, match=FULL):
        prepare_examples(spec_of(), tmp_path / "typed", folders)
    assert left(tiny_disk) == [tiny_disk / "other"]
