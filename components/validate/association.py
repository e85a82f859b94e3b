"""How much each column tells of the target, and how numbers go together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.validate.bins import Codes, Values
from components.validate.statistics import Correlations

_SHOWN_CLASSES = 6
# Matrices of this many numbers are computed, in steps of as many rows, so that memory stays small.
_COMPARED_NUMBERS = 100
_STEP = 10_000
# With fewer rows r lies within ±0.36 of the truth in but 95 of 100 cases (Fisher, 1915).
_FEWEST_ROWS = 30
_DIGITS = 6


@dataclass(frozen=True)
class Answers:
    """The target of the looked-at rows.

    Attributes:
        values: (n,) class index, or number.
        classes: how many there are; None for regression.
        shown: indices of the classes whose shares are told.
    """

    values: NDArray[np.int64] | Values
    classes: int | None
    shown: tuple[int, ...]

    def outcome(self, codes: Codes, size: int) -> tuple[tuple[float, ...], ...]:
        """Returns for each bin the shares of the shown classes, or the mean; () if it is empty."""
        rows = np.bincount(codes, minlength=size)
        columns: list[NDArray[np.float64]] = [
            np.bincount(codes[self.values == index], minlength=size) / np.maximum(rows, 1)
            for index in self.shown
        ]
        if self.classes is None:
            sums = np.bincount(codes, weights=self.values, minlength=size)
            columns = [sums / np.maximum(rows, 1)]
        return tuple(
            tuple(rounded(float(column[at])) for column in columns) if rows[at] else ()
            for at in range(size)
        )

    def strength(self, codes: Codes) -> float | None:
        """Returns how much the bins tell of the target, from 0 to 1; None if that is undefined.

        For classes Cramér's V, corrected for its bias (Bergsma, A bias-correction for Cramér's V
        and Tschuprow's T, 2013); for a number the correlation ratio, the root of the share of its
        variance that lies between bins, corrected likewise (Kelley's epsilon squared, 1935).
        """
        found = _variance(codes, self.values) if self.classes is None else self._cramer(codes)
        return None if found is None or not math.isfinite(found) else rounded(found)

    def _cramer(self, codes: Codes) -> float | None:
        width = self.classes or 1
        index = codes * width + self.values.astype(np.int64)
        table = np.bincount(index, minlength=(int(codes.max(initial=0)) + 1) * width)
        table = table.reshape(-1, width).astype(np.float64)
        table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        (bins, classes), rows = table.shape, float(table.sum())
        if min(bins, classes) < 2:
            return None
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / rows
        square = float(((table - expected) ** 2 / expected).sum() / rows)
        square = max(0.0, square - (bins - 1) * (classes - 1) / (rows - 1))
        most = min(bins - (bins - 1) ** 2 / (rows - 1), classes - (classes - 1) ** 2 / (rows - 1))
        return min(1.0, math.sqrt(square / (most - 1))) if most > 1 else None


def answers(values: Values, classes: int | None) -> Answers:
    """Reads the target.

    Args:
        values: (n,) finite: class index, or number.
        classes: how many classes there are; None for regression.
    """
    if classes is None:
        return Answers(values, None, ())
    index = values.astype(np.int64)
    if classes == 2:
        return Answers(index, classes, (1,))
    counts = np.bincount(index, minlength=classes)
    frequent = np.argsort(-counts, kind="stable")[:_SHOWN_CLASSES]
    return Answers(index, classes, tuple(sorted(frequent.tolist())))


def _variance(codes: Codes, values: NDArray[np.generic]) -> float | None:
    numbers = values.astype(np.float64)
    scale = np.abs(numbers).max(initial=0)
    # Scaled, since the square of a large number is infinite.
    numbers = numbers / scale if scale else numbers
    numbers -= numbers.mean()
    rows = np.bincount(codes)
    bins, total = int((rows > 0).sum()), len(numbers)
    whole = float((numbers**2).sum())
    if bins < 2 or total <= bins or whole == 0:
        return None
    sums = np.bincount(codes, weights=numbers)
    between = float((sums[rows > 0] ** 2 / rows[rows > 0]).sum()) - numbers.sum() ** 2 / total
    within = max(0.0, whole - between) / (total - bins)
    return min(1.0, math.sqrt(max(0.0, (between - (bins - 1) * within) / whole)))


def correlate(columns: dict[str, Values], first: Sequence[str]) -> Correlations:
    """Computes Pearson's r between numbers.

    Args:
        columns: (n,) each, NaN for a missing value, in the source's order.
        first: their names, those to prefer first where there are more than 100.
    """
    chosen = set(first[:_COMPARED_NUMBERS])
    names = tuple(name for name in columns if name in chosen)
    if len(names) < 2:
        return Correlations(left_out=len(columns) - len(names))
    matrix = _pearson([columns[name] for name in names])
    figures = tuple(
        tuple(rounded(float(r)) if math.isfinite(r) else None for r in row) for row in matrix
    )
    return Correlations(names=names, left_out=len(columns) - len(names), matrix=figures)


def _pearson(columns: list[Values]) -> Values:
    """Pairwise complete, from sums over standardized values, in which no digits cancel."""
    size = len(columns)
    pairs, sums, squares, products = (np.zeros((size, size)) for _ in range(4))
    with np.errstate(all="ignore"):
        middle = np.array([np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in columns])
        scale = np.array(
            [np.nanmax(np.abs(c - m), initial=0) for c, m in zip(columns, middle, strict=True)]
        )
        for start in range(0, len(columns[0]), _STEP):
            block = np.column_stack([column[start : start + _STEP] for column in columns])
            block = (block - middle) / np.where(scale > 0, scale, 1)
            there = np.isfinite(block).astype(np.float64)
            block = np.where(there > 0, block, 0)
            pairs += there.T @ there
            sums += block.T @ there
            squares += (block**2).T @ there
            products += block.T @ block
        spread = pairs * squares - sums**2
        found = (pairs * products - sums * sums.T) / np.sqrt(spread * spread.T)
        # What is left of a constant's spread is rounding.
        defined = (pairs >= _FEWEST_ROWS) & (np.minimum(spread, spread.T) > 1e-12 * pairs**2)
        return np.asarray(np.where(defined, np.clip(found, -1, 1), np.nan))


def rounded(figure: float) -> float:
    """Returns a figure to six significant digits: more would differ between processors."""
    return float(f"{figure:.{_DIGITS}g}")
