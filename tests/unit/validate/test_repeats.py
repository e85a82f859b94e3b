"""What repeats, against a count of all rows in memory."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components.validate import repeats
from components.validate.repeats import KeyHashes, Repeats

ROWS = 5_000


def found(keys: list[int | None], tmp_path: Path, batch: int = 700) -> Repeats:
    frame = pl.DataFrame({"k": pl.Series(keys, dtype=pl.UInt64)})
    hashes = KeyHashes({"key": pl.col("k").hash()}, tmp_path)
    for begin in range(0, len(keys), batch):
        hashes.add(frame[begin : begin + batch])
    hashes.close()
    return hashes.repeats()["key"]


def expected(keys: list[int | None]) -> Repeats:
    counts = Counter(keys)
    shared = [row for row, key in enumerate(keys) if counts[key] > 1]
    firsts = {key: row for row, key in reversed(list(enumerate(keys)))}
    again = [row for row in shared if firsts[keys[row]] != row]
    return Repeats(len(shared), len(again), tuple(shared[:5]), tuple(again[:5]))


@pytest.mark.parametrize("distinct", [10, 1_000, 4_000, 10**9])
def test_repeats_any_share_of_repeats_counted_and_placed(tmp_path: Path, distinct: int) -> None:
    keys = np.random.default_rng(1).integers(1, distinct, ROWS).tolist()
    assert found(keys, tmp_path) == expected(keys)


@pytest.mark.parametrize("distinct", [10, 4_000, 10**9])
def test_repeats_in_several_partitions_and_reads_counted_as_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distinct: int
) -> None:
    monkeypatch.setattr(repeats, "_PARTITION", 400)
    monkeypatch.setattr(repeats, "_READ", 333)
    keys = np.random.default_rng(2).integers(1, distinct, ROWS).tolist()
    assert found(keys, tmp_path) == expected(keys)


def test_repeats_null_key_never_repeats(tmp_path: Path) -> None:
    hashes = KeyHashes({"key": pl.when(pl.col("k") > 0).then(pl.col("k").hash())}, tmp_path)
    hashes.add(pl.DataFrame({"k": [0, 7, 0, 7, 0]}))
    hashes.close()
    assert hashes.repeats()["key"] == Repeats(2, 1, (1, 3), (3,))


def test_repeats_no_row_nothing_repeats(tmp_path: Path) -> None:
    assert found([], tmp_path) == Repeats()
