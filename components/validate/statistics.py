"""What a table holds, in numbers: what the data report draws and the next run compares with.

Nothing here names a row, and nothing but counts is kept of a column whose values are private or
identify somebody. All figures are finite, so that the JSON is valid; what is undefined is null.
"""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from components.contract import ColumnType
from components.signature import Frozen
from components.validate.column_statistics import ColumnStatistics, Finite

STATISTICS = "statistics.json"
FORMAT = 1

Strength = Literal["cramers_v", "correlation_ratio"]


class Correlations(Frozen):
    """Pearson's r between numbers, over the looked-at rows in which both have a value.

    Attributes:
        names: what is compared, in the source's order.
        left_out: how many numbers are not, as there are too many.
        matrix: r by row and column of `names`; None where undefined.
    """

    names: tuple[str, ...] = ()
    left_out: int = 0
    matrix: tuple[tuple[Finite | None, ...], ...] = ()


class Broken(Frozen):
    """One way in which the data breaks its contract; see `components.validate.checks.Failure`."""

    code: str
    column: str
    count: int
    severity: str
    expected: str
    places: tuple[int, ...] = ()


class Shift(Frozen):
    """What changed in one column since the version before.

    Attributes:
        missing_before: share of rows without a value, 0 to 1.
        missing: the share now.
        psi: population stability index less its bias; None where it is not comparable.
        mean_before: of numbers; None for others.
        mean: now.
        new_categories: shown ones that the version before did not show.
    """

    name: str
    missing_before: Finite
    missing: Finite
    psi: Finite | None = None
    mean_before: Finite | None = None
    mean: Finite | None = None
    new_categories: tuple[str, ...] = ()


class Retyped(Frozen):
    """A column that is of another type than in the version before."""

    name: str
    before: ColumnType
    after: ColumnType


class Changes(Frozen):
    """What changed since the version before.

    Attributes:
        rows_before: how many rows it had.
        sampled_before: how many of them it looked at.
        shifts: of every column in both versions, the target among them, in the source's order.
    """

    rows_before: int
    sampled_before: int
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    retyped: tuple[Retyped, ...] = ()
    shifts: tuple[Shift, ...] = ()


class Statistics(Frozen):
    """What a table holds.

    Attributes:
        format: of this document; raised when a reader would misread it.
        rows: with a target.
        fresh: how many of the rows are fresh, those without a target among them.
        rejected: rows that were left out for want of one.
        duplicates: rows that repeat another; None where they were not counted.
        sampled: rows looked at for what is drawn; equal to `rows` for a small table.
        classes: the target's, in the contract's order; None for regression.
        shown: the classes whose shares `Bins.outcome` holds.
        base: the looked-at rows' shares of `shown`, or the target's mean.
        measure: what `ColumnStatistics.strength` is.
        changes: None where there is no version to compare with.
    """

    format: int = FORMAT
    rows: int
    fresh: int = 0
    rejected: int = 0
    duplicates: int | None = None
    sampled: int
    target: str
    classes: tuple[str, ...] | None = None
    shown: tuple[str, ...] = ()
    base: tuple[Finite, ...] = ()
    measure: Strength
    columns: tuple[ColumnStatistics, ...]
    correlations: Correlations = Correlations()
    failures: tuple[Broken, ...] = ()
    changes: Changes | None = None

    def column(self, name: str) -> ColumnStatistics | None:
        """Returns a column by its name, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def write(self, path: Path) -> None:
        """Writes the statistics as JSON; the same statistics are the same bytes."""
        path.write_text(self.model_dump_json(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Statistics | None":
        """Reads statistics; None where there are none, or none of this format, to compare with."""
        try:
            found = cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return found if found.format == FORMAT else None
