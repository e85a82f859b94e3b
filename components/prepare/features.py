"""Chooses the features from the training rows, and fixes the signature that clients will see."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.dates.parts import AGE
from components.dates.reading import Moments
from components.errors import DataError
from components.examples import Dropped
from components.prepare.calendar import Date, choose_parts
from components.prepare.redundancy import constant_shares, repeated, told
from components.signature import Feature, Label, Output, Signature
from components.spec import Features

# A signature lists the known categories for people and dashboards; beyond this it lists the most
# frequent ones. Unseen categories are answered either way.
_MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class TrainingRows:
    """The training rows, from which alone anything may be learned.

    Attributes:
        all: every one of them.
        count: how many those are.
        sample: at most 100,000 of them, or all.
    """

    all: pl.LazyFrame
    count: int
    sample: pl.DataFrame


@dataclass
class _Choice:
    """What is kept so far, and what is not and why."""

    kept: list[ColumnContract]
    dropped: list[Dropped] = field(default_factory=list)

    def drop(self, reasons: dict[str, str]) -> None:
        self.dropped += [Dropped(name=name, reason=reason) for name, reason in reasons.items()]
        self.kept = [column for column in self.kept if column.name not in reasons]

    def of(self, wanted: Callable[[ColumnContract], bool]) -> list[ColumnContract]:
        return [column for column in self.kept if wanted(column)]


def candidates(contract: Contract) -> list[ColumnContract]:
    """Lists what may become a feature: the features, and a timestamp that is a date.

    Of the rows' timestamp a model would learn nothing but which rows are fresh where those lack it.
    """
    fresh = contract.lineage.fresh
    return [
        c
        for c in contract.columns
        if c.role is Role.FEATURE or (_is_clock(c) and (fresh is None or c.name in fresh.columns))
    ]


def build_signature(
    contract: Contract, features: Features, train: TrainingRows
) -> tuple[Signature, tuple[Dropped, ...]]:
    """Builds the signature: numbers first, then strings, then dates, each in the source's order.

    Args:
        contract: names the candidate features.
        features: the limits from which a column is no use.
        train: the training rows.

    Returns:
        The signature, and what was left out of it and why. A constant column cannot tell rows
        apart, and standardizing it divides by zero; of two numbers that are one up to a factor and
        a shift, the later one adds noise to a linear model and nothing to a tree.

    Raises:
        DataError: no feature is left.
    """
    choice = _Choice(candidates(contract))
    asked = len(choice.of(lambda c: c.role is Role.FEATURE))
    choice.drop(_constant(choice.kept, features.max_constant, train))
    numbers = choice.of(lambda c: c.type is ColumnType.NUMBER)
    names = [column.name for column in numbers]
    found = repeated(_numbers(train.sample, names), features.max_correlation)
    choice.drop(dict(told(names, found, features.max_correlation)))
    numbers = choice.of(lambda c: c.type is ColumnType.NUMBER)
    strings = choice.of(lambda c: c.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN))
    dates, clock = _dates(choice, train.sample, features.max_correlation)
    inputs = (
        *(_feature(column, dtype="float32") for column in numbers),
        *_strings(strings, train),
        *dates,
    )
    if not numbers and not strings and not any(date.parts for date in dates):
        said = "; ".join(f"{d.name!r} {d.reason}" for d in choice.dropped[:10])
        msg = (
            f"no feature is left: all {asked} candidates tell nothing in the {train.count} "
            f"training rows: {said}"
        )
        raise DataError(msg)
    chosen = {feature.name for feature in inputs}
    signature = Signature(
        inputs=inputs,
        outputs=_outputs(contract.classes),
        ignored=tuple(c.name for c in contract.columns if c.name not in chosen),
        clock=clock,
    )
    return signature, tuple(choice.dropped)


def _constant(columns: list[ColumnContract], above: float, train: TrainingRows) -> dict[str, str]:
    sample = train.sample.select(column.name for column in columns)
    found = constant_shares(sample, train.all, train.count, above)
    reasons = {}
    for name, share in found.items():
        missing = sample[name].null_count() * 2 > len(sample)
        what = "no value" if missing else "one value"
        # Rounded down, so that 100 % means every row.
        percent = int(share * 100_000) / 1000
        reasons[name] = f"has {what} in {percent:g} % of the training rows"
    return reasons


def _numbers(rows: pl.DataFrame, names: list[str]) -> NDArray[np.float64]:
    if not names:
        return np.zeros((len(rows), 0))
    filled = rows.select(pl.col(names).cast(pl.Float64).fill_null(float("nan")))
    return filled.to_numpy()


def _is_clock(column: ColumnContract) -> bool:
    is_date = column.type is ColumnType.DATE and not column.private
    return column.role is Role.TIMESTAMP and is_date


def _dates(choice: _Choice, sample: pl.DataFrame, above: float) -> tuple[list[Feature], str | None]:
    """The date inputs with their parts, and the clock's name where it is one of them."""
    columns = choice.of(lambda c: c.type is ColumnType.DATE)
    clock = next((column.name for column in columns if _is_clock(column)), None)
    dates = [Date(c.name, _moments(sample, c.name), c.name == clock) for c in columns]
    names = [c.name for c in choice.of(lambda c: c.type is ColumnType.NUMBER)]
    chosen = choose_parts(dates, _numbers(sample, names), above)
    idle = [name for name, parts in chosen.items() if not parts and name != clock]
    choice.drop(dict.fromkeys(idle, "tells nothing that other columns do not"))
    # The clock is also an input where it has no part of its own and ages count from it.
    counts_ages = any(AGE in parts for parts in chosen.values())
    kept = [c for c in columns if chosen[c.name] or (c.name == clock and counts_ages)]
    inputs = [_feature(c, dtype="date", formats=c.formats, parts=chosen[c.name]) for c in kept]
    return inputs, clock if clock in {column.name for column in kept} else None


