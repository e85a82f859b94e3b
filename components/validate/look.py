"""The closer look at a sample of the rows: what one column holds and tells of the target."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.signature import Label
from components.validate.association import Answers, rounded
from components.validate.bins import (
    Codes,
    Values,
    binned,
    bins_of,
    calendar,
    categories,
    category_codes,
    edges,
    histogram,
    number_codes,
    outliers,
)
from components.validate.column_statistics import (
    QUANTILES,
    Categories,
    Category,
    ColumnStatistics,
    Dates,
    Numbers,
)
from components.validate.statistics import Statistics
from components.validate.tally import Tally

# A text column in which nearly every row differs names its rows, as in `validate.inference`.
_NEARLY_UNIQUE = 0.9
_FEW_DISTINCT = 50
_ASKED = (Role.FEATURE, Role.TIMESTAMP)


class Look:
    """The closer look at the sample, column by column."""

    def __init__(
        self,
        contract: Contract,
        sample: pl.DataFrame,
        asked: Answers | None,
        previous: Statistics | None,
    ) -> None:
        """Looks at a sample.

        Args:
            contract: of all columns.
            sample: typed rows, without the columns of which counts alone are told.
            asked: their targets; None where the target is withheld.
            previous: the version to compare with.
        """
        self.contract, self.sample, self.asked = contract, sample, asked
        self.before = {column.name: column for column in previous.columns} if previous else {}
        self.numbers: dict[str, Values] = {}
        self.old_codes: dict[str, Codes] = {}

    def column(
        self, column: ColumnContract, tally: Tally, rows: int, withheld: str
    ) -> ColumnStatistics:
        """Describes one column."""
        distinct = None if column.private else min(tally.distinct, rows - tally.missing)
        nearly = _NEARLY_UNIQUE * (rows - tally.missing)
        texts = column.type is ColumnType.CATEGORY and column.role is not Role.TARGET
        if not withheld and texts and distinct and distinct > max(_FEW_DISTINCT, nearly):
            withheld = "nearly every value differs"
        found = ColumnStatistics(
            name=column.name,
            type=column.type,
            role=column.role,
            reason=column.reason,
            withheld=withheld,
            missing=tally.missing,
            distinct=distinct,
        )
        return found if withheld else self._shown(found, tally)

    def _shown(self, column: ColumnStatistics, tally: Tally) -> ColumnStatistics:
        series = self.sample[column.name]
        if column.role is Role.TARGET and self.contract.classes is not None:
            return self._classes(column, series, tally)
        if series.dtype == pl.String:
            found = categories(series)
            names = binned(found)
            codes = category_codes(series, names)
            self._remember(column, series)
            binning = self._binned(column, codes, (), names)
            return column.model_copy(update={"categories": found, **binning})
        dated = series.dtype.is_temporal()
        numbers = series.cast(pl.Int64).cast(pl.Float64) if dated else series.cast(pl.Float64)
        values = numbers.to_numpy(allow_copy=True)
        present = values[np.isfinite(values)]
        if not dated:
            self.numbers[column.name] = values
            self._remember(column, values)
        cuts = edges(present).tolist()
        described = self._binned(column, number_codes(values, cuts), cuts, None)
        if dated:
            described["dates"] = _dates(series.drop_nulls(), tally)
        else:
            described["numbers"] = _numbers(present, tally)
        return column.model_copy(update=described)

    def _classes(
        self, column: ColumnStatistics, series: pl.Series, tally: Tally
    ) -> ColumnStatistics:
        names = tuple(label_text(label) for label in self.contract.classes or ())
        texts = series.replace_strict(list(range(len(names))), names, return_dtype=pl.String)
        self._remember(column, texts)
        top = tuple(Category(name=n, count=tally.classes[i]) for i, n in enumerate(names))
        bins = bins_of(category_codes(texts, names), (), names)
        found = {"categories": Categories(top=top, rest=0, others=0), "bins": bins}
        return column.model_copy(update=found)

    def _binned(
        self,
        column: ColumnStatistics,
        codes: Codes,
        cuts: Sequence[float],
        names: tuple[str, ...] | None,
    ) -> dict[str, object]:
        bins = bins_of(codes, cuts, names)
        if column.role not in _ASKED or self.asked is None:
            return {"bins": bins}
        outcome = self.asked.outcome(codes, len(bins.counts) + 1)
        return {
            "bins": bins.model_copy(update={"outcome": outcome}),
            "strength": self.asked.strength(codes),
        }

    def _remember(self, column: ColumnStatistics, values: Values | pl.Series) -> None:
        """Keeps the bins of the version before that the rows fall into."""
        old = self.before.get(column.name)
        if old is None or old.bins is None or old.type != column.type:
            return
        if isinstance(values, pl.Series):
            if old.bins.categories is not None:
                self.old_codes[column.name] = category_codes(values, old.bins.categories)
        elif old.bins.categories is None:
            self.old_codes[column.name] = number_codes(values, old.bins.edges)

    def by_strength(self, columns: Iterable[ColumnStatistics]) -> list[str]:
        """Returns the names of the numbers: the target, then those that tell most of it."""
        found = [column for column in columns if column.name in self.numbers]
        found.sort(key=lambda c: (c.role is not Role.TARGET, -(c.strength or 0)))
        return [column.name for column in found]


def _numbers(values: Values, tally: Tally) -> Numbers:
    quantiles = np.quantile(values, QUANTILES).tolist() if len(values) else []
    return Numbers(
        zeros=tally.zeros,
        minimum=_finite(tally.minimum),
        maximum=_finite(tally.maximum),
        mean=_finite(tally.mean) if len(values) else None,
        std=_finite(tally.std),
        quantiles=tuple(rounded(q) for q in quantiles) if np.isfinite(quantiles).all() else (),
        histogram=histogram(values),
        outliers=outliers(values),
    )


def _dates(moments: pl.Series, tally: Tally) -> Dates:
    every, starts, counts = calendar(moments.cast(pl.Int64).to_numpy())
    first, last = (_moment(tally.minimum), _moment(tally.maximum))
    return Dates(minimum=first, maximum=last, every=every, starts=starts, counts=counts)


def _moment(micros: float | None) -> str | None:
    return None if micros is None else str(np.datetime64(int(micros), "us").astype("datetime64[s]"))


def _finite(figure: float | None) -> float | None:
    return None if figure is None or not math.isfinite(figure) else float(f"{figure:.12g}")


def label_text(label: Label) -> str:
    """Returns a class as the report writes it."""
    return str(label).lower() if isinstance(label, bool) else str(label)
