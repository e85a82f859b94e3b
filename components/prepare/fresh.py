"""Splits rows of which some are fresh: the newest fifth of those judges champion and challenger.

What the sources hold out in a run without fresh rows stays out of training here too, or the model
that comes of it would later be judged on rows that it knows. It tests nothing either: it tells of
the world as it was. The hold-outs of both kinds are kept out of training by content as well, since
rows come by several ways: someone sends rows of the sources to the endpoint, or the sources grow by
what the endpoint was asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ROW_GROUP, ColumnType, Contract
from components.errors import DataError
from components.fresh import TIME
from components.prepare.cuts import find_cut
from components.prepare.features import candidates
from components.prepare.proof import CLASS, PART, ROW
from components.prepare.split import PARTS, hash_part, part_of
from components.spec import Split

HOLD_OUT: Final = 0.2
"""The share of the fresh rows that judges: the newest fifth."""

SOURCE: Final = "\0source"
"""The part that the sources' own split gives a row; null for a fresh one."""

_FRESH: Final = "\0fresh"
_TRAIN, _VALIDATION, _TEST = range(len(PARTS))
_ASIDE: Final = len(PARTS)
_NONE: Final = 255


@dataclass(frozen=True)
class _Overlap:
    """The contents that fresh rows share with the sources', by their hashes.

    Attributes:
        rows: uint64 (n,), ascending.
        held: bool (n,), whether a row of the fresh hold-out has it.
        count: int64 (n,), how many rows of the sources have it.
        low: uint8 (n,), the first of the parts in which the sources have it.
        high: uint8 (n,), the last of them.
    """

    rows: NDArray[np.uint64]
    held: NDArray[np.bool_]
    count: NDArray[np.int64]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]


def mark_fresh(rows: pl.LazyFrame, contract: Contract, split: Split, marks: Path) -> None:
    """Decides every row's part.

    Of the fresh rows the newest fifth is the test part. The others train and validate by the spec's
    split: by a hash of what they hold; or, by time, the older ones train and the newer validate,
    and then all that the sources do not hold out trains. One that repeats rows of the sources goes
    where those are. Nobody's part is what the sources hold out, nor the one row of them that a row
    of the hold-out repeats: that is the same row twice, while what several rows share is a coarse
    description of different ones.

    Args:
        rows: typed, with `TIME`.
        contract: its lineage tells what fresh rows hold.
        split: method, fractions and seed.
        marks: the Parquet file to write: PART (beyond those that there are for a row that is in
            none), CLASS, ROW (a hash of what a row holds, as both kinds hold it), SOURCE and TIME.

    Raises:
        DataError: the fresh rows have too few different times.
    """
    draft = marks.with_name("draft.parquet")
    _sink(rows.select(_drafted(rows, contract, split)), draft)
    drafted = pl.scan_parquet(draft, glob=False)
    overlap = _find_overlap(drafted)
    by_time = split.method == "time"

    def settle(given: Sequence[pl.Series]) -> pl.Series:
        source, fresh = (series.fill_null(_NONE).to_numpy() for series in given[:2])
        return pl.Series(_settle(source, fresh, given[2].to_numpy(), overlap, by_time=by_time))

    part = pl.map_batches(
        [SOURCE, _FRESH, ROW], settle, return_dtype=pl.UInt8(), is_elementwise=True
    )
    _sink(drafted.select(part.alias(PART), CLASS, ROW, SOURCE, TIME), marks)
    draft.unlink()


def _sink(rows: pl.LazyFrame, path: Path) -> None:
    rows.sink_parquet(
        path, compression="uncompressed", row_group_size=ROW_GROUP, engine="streaming"
    )


def _drafted(rows: pl.LazyFrame, contract: Contract, split: Split) -> list[pl.Expr]:
    """Each row's part by the split of its own kind, and what it holds."""
    is_fresh = pl.col(TIME).is_not_null()
    sources = part_of(rows.filter(~is_fresh), contract, split)
    return [
        pl.when(~is_fresh).then(sources).cast(pl.UInt8).alias(SOURCE),
        pl.when(is_fresh).then(_fresh_part(rows, contract, split)).cast(pl.UInt8).alias(_FRESH),
        pl.col(contract.target).alias(CLASS),
        content(contract).alias(ROW),
        pl.col(TIME),
    ]


