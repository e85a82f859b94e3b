"""Finds features that alone give the target away.

Measured on a sample: whether a column tells the target entirely shows in a hundred thousand rows
as in a hundred million, and a sample's error is far below what is asked.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ColumnType, Contract, Role

LOOKED_AT = 100_000
# A wide table is looked at in fewer rows, so that the sample stays within about 100 MB.
_CELLS = 10_000_000
_LEAST = 2_000
# A category of fewer rows tells its target by chance: with ten, one in 2^9 does at even odds.
_FEWEST = 10
_BINS = 50
_ROW = "\0row"
_REST = "\0rest"
_ABSENT = "\0absent"


def sample_of(rows: pl.LazyFrame, count: int, columns: int) -> pl.LazyFrame:
    """Takes a sample that depends on nothing but the rows' number and order.

    Args:
        rows: the table.
        count: how many rows it has.
        columns: how many columns.

    Returns:
        All rows, or about `LOOKED_AT` (fewer of a wide table) spread by a hash of their positions.
    """
    wanted = min(LOOKED_AT, max(_LEAST, _CELLS // max(1, columns)))
    if count <= wanted:
        return rows
    share = int(wanted / count * 2**32)
    # A multiplicative hash (Knuth, TAOCP 3, 6.4): a plain step would follow a table's own rhythm.
    position = pl.col(_ROW).cast(pl.UInt64) * 2654435761 % 2**32
    return rows.with_row_index(_ROW).filter(position < share).drop(_ROW)


def telling(sample: pl.DataFrame, contract: Contract) -> dict[str, float]:
    """Measures how well each feature alone tells the target.

    Args:
        sample: typed rows, with the target as class index or number.
        contract: types and roles.

    Returns:
        By feature, 0 (not at all) to 1 (entirely). Classes: Goodman and Kruskal's lambda (Journal
        of the American Statistical Association 49, 1954), the share of the errors of always naming
        the largest class that knowing the feature avoids, over categories or quantile bins; for
        two classes and a number also twice the distance of the ROC's area from a half, where that
        is more. Numbers: the larger of Spearman's and Pearson's correlation for numbers, the
        correlation ratio (Fisher 1925) for categories.
    """
    target = sample[contract.target]
    labelled = sample.filter(target.is_not_null())
    target = labelled[contract.target]
    if labelled.height < _FEWEST or target.n_unique() < 2:
        return {}
    scores = {}
    for column in contract.columns:
        if column.role is not Role.FEATURE:
            continue
        values = labelled[column.name]
        if column.type is ColumnType.DATE:
            values = values.cast(pl.Int64)
        if column.type is ColumnType.DATE or column.type is ColumnType.NUMBER:
            score = _by_number(values.cast(pl.Float64), target, contract.classes)
        else:
            score = _by_category(values, target, is_class=contract.classes is not None)
        scores[column.name] = score
    return scores


def _by_number(values: pl.Series, target: pl.Series, classes: object) -> float:
    pair = pl.DataFrame({"x": values, "y": target})
    known = pair.drop_nulls()
    distinct = known["x"].n_unique()
    # What is missing in most rows tells too few of them to give all away.
    mostly = known.height >= max(_FEWEST, pair.height / 2) and distinct > 1
    if classes is None:
        return _correlation(known) if mostly else 0.0
    ranks = known["x"].rank("average")
    bins = known["x"] if distinct <= _BINS else (ranks * _BINS / (known.height + 1)).floor()
    # That a value is missing may tell as much as any: a date of leaving, for one.
    absent = pl.DataFrame({"x": [_ABSENT] * (pair.height - known.height)}, schema={"x": pl.String})
    groups = pl.concat([bins.cast(pl.String), absent["x"]])
    labels = pl.concat([known["y"], pair.filter(pl.col("x").is_null())["y"]])
    score = _lambda(groups, labels)
    if mostly and target.n_unique() == known["y"].n_unique() == 2:
        score = max(score, _area(ranks.to_numpy(), known["y"].to_numpy()))
    return score


def _correlation(known: pl.DataFrame) -> float:
    spearman = known.select(pl.corr("x", "y", method="spearman")).item()
    pearson = known.select(pl.corr("x", "y")).item()
    # Undefined (NaN) where either is constant.
    return float(max(abs(value) for value in (0.0, spearman, pearson) if value == value))


def _area(ranks: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Twice the distance from a half of the ROC's area, by the rank sum (Hanley, McNeil 1982)."""
    positive = labels == labels.max()
    count = int(positive.sum())
    others = len(labels) - count
    area = (ranks[positive].sum() - count * (count + 1) / 2) / (count * others)
    return float(abs(2 * area - 1))


def _by_category(values: pl.Series, target: pl.Series, *, is_class: bool) -> float:
    groups = values.fill_null(_ABSENT)
    if is_class:
        return _lambda(groups, target)
    table = pl.DataFrame({"x": _pooled(groups), "y": target})
    mean, spread = table["y"].mean(), table["y"].var(ddof=0)
    if not isinstance(mean, float) or not isinstance(spread, float) or spread <= 0:
        return 0.0
    by_group = table.group_by("x").agg(pl.len().alias("n"), pl.col("y").mean().alias("m"))
    between = by_group.select((pl.col("n") * (pl.col("m") - mean) ** 2).sum()).item()
    return float(between / (spread * table.height))


def _lambda(groups: pl.Series, target: pl.Series) -> float:
    table = pl.DataFrame({"x": _pooled(groups), "y": target})
    counts = table.group_by("x", "y").agg(pl.len().alias("n"))
    right = int(counts.group_by("x").agg(pl.col("n").max()).select(pl.col("n").sum()).item())
    largest = int(counts.group_by("y").agg(pl.col("n").sum()).select(pl.col("n").max()).item())
    wrong = table.height - largest
    return (right - largest) / wrong if wrong else 0.0


def _pooled(groups: pl.Series) -> pl.Series:
    """Puts categories of few rows together: each alone tells its target by chance."""
    table = pl.DataFrame({"x": groups})
    return table.select(
        pl.when(pl.len().over("x") >= _FEWEST).then(pl.col("x")).otherwise(pl.lit(_REST))
    ).to_series()