def _moments(rows: pl.DataFrame, name: str) -> Moments:
    moments: Moments = rows[name].cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
    return moments


def _strings(columns: list[ColumnContract], train: TrainingRows) -> list[Feature]:
    known = _categories([c.name for c in columns if c.type is ColumnType.CATEGORY], train)
    return [
        _feature(column, dtype="string", boolean=True, categories=("false", "true"))
        if column.type is ColumnType.BOOLEAN
        else _feature(column, dtype="string", categories=known[column.name])
        for column in columns
    ]


def _feature(column: ColumnContract, **more: object) -> Feature:
    known = {"name": column.name, "nullable": column.nullable, "missing": column.missing}
    return Feature.model_validate(known | more)


def _categories(names: list[str], train: TrainingRows) -> dict[str, tuple[str, ...]]:
    """Counts over all training rows; over the sample where there are too many to count them all."""
    sample = train.sample.lazy()
    if len(train.sample) == train.count or not names:
        sources = dict.fromkeys(names, sample)
    else:
        many = train.sample.select(pl.col(names).n_unique() > _MOST_CATEGORIES).row(0, named=True)
        sources = {name: sample if many[name] else train.all for name in names}
    counts = [
        source.select(pl.col(name).alias("category"))
        .drop_nulls()
        .group_by("category")
        .agg(pl.len().alias("rows"))
        # By name among equals, so that the same rows give the same signature.
        .sort("rows", "category", descending=[True, False])
        .head(_MOST_CATEGORIES)
        for name, source in sources.items()
    ]
    tables = pl.collect_all(counts, engine="streaming")
    return {
        name: tuple(sorted(table["category"].to_list()))
        for name, table in zip(sources, tables, strict=True)
    }


def _outputs(classes: tuple[Label, ...] | None) -> tuple[Output, ...]:
    if classes is None:
        return (Output(name="prediction", dtype="float64"),)
    if all(isinstance(label, bool) for label in classes):
        label = Output(name="label", dtype="bool")
    elif all(isinstance(label, int) for label in classes):
        label = Output(name="label", dtype="int64")
    else:
        label = Output(name="label", dtype="string")
    return (label, Output(name="probabilities", dtype="float64"))
