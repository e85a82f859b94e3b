"""Finds what tells a model nothing: columns of nearly one value, and numbers told before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

# How far a share of a sample of 100,000 may lie from the share of all rows: six standard
# deviations of a half are 0.0095.
_MARGIN = 0.01
# Correlations are computed for so many columns at a time: 512 by 10,000 are 20 MB.
_BLOCK = 512


def constant_shares(
    sample: pl.DataFrame, train: pl.LazyFrame, rows: int, above: float
) -> dict[str, float]:
    """Finds columns in which one value, or its absence, fills nearly every row.

    Args:
        sample: training rows.
        train: all training rows; read only for columns that the sample leaves in doubt.
        rows: how many those are.
        above: the share that is too much; a column of one value alone always is.

    Returns:
        By name, the share (0 to 1) of the sample's most frequent value in all training rows, for
        each column above the limit.
    """
    suspects: dict[str, Any] = {}
    shares: dict[str, float] = {}
    for name in sample.columns:
        counts = sample[name].alias("value").value_counts(name="rows")
        top = counts.sort("rows", "value", descending=[True, False]).row(0)
        shares[name] = top[1] / len(sample)
        if shares[name] > above - _MARGIN or shares[name] == 1:
            suspects[name] = top[0]
    if rows > len(sample) and suspects:
        equal = [
            pl.col(name).eq_missing(pl.lit(value, dtype=sample.schema[name])).sum()
            for name, value in suspects.items()
        ]
        exact = train.select(equal).collect(engine="streaming").row(0, named=True)
        shares |= {name: count / rows for name, count in exact.items()}
    return {name: shares[name] for name in suspects if shares[name] > above or shares[name] == 1}


def repeated(columns: NDArray[np.float64], above: float) -> list[int | None]:
    """Finds numbers that an earlier one already tells, up to a factor and a shift.

    By Pearson's correlation, a missing value counting as the mean: two columns that miss values in
    different rows tell different things, and stay.

    Args:
        columns: (n, columns), NaN is missing.
        above: the correlation, either way, that is too much.

    Returns:
        For each column the position of an earlier one that is kept and tells the same, or its own
        position where it does not vary at all; None for a column to keep.
    """
    scaled = _standardized(columns)
    found: list[int | None] = []
    kept: list[int] = []
    for begin in range(0, scaled.shape[1], _BLOCK):
        block = scaled[:, begin : begin + _BLOCK]
        positions = [*kept, *range(begin, begin + block.shape[1])]
        # Rounding must not lift a correlation of exactly the limit above it.
        alike = np.abs(scaled[:, positions].T @ block) > above + 1e-6
        seen = np.zeros(len(positions), dtype=bool)
        seen[: len(kept)] = True
        before = len(kept)
        for column in range(block.shape[1]):
            position = begin + column
            same = np.flatnonzero(alike[:, column] & seen)
            if not block[:, column].any():
                found.append(position)
            elif len(same):
                found.append(positions[same[0]])
            else:
                found.append(None)
                kept.append(position)
                seen[before + column] = True
    return found


def _standardized(columns: NDArray[np.float64]) -> NDArray[np.float32]:
    """Columns of mean 0 and length 1, missing values 0; all 0 where a column does not vary."""
    scaled = np.zeros(columns.shape, dtype=np.float32)
    for index in range(columns.shape[1]):
        column = columns[:, index].astype(np.float64)
        present = ~np.isnan(column)
        if not present.any() or column[present].min() == column[present].max():
            continue
        # First to about 1: a square of 1e200 is no number.
        column = np.where(present, column / np.abs(column[present]).max(), 0.0)
        column = np.where(present, column - column[present].mean(), 0.0)
        length = np.sqrt((column**2).sum())
        if length > 0:
            scaled[:, index] = column / length
    return scaled


def told(names: Sequence[str], found: Sequence[int | None], above: float) -> Mapping[str, str]:
    """Returns by name why a number of `repeated` is left out."""
    return {
        name: f"correlates above {above:g} with {names[index]!r}"
        for name, index in zip(names, found, strict=True)
        if index is not None and names[index] != name
    }
