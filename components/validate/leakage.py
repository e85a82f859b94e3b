"""Finds features that alone give the target away.

Measured on a sample: whether a column tells the target entirely shows in a hundred thousand rows
as in a hundred million, and a sample's error is far below what is asked.
"""

from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ColumnType, Contract, Role

# A category of fewer rows tells its target by chance: with ten, one in 2^9 does at even odds.
_FEWEST = 10
_BINS = 50

_Codes: TypeAlias = NDArray[np.int64]
_Values: TypeAlias = NDArray[np.float64]


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
    labelled = sample.filter(pl.col(contract.target).is_not_null())
    target = labelled[contract.target].cast(pl.Float64).to_numpy()
    found, labels = np.unique(target, return_inverse=True)
    if labelled.height < _FEWEST or len(found) < 2:
        return {}
    is_class = contract.classes is not None
    scores = {}
    for column in contract.columns:
        if column.role is not Role.FEATURE:
            continue
        values = labelled[column.name]
        if column.type in (ColumnType.DATE, ColumnType.NUMBER):
            if column.type is ColumnType.DATE:
                values = values.cast(pl.Int64)
            numbers = values.cast(pl.Float64).to_numpy()
            score = _bins_tell(numbers, labels) if is_class else _line_tells(numbers, target)
        else:
            codes = values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
            score = _lambda(codes, labels) if is_class else _ratio(codes, target)
        scores[column.name] = score
    return scores


def _bins_tell(values: _Values, labels: _Codes) -> float:
    """How well a number (NaN where missing) tells a class."""
    known = ~np.isnan(values)
    distinct, ranks = _ranked(values[known])
    bins = distinct
    if len(distinct) and distinct.max() >= _BINS:
        bins = np.floor(ranks * _BINS / (len(ranks) + 1)).astype(np.int64)
    # That a value is missing may tell as much as any: a date of leaving, for one.
    codes = np.zeros(len(values), dtype=np.int64)
    codes[known] = bins + 1
    score = _lambda(codes, labels)
    if _is_mostly(known, distinct) and labels.max() == 1:
        score = max(score, _area(ranks, labels[known]))
    return score


def _line_tells(values: _Values, target: _Values) -> float:
    """How well a number (NaN where missing) tells a number."""
    known = ~np.isnan(values)
    distinct, ranks = _ranked(values[known])
    if not _is_mostly(known, distinct):
        return 0.0
    answers = target[known]
    return max(_correlation(ranks, _ranked(answers)[1]), _correlation(values[known], answers))


def _is_mostly(known: NDArray[np.bool_], distinct: _Codes) -> bool:
    """What is missing in most rows, or constant, tells too few of them to give all away."""
    count = int(known.sum())
    return count >= max(_FEWEST, len(known) / 2) and int(distinct.max()) > 0


def _ranked(values: _Values) -> tuple[_Codes, _Values]:
    """Each value's position among the different ones, from 0, and its average rank, from 1."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return codes, ranks[codes]


def _correlation(one: _Values, other: _Values) -> float:
    """Pearson's, without its sign; 0 where it is undefined, as either is constant."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        one, other = one - one.mean(), other - other.mean()
        found = abs((one @ other) / np.sqrt((one @ one) * (other @ other)))
    return float(found) if np.isfinite(found) else 0.0


def _area(ranks: _Values, labels: _Codes) -> float:
    """Twice the distance from a half of the ROC's area, by the rank sum (Hanley, McNeil 1982)."""
    positive = labels == 1
    count = int(positive.sum())
    others = len(labels) - count
    if not count or not others:
        return 0.0
    area = (ranks[positive].sum() - count * (count + 1) / 2) / (count * others)
    return float(abs(2 * area - 1))


def _ratio(codes: _Codes, target: _Values) -> float:
    """The share of the target's variance that lies between categories."""
    codes = _pooled(codes)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        away = target - target.mean()
        sizes = np.bincount(codes)
        sums = np.bincount(codes, weights=away)
        between = np.sum(sums[sizes > 0] ** 2 / sizes[sizes > 0])
        found = between / (away @ away)
    return float(found) if np.isfinite(found) else 0.0


def _lambda(codes: _Codes, labels: _Codes) -> float:
    codes, classes = _pooled(codes), int(labels.max()) + 1
    cells = np.bincount(codes * classes + labels, minlength=(int(codes.max()) + 1) * classes)
    table = cells.reshape(-1, classes)
    right, largest = int(table.max(axis=1).sum()), int(table.sum(axis=0).max())
    wrong = len(labels) - largest
    return (right - largest) / wrong if wrong else 0.0


def _pooled(codes: _Codes) -> _Codes:
    """Puts categories of few rows together, as 0: each alone tells its target by chance."""
    is_kept = np.bincount(codes) >= _FEWEST
    return np.where(is_kept, np.cumsum(is_kept), 0)[codes]
