"""What one column holds, in numbers; see `components.validate.statistics` for the whole table."""

from typing import Annotated

from pydantic import Field

from components.contract import ColumnType, Role
from components.signature import Frozen

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Histogram(Frozen):
    """Counts of the looked-at rows in bins of one width.

    Attributes:
        low: where the first bin begins.
        high: where the last one ends.
        counts: one a bin.
        below: values under `low`, which a far outlier would otherwise make of the whole picture.
        above: values over `high`, likewise.
    """

    low: Finite
    high: Finite
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


class Outliers(Frozen):
    """Looked-at values beyond Tukey's fences (Exploratory Data Analysis, 1977): 1.5 IQR.

    Attributes:
        low: first quartile less 1.5 times the interquartile range.
        high: third quartile plus as much.
        below: values under `low`.
        above: values over `high`.
    """

    low: Finite
    high: Finite
    below: int
    above: int


class Numbers(Frozen):
    """What a column of numbers holds.

    Attributes:
        zeros: rows with 0, of all rows, as are `minimum`, `maximum`, `mean` and `std`.
        std: standard deviation, with n in the denominator.
        quantiles: those of `QUANTILES`, of the looked-at rows.
        histogram: None where no row has a value.
        outliers: None where the quartiles are one value, which fences nothing.
    """

    zeros: int
    minimum: Finite | None
    maximum: Finite | None
    mean: Finite | None
    std: Finite | None
    quantiles: tuple[Finite, ...] = ()
    histogram: Histogram | None = None
    outliers: Outliers | None = None


class Dates(Frozen):
    """What a column of dates holds.

    Attributes:
        minimum: the earliest of all rows, ISO 8601 in UTC.
        maximum: the latest.
        every: the calendar step of one bin, as in "week".
        starts: where each bin begins, ISO 8601.
        counts: looked-at rows, one a bin.
    """

    minimum: str | None
    maximum: str | None
    every: str = ""
    starts: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()


class Category(Frozen):
    """One category and how many of the looked-at rows hold it; all rows for a target's class."""

    name: str
    count: int


class Categories(Frozen):
    """The most frequent categories.

    Attributes:
        top: by count, then by name.
        rest: rows that hold another one.
        others: how many others there are among the looked-at rows.
    """

    top: tuple[Category, ...]
    rest: int
    others: int


class Bins(Frozen):
    """Looked-at rows in about ten bins, in which versions are compared and the target is held.

    Attributes:
        edges: of numbers and dates (µs since 1970): bin i holds edges[i-1] <= value < edges[i].
        categories: of texts: one bin each, then one for all others.
        counts: rows, one a bin.
        missing: rows without a value.
        outcome: for each bin, then for the missing: the shares of `Statistics.shown` classes, or
            the target's mean; empty for a bin without rows, and where there is no association.
    """

    edges: tuple[Finite, ...] = ()
    categories: tuple[str, ...] | None = None
    counts: tuple[int, ...]
    missing: int
    outcome: tuple[tuple[Finite, ...], ...] = ()


class ColumnStatistics(Frozen):
    """What one column holds.

    Attributes:
        name: as in the contract, as are type, role and reason.
        withheld: why there are counts alone; empty if its values may be shown.
        missing: rows without a value, of all rows.
        distinct: different values in all rows: exact to 2,048, about beyond; None if private.
        strength: how much it tells of the target, 0 to 1; None where that is not asked.
    """

    name: str
    type: ColumnType
    role: Role
    reason: str = ""
    withheld: str = ""
    missing: int
    distinct: int | None = None
    numbers: Numbers | None = None
    dates: Dates | None = None
    categories: Categories | None = None
    bins: Bins | None = None
    strength: Finite | None = None