def content(contract: Contract) -> pl.Expr:
    """Returns a hash of what a row holds, equal for a row of the sources and the same one fresh.

    Numbers count as the float32 that a server takes them for.
    """
    numbers = {c.name for c in contract.columns if c.type is ColumnType.NUMBER}
    values = [
        pl.col(name).cast(pl.Float32).hash(seed)
        if name in numbers and name != contract.target
        else pl.col(name).hash(seed)
        for seed, name in enumerate(_names(contract))
    ]
    return pl.sum_horizontal(values)


def _names(contract: Contract) -> list[str]:
    return [*(column.name for column in candidates(contract)), contract.target]


def _fresh_part(rows: pl.LazyFrame, contract: Contract, split: Split) -> pl.Expr:
    """The part of a fresh row, before it is compared with the sources'."""
    fresh = rows.filter(pl.col(TIME).is_not_null())
    moment = pl.col(TIME).dt.epoch("us")
    cut = find_cut(fresh, TIME, HOLD_OUT)
    if cut is None:
        raise _too_few_times(1)
    if split.method == "time":
        share = split.validation / (1 - split.test)
        early = find_cut(fresh.filter(moment <= cut), TIME, share)
        if early is None:
            raise _too_few_times(2)
        older = pl.when(moment > early).then(_VALIDATION).otherwise(_TRAIN)
    else:
        hashed = hash_part([pl.col(name) for name in _names(contract)], split, contract)
        # What would test among the sources' rows has no such task here.
        older = pl.when(hashed == _VALIDATION).then(_VALIDATION).otherwise(_TRAIN)
    return pl.when(moment > cut).then(_TEST).otherwise(older)


def _too_few_times(count: int) -> DataError:
    times = "one time" if count == 1 else "two different times"
    return DataError(
        f"the fresh rows have {times} in all, and the newest fifth of them is to judge what was "
        "learned of the older ones: wait for rows of later requests"
    )


def _find_overlap(drafted: pl.LazyFrame) -> _Overlap:
    """Finds what both kinds hold; memory grows with the fresh rows alone."""
    fresh, source = pl.col(_FRESH), pl.col(SOURCE)
    theirs = drafted.filter(fresh.is_not_null()).group_by(ROW).agg((fresh == _TEST).any())
    found = (
        drafted.filter(source.is_not_null())
        .select(ROW, SOURCE)
        .join(theirs, on=ROW, how="inner")
        .group_by(ROW)
        .agg(
            fresh.first().alias("held"),
            pl.len().cast(pl.Int64).alias("count"),
            source.min().alias("low"),
            source.max().alias("high"),
        )
        .collect(engine="streaming")
        .sort(ROW)
    )
    held, count, low, high = (found[name].to_numpy() for name in ("held", "count", "low", "high"))
    return _Overlap(found[ROW].to_numpy(), held, count, low, high)


def _settle(
    source: NDArray[np.uint8],
    fresh: NDArray[np.uint8],
    rows: NDArray[np.uint64],
    overlap: _Overlap,
    *,
    by_time: bool,
) -> NDArray[np.uint8]:
    """Decides the parts of some rows; `source` or `fresh` is _NONE for each."""
    part = np.where(source == _NONE, fresh, source)
    part[source == _TEST] = _ASIDE
    if by_time:
        # What validates has to be younger than all that trains.
        part[source == _VALIDATION] = _TRAIN
    if len(overlap.rows):
        at = np.minimum(np.searchsorted(overlap.rows, rows), len(overlap.rows) - 1)
        known = overlap.rows[at] == rows
        part[known & (source != _NONE) & overlap.held[at] & (overlap.count[at] == 1)] = _ASIDE
        side = overlap.low[at]
        one_side = known & (fresh < _TEST) & (side == overlap.high[at])
        part[one_side & (side == _TEST)] = _ASIDE
        if not by_time:
            part = np.where(one_side & (side != _TEST), side, part)
    return part.astype(np.uint8)
