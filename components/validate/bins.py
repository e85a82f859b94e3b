"""Puts the looked-at values into bins: to be drawn, to be compared, and to hold the target."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.validate.column_statistics import Bins, Categories, Category, Histogram, Outliers

Values = NDArray[np.float64]
Codes = NDArray[np.int64]

_DECILES = np.linspace(0, 1, 11)[1:-1]
_BINNED_CATEGORIES = 20
_NAMED_CATEGORIES = 100
# A category of fewer rows may be one person's: the minimum frequency rule of statistical offices,
# commonly 3 to 10 (Hundepool et al., Statistical Disclosure Control, 2012).
LEAST_ROWS = 5
_FENCE = 1.5
_FEWEST_BARS, _MOST_BARS = 8, 40
_EXTREMES = (0.01, 0.99)

# Calendar steps from fine to coarse: numpy's unit, how many of it, and what people call that.
_STEPS = (
    ("s", 1, "second"),
    ("m", 1, "minute"),
    ("m", 10, "ten minutes"),
    ("h", 1, "hour"),
    ("h", 6, "six hours"),
    ("D", 1, "day"),
    ("D", 7, "week"),
    ("M", 1, "month"),
    ("M", 3, "quarter"),
    ("Y", 1, "year"),
    ("Y", 10, "decade"),
    ("Y", 100, "century"),
    ("Y", 1000, "millennium"),
)
# What to add to numpy's count since 1970, for steps to begin where people's do: 1970 began on a
# Thursday and weeks begin on Mondays; centuries count from year 0.
_SHIFTS = {"week": 3, "year": 1970, "decade": 1970, "century": 1970, "millennium": 1970}


def edges(values: Values) -> Values:
    """Returns the deciles between which values are binned.

    A value that spans deciles, as 0 does in a column of mostly zeros, gets a bin of its own.

    Args:
        values: (n,) finite.

    Returns:
        At most 9, ascending, all above the least value.
    """
    if not len(values):
        return np.empty(0)
    # A value that occurs, because one between two of them can cut an empty bin.
    cuts, times = np.unique(np.quantile(values, _DECILES, method="higher"), return_counts=True)
    distinct = np.unique(values)
    above = np.searchsorted(distinct, cuts[times > 1], side="right")
    found = np.union1d(cuts, distinct[above[above < len(distinct)]])
    return np.asarray(found[found > distinct[0]], dtype=np.float64)


def number_codes(values: Values, cuts: Sequence[float]) -> Codes:
    """Returns the bin of every value: bins by `cuts`, then one for NaN."""
    codes = np.searchsorted(np.asarray(cuts, dtype=np.float64), values, side="right")
    return np.where(np.isnan(values), len(cuts) + 1, codes)


def category_codes(texts: pl.Series, names: Sequence[str]) -> Codes:
    """Returns the bin of every text: one for each name, one for all others, one for null."""
    mapped = texts.replace_strict(
        list(names), list(range(len(names))), default=len(names), return_dtype=pl.Int64
    )
    return np.where(texts.is_null().to_numpy(), len(names) + 1, mapped.to_numpy())


def bins_of(codes: Codes, cuts: Sequence[float], names: tuple[str, ...] | None) -> Bins:
    """Counts the rows of each bin.

    Args:
        codes: from `number_codes` or `category_codes`.
        cuts: the edges of numbers; empty for texts.
        names: the categories of texts; None for numbers.
    """
    size = len(cuts) + 1 if names is None else len(names) + 1
    counts = np.bincount(codes, minlength=size + 1).tolist()
    return Bins(
        edges=tuple(float(cut) for cut in cuts),
        categories=names,
        counts=tuple(counts[:size]),
        missing=counts[size],
    )


def categories(texts: pl.Series) -> Categories:
    """Counts categories, and names the 100 most frequent that hold at least 5 rows."""
    counted = texts.drop_nulls().value_counts(name="\0count").rows()
    ordered = sorted(counted, key=lambda row: (-row[1], row[0]))
    top = [row for row in ordered[:_NAMED_CATEGORIES] if row[1] >= LEAST_ROWS]
    return Categories(
        top=tuple(Category(name=name, count=count) for name, count in top),
        rest=sum(count for _, count in ordered[len(top) :]),
        others=len(ordered) - len(top),
    )


def binned(found: Categories) -> tuple[str, ...]:
    """Returns the names of the categories that get a bin."""
    return tuple(category.name for category in found.top[:_BINNED_CATEGORIES])


def outliers(values: Values) -> Outliers | None:
    """Counts the values beyond Tukey's fences; None where half of them are one value."""
    if not len(values):
        return None
    first, third = np.quantile(values, [0.25, 0.75])
    low, high = first - _FENCE * (third - first), third + _FENCE * (third - first)
    if first == third or not (math.isfinite(low) and math.isfinite(high)):
        return None
    below, above = int((values < low).sum()), int((values > high).sum())
    return Outliers(low=float(low), high=float(high), below=below, above=above)


def histogram(values: Values) -> Histogram | None:
    """Counts values in bins of one width; None where there are none, or they span too much.

    The width is that of Freedman and Diaconis (On the histogram as a density estimator, 1981),
    within 8 to 40 bins; of whole numbers it is whole, lest every second bin stand out. Values
    farther than half its width beyond the middle 98 % are counted apart.
    """
    if not len(values):
        return None
    least, most = np.quantile(values, _EXTREMES)
    low, high = float(values.min()), float(values.max())
    # Halved first, since the difference of two great numbers is infinite.
    room = most / 4 - least / 4
    if most > least:
        with np.errstate(over="ignore"):
            low, high = max(low, least - 2 * room), min(high, most + 2 * room)
    if not math.isfinite(high - low):
        return None
    whole = bool((values == np.round(values)).all()) and high - low < 2**31
    if whole:
        low, high = math.ceil(low) - 0.5, math.floor(high) + 0.5
    inside = values[(values >= low) & (values <= high)]
    bars = _bars(inside, high - low)
    if whole:
        width = 1 if high - low <= _MOST_BARS else math.ceil((high - low) / bars)
        bars = math.ceil((high - low) / width)
        high = low + bars * width
    counts, drawn = np.histogram(inside, bins=bars, range=(low, high))
    return Histogram(
        low=float(drawn[0]),
        high=float(drawn[-1]),
        counts=tuple(counts.tolist()),
        below=int((values < low).sum()),
        above=len(values) - int((values < low).sum()) - int(counts.sum()),
    )


def _bars(values: Values, span: float) -> int:
    first, third = np.quantile(values, [0.25, 0.75])
    width = 2 * (third - first) / len(values) ** (1 / 3)
    wanted = math.ceil(min(span / width, _MOST_BARS)) if width > 0 else _MOST_BARS // 2
    return max(_FEWEST_BARS, wanted)


def calendar(moments: Codes) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """Counts dates in the finest calendar step that gives at most 40 bins.

    Args:
        moments: (n,) µs since 1970, UTC.

    Returns:
        The step's name, where each bin begins (ISO 8601), and its rows.
    """
    if not len(moments):
        return "", (), ()
    found = moments.view("datetime64[us]")
    for unit, step, name in _STEPS:
        shift = _SHIFTS.get(name, 0)
        number = (found.astype(f"datetime64[{unit}]").astype(np.int64) + shift) // step
        first, last = int(number.min()), int(number.max())
        if last - first < _MOST_BARS:
            break
    begins = (np.arange(first, last + 1) * step - shift).astype(f"datetime64[{unit}]")
    counts = np.bincount(number - first, minlength=last - first + 1)
    return name, tuple(str(begin) for begin in begins), tuple(counts.tolist())
