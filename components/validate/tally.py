"""Counts a typed table in one pass, and sets aside the rows that are looked at more closely.

The pass goes by batches of a fixed size and adds them up in order: Polars' own streaming sums
differ in their last digits from run to run, as its threads meet in another order each time.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SAMPLED_ROWS = 100_000
# A wide table is looked at in fewer rows, so that the sample stays within about 100 MB.
_SAMPLED_CELLS = 10_000_000
_BATCH_CELLS = 5_000_000
_BATCH_ROWS = (2_500, 100_000)
_SEED = 7
# A longer text is no category that a person would read; only its begin is looked at.
_TEXT = 120
# Hashes kept to count different values: the estimate's standard error is 1/sqrt(2046), 2.2 %.
_HASHES = 2048


class Tally:
    """What all rows of one column add up to.

    Attributes:
        missing: rows without a value.
        zeros: rows with the number 0.
        minimum: the least number, or date as µs since 1970; None before the first.
        maximum: the greatest.
        mean: of the numbers.
        classes: rows by class index, of the target.
    """

    def __init__(self) -> None:
        """Starts with no row."""
        self.missing = self.zeros = self._values = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.mean = self._squares = 0.0
        self.classes: Counter[int] = Counter()
        self._hashes: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def wanted(self, name: str, dtype: pl.DataType, *, private: bool) -> dict[str, pl.Expr]:
        """Returns what to ask of the next batch.

        Args:
            name: the column's.
            dtype: float64, text, datetime (µs), or int64 for class indices.
            private: whether nothing but its missing rows may be looked at.
        """
        column = pl.col(name)
        asked = {"missing": column.null_count()}
        if private:
            return asked
        hashes = column.drop_nulls().hash()
        if len(self._hashes) == _HASHES:
            hashes = hashes.filter(hashes < pl.lit(self._hashes[-1], dtype=pl.UInt64))
        asked["hashes"] = hashes.unique().bottom_k(_HASHES).implode()
        if dtype.is_temporal():
            column = column.cast(pl.Int64)
        if dtype != pl.String:
            asked |= {"minimum": column.min(), "maximum": column.max()}
        if dtype.is_float():
            asked |= {"mean": column.mean(), "variance": column.var(ddof=0)}
            asked |= {"zeros": (column == 0).sum(), "count": column.count()}
        if dtype == pl.Int64:
            asked["classes"] = column.drop_nulls().value_counts().implode()
        return asked

    def add(self, found: Mapping[str, Any]) -> None:
        """Adds a batch's answers to `wanted`."""
        self.missing += found["missing"]
        self.zeros += found.get("zeros") or 0
        if found.get("minimum") is not None:
            low, high = found["minimum"], found["maximum"]
            self.minimum = low if self.minimum is None else min(self.minimum, low)
            self.maximum = high if self.maximum is None else max(self.maximum, high)
        if found.get("count"):
            self._add_moments(found["count"], found["mean"], found["variance"])
        for row in found.get("classes") or ():
            index, count = row.values()
            self.classes[index] += count
        if found.get("hashes"):
            fresh = np.array(found["hashes"], dtype=np.uint64)
            self._hashes = np.union1d(self._hashes, fresh)[:_HASHES]

    def _add_moments(self, count: int, mean: float, variance: float) -> None:
        """Chan, Golub and LeVeque (1979), Updating formulae for computing sample variances."""
        total = self._values + count
        step = mean - self.mean
        self.mean += step * count / total
        self._squares += variance * count + step * step * self._values * count / total
        self._values = total

    @property
    def std(self) -> float:
        """The standard deviation of the numbers, with n in the denominator."""
        return math.sqrt(self._squares / self._values) if self._values else math.nan

    @property
    def distinct(self) -> int:
        """How many different values there are: exact below 2,048.

        Beyond, it is estimated from the least hashes (k minimum values: Beyer et al., On synopses
        for distinct-value estimation under multiset operations, SIGMOD 2007).
        """
        if len(self._hashes) < _HASHES:
            return len(self._hashes)
        return round((_HASHES - 1) / (float(self._hashes[-1]) / 2**64))


