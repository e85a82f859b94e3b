"""Proves a split of which fresh rows are the hold-out, on the rows as they were split."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from components.errors import DataError
from components.fresh import TIME
from components.prepare.proof import PART, ROW, partitions
from components.prepare.split import PARTS, TEST

_TEST: Final = PARTS.index(TEST)


def require_newest(marks: Path, *, by_time: bool) -> None:
    """Refuses a hold-out that is not the newest of the fresh rows, and these alone.

    Args:
        marks: a Parquet file of PART, and of TIME, which is null for a row of the sources.
        by_time: whether the other parts follow each other in time too.

    Raises:
        DataError: a row is on the wrong side of its time.
    """
    moment, part = pl.col(TIME), pl.col(PART)
    rows = pl.scan_parquet(marks, glob=False).filter(part < len(PARTS))
    strange = rows.select(((part == _TEST) & moment.is_null()).sum())
    within = pl.when(part == _TEST).then(2).otherwise(part if by_time else 0)
    ends = (
        rows.filter(moment.is_not_null())
        .group_by(within.alias(PART))
        .agg(moment.min().alias("low"), moment.max().alias("high"))
    )
    found = ends.collect(engine="streaming").sort(PART).rows()
    mixed = any(low <= high for (_, _, high), (_, low, _) in pairwise(found))
    if strange.collect(engine="streaming").item() or mixed:
        msg = (
            "the hold-out is not the newest of the fresh rows: expected each of its rows to be "
            "fresh, and later than all others. This is a fault of Kubeloop; run without fresh rows"
        )
        raise DataError(msg)


def require_unlearned(marks: Path, source: str, rows: int) -> None:
    """Refuses training and validation rows that the sources hold out, or that repeat such a row.

    Args:
        marks: a Parquet file of PART, of ROW, and of the part by the sources' own split.
        source: the name of that column, null for a fresh row.
        rows: how many it holds.

    Raises:
        DataError: with the count of contents that the sources hold out and that are learned.
    """
    own, part = pl.col(source), pl.col(PART)
    held, learned = own == _TEST, own < _TEST
    both = 0
    for share in partitions(marks, ROW, rows, source):
        contents = share.group_by(ROW).agg(
            (held.any() & ~learned.any()).alias("held_out"),
            (part < _TEST).any().alias("used"),
            (held & (part < len(PARTS))).any().alias("itself"),
        )
        wrong = (pl.col("held_out") & pl.col("used")) | pl.col("itself")
        both += contents.select(wrong.sum()).collect(engine="streaming").item()
    if both:
        msg = (
            f"{both} contents of rows that the sources hold out are learned from: expected none. "
            "This is a fault of Kubeloop; run without fresh rows"
        )
        raise DataError(msg)
