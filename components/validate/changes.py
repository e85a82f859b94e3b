"""What changed in the data since the version before."""

import math
from collections.abc import Sequence

import numpy as np

from components.validate.association import rounded
from components.validate.bins import Codes
from components.validate.column_statistics import Bins, ColumnStatistics
from components.validate.statistics import Changes, Retyped, Shift, Statistics

# Added to each bin's rows, so that the logarithm of an empty one is finite (Jeffreys' prior).
_PRIOR = 0.5


def psi(before: Sequence[int], now: Sequence[int]) -> float | None:
    """Computes the population stability index of two counts over the same bins, less its bias.

    PSI = Σ (p − q) ln(p / q) over bins (Siddiqi, Credit Risk Scorecards, 2006). Two samples of one
    distribution have an expected PSI of (B − 1)(1/n + 1/m) for B bins and n and m rows (Yurdakul,
    Statistical Properties of Population Stability Index, 2018), which is subtracted.

    Args:
        before: rows by bin, in the version before.
        now: rows by bin.

    Returns:
        At least 0; None where one has no row. Bins that are empty in both do not count.
    """
    old, new = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    used = (old + new) > 0
    n, m, bins = old.sum(), new.sum(), int(used.sum())
    if not n or not m:
        return None
    p = (new[used] + _PRIOR) / (m + _PRIOR * bins)
    q = (old[used] + _PRIOR) / (n + _PRIOR * bins)
    found = float(((p - q) * np.log(p / q)).sum()) - (bins - 1) * (1 / n + 1 / m)
    return rounded(max(0.0, found))


def compare(
    previous: Statistics,
    columns: tuple[ColumnStatistics, ...],
    rows: int,
    codes: dict[str, Codes],
) -> Changes:
    """Compares a table with the version before.

    Args:
        previous: the version before.
        columns: the table's.
        rows: how many it has.
        codes: by column, the bin of `previous` that each looked-at row falls into.
    """
    before = {column.name: column for column in previous.columns}
    both = [(before[now.name], now) for now in columns if now.name in before]
    names = {column.name for column in columns}
    return Changes(
        rows_before=previous.rows,
        sampled_before=previous.sampled,
        new=tuple(column.name for column in columns if column.name not in before),
        gone=tuple(name for name in before if name not in names),
        retyped=tuple(
            Retyped(name=old.name, before=old.type, after=now.type)
            for old, now in both
            if old.type != now.type
        ),
        shifts=tuple(
            _shift(old, now, (previous.rows, rows), codes.get(old.name)) for old, now in both
        ),
    )


def _shift(
    old: ColumnStatistics, now: ColumnStatistics, rows: tuple[int, int], codes: Codes | None
) -> Shift:
    shown = not (old.withheld or now.withheld) and old.type == now.type
    return Shift(
        name=now.name,
        missing_before=rounded(old.missing / max(1, rows[0])),
        missing=rounded(now.missing / max(1, rows[1])),
        psi=_psi(old.bins, codes) if shown and old.bins and codes is not None else None,
        mean_before=old.numbers.mean if shown and old.numbers else None,
        mean=now.numbers.mean if shown and now.numbers else None,
        new_categories=_new_categories(old, now) if shown else (),
    )


def _psi(bins: Bins, codes: Codes) -> float | None:
    size = len(bins.counts) + 1
    found = psi([*bins.counts, bins.missing], np.bincount(codes, minlength=size).tolist())
    return found if found is None or math.isfinite(found) else None


def _new_categories(old: ColumnStatistics, now: ColumnStatistics) -> tuple[str, ...]:
    if old.categories is None or now.categories is None:
        return ()
    known = {category.name for category in old.categories.top}
    return tuple(c.name for c in now.categories.top if c.name not in known)