@dataclass(frozen=True)
class Counted:
    """What one pass over a typed table gives.

    Attributes:
        rows: how many there are.
        tallies: what they add up to, by column.
        sample: at most 100,000 of them, in order, their texts cut to 120 characters.
    """

    rows: int
    tallies: Mapping[str, Tally]
    sample: pl.DataFrame


class RowCounter:
    """Counts typed rows batch by batch, and samples them.

    The sample takes one row at random, by a fixed seed, of every run of as many rows as there are
    to one looked at (stratified sampling: Cochran, Sampling Techniques, 1977, chapter 5). A plain
    stride would see but one hour of the day where rows are hourly.
    """

    def __init__(
        self, schema: pl.Schema, rows: int, *, private: Iterable[str], hidden: Iterable[str]
    ) -> None:
        """Starts with no row.

        Args:
            schema: of the typed columns.
            rows: how many will come.
            private: columns of which nothing but the missing rows is counted.
            hidden: columns that are no part of the sample.
        """
        self._private, hidden = set(private), set(hidden)
        self._shown = [n for n in schema.names() if n not in hidden and n not in self._private]
        self._chosen = _positions(rows, max(1, len(self._shown)))
        self._tallies = {name: Tally() for name in schema.names()}
        self._sample = [pl.DataFrame(schema={name: schema[name] for name in self._shown})]
        self._rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Adds rows, which follow those before them; columns of other names do not count."""
        _add(batch, self._tallies, self._private)
        first, last = np.searchsorted(self._chosen, [self._rows, self._rows + batch.height])
        places = self._chosen[first:last] - self._rows
        self._sample.append(_take(batch.select(self._shown), places))
        self._rows += batch.height

    def counted(self) -> Counted:
        """Returns the counts and the sample: the same for the same rows in the same order."""
        return Counted(self._rows, self._tallies, pl.concat(self._sample).rechunk())


def batch_rows(columns: int) -> int:
    """Returns how many rows a batch has, so that it is small and still worth starting on."""
    return min(max(_BATCH_CELLS // max(1, columns), _BATCH_ROWS[0]), _BATCH_ROWS[1])


def _positions(total: int, columns: int) -> NDArray[np.int64]:
    most = min(SAMPLED_ROWS, max(1, _SAMPLED_CELLS // columns))
    step = max(1, -(-total // most))
    starts = np.arange(0, total, step, dtype=np.int64)
    within = np.random.default_rng(_SEED).integers(0, step, len(starts))
    return np.asarray(np.minimum(starts + within, total - 1), dtype=np.int64)


def _add(batch: pl.DataFrame, tallies: dict[str, Tally], private: set[str]) -> None:
    # Asked for once: a schema is built anew each time, which for 10,000 columns is everything.
    schema = batch.schema
    asked = {
        (name, key): expression
        for name, tally in tallies.items()
        for key, expression in tally.wanted(name, schema[name], private=name in private).items()
    }
    # By position: a column may bear any name.
    named = [expression.alias(str(at)) for at, expression in enumerate(asked.values())]
    answers = batch.select(named).row(0) if named else ()
    found: dict[str, dict[str, Any]] = {name: {} for name in tallies}
    for (name, key), answer in zip(asked, answers, strict=True):
        found[name][key] = answer
    for name, tally in tallies.items():
        tally.add(found[name])


def _take(batch: pl.DataFrame, positions: NDArray[np.int64]) -> pl.DataFrame:
    texts = [name for name, dtype in batch.schema.items() if dtype == pl.String]
    taken = batch[positions]
    # Out of Polars and back: its texts are views that would keep the whole batch in memory.
    return taken.with_columns(
        pl.Series(name, taken[name].str.head(_TEXT).to_list(), dtype=pl.String) for name in texts
    )
