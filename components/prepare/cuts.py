"""Finds the moments at which a split by time cuts, in memory that does not grow with the rows.

A sort would hold every moment. Counting them in equal steps between the first and the last, and
again inside the step that holds the wanted rank, needs one pass over one column for each factor of
65,536 in the range, three for a year in microseconds (the bucket search of Munro and Paterson,
Selection and Sorting with Limited Storage, 1980).
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from components.errors import DataError
from components.spec import Split

_STEPS = 65_536
# So many moments are sorted in memory rather than counted again: 8 MB.
_FEW = 1_000_000


@dataclass(frozen=True)
class Cuts:
    """The last moment of training, and the last of validation.

    Attributes:
        validation: rows later than this are held out.
        test: rows later than this are test.
    """

    validation: float
    test: float


def find_cuts(rows: pl.LazyFrame, timestamp: str, split: Split) -> Cuts:
    """Finds the cuts that come nearest to the wanted fractions.

    Args:
        rows: typed rows.
        timestamp: a column of moments or numbers; rows without one do not count.
        split: the fractions.

    Returns:
        Two of the column's own moments (microseconds since 1970, or numbers), so that rows of one
        moment are never on two sides. A moment on the cut belongs to the older part, unless the
        newer one would be left without any.

    Raises:
        DataError: fewer than three moments.
    """
    moments = _moments(rows, timestamp)
    count, low, high = _ends(moments)
    if count and low < high:
        cut = _ranked(moments, count - round(count * split.test) - 1, low, high)
        test = cut if cut < high else _before(moments, high)
        held = round(count * (split.test + split.validation))
        cut = _ranked(moments, count - held - 1, low, high)
        validation = cut if cut < test else _before(moments, test)
        if validation is None:
            # The first moment alone fills training and more.
            validation, test = test, _after(moments, test)
        if test < high:
            return Cuts(validation=validation, test=test)
    different = "1 moment" if count and low == high else "2 moments" if count else "no moment"
    msg = (
        f"timestamp {timestamp!r} has too few different moments to split by time: {different} in "
        f"{count} rows, expected at least 3 and better hundreds; use split.method random"
    )
    raise DataError(msg)


def find_cut(rows: pl.LazyFrame, timestamp: str, share: float) -> float | None:
    """Finds the moment after which the newest share of the rows begins.

    Args:
        rows: typed rows.
        timestamp: a column of moments or numbers; rows without one do not count.
        share: of the rows, above 0 and below 1.

    Returns:
        One of the column's own moments, as `find_cuts` gives them, which belongs to the older
        rows; None where there are not two different ones.
    """
    moments = _moments(rows, timestamp)
    count, low, high = _ends(moments)
    if not count or low == high:
        return None
    cut = _ranked(moments, count - round(count * share) - 1, low, high)
    return cut if cut < high else _before(moments, high)


def _moments(rows: pl.LazyFrame, timestamp: str) -> pl.LazyFrame:
    column = pl.col(timestamp)
    if rows.collect_schema()[timestamp].is_temporal():
        column = column.dt.epoch("us")
    return rows.select(column.alias("moment")).drop_nulls()


def _ends(moments: pl.LazyFrame) -> tuple[Any, ...]:
    """How many moments there are, the first and the last."""
    moment = pl.col("moment")
    ends = moments.select(
        pl.len().alias("rows"), moment.min().alias("low"), moment.max().alias("high")
    )
    return ends.collect(engine="streaming").row(0)


def _before(moments: pl.LazyFrame, bound: float) -> Any:
    """The last moment before another; None if there is none."""
    return moments.filter(pl.col("moment") < bound).max().collect(engine="streaming").item()


def _after(moments: pl.LazyFrame, bound: float) -> Any:
    """The first moment after another, which is not the last."""
    return moments.filter(pl.col("moment") > bound).min().collect(engine="streaming").item()


def _ranked(moments: pl.LazyFrame, rank: int, low: float, high: float) -> float:
    """The moment of a rank, counted from 0; low and high are the first and last of them all."""
    rank = max(rank, 0)
    while low < high:
        within = moments.filter(pl.col("moment").is_between(low, high))
        # Never falls as the moment rises, whatever is lost in rounding; the ends are in different
        # steps, so that every round leaves fewer moments.
        place = (pl.col("moment") - low).cast(pl.Float64) / float(high - low) * (_STEPS - 1)
        steps = (
            within.group_by(place.floor().cast(pl.Int32).alias("step"))
            .agg(
                pl.len().alias("rows"),
                pl.col("moment").min().alias("low"),
                pl.col("moment").max().alias("high"),
            )
            .collect(engine="streaming")
            .sort("step")
        )
        upto = steps["rows"].cum_sum()
        step = int((upto <= rank).sum())
        rank -= int(upto[step - 1]) if step else 0
        _, count, low, high = steps.row(step)
        if low < high and count <= _FEW:
            few = moments.filter(pl.col("moment").is_between(low, high)).collect(engine="streaming")
            found: float = few["moment"].sort()[rank]
            return found
    return low
