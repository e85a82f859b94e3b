"""Chooses the features from the training rows, and fixes the signature that clients will see."""

import polars as pl

from components.contract import ColumnType, Contract, Role
from components.errors import DataError
from components.signature import Feature, Label, Output, Signature

# A signature lists the known categories for people and dashboards; beyond this it lists the most
# frequent ones. Unseen categories are answered either way.
_MOST_CATEGORIES = 1000


def build_signature(contract: Contract, train: pl.LazyFrame) -> Signature:
    """Builds the signature: numbers first, then strings, each in the source's order.

    Args:
        contract: names the candidate features.
        train: the training rows alone, so that nothing is learned from the others.

    Returns:
        The signature. A column that is constant in the training rows is no feature: it cannot
        tell rows apart, and standardizing it divides by zero.

    Raises:
        DataError: no feature is left.
    """
    names = contract.named(Role.FEATURE)
    distinct = train.select(pl.col(names).n_unique()).collect(engine="streaming").row(0, named=True)
    kept = [c for c in contract.columns if c.role is Role.FEATURE and distinct[c.name] > 1]
    if not kept:
        msg = f"no feature is left: all {len(names)} candidates are constant in the training rows"
        raise DataError(msg)
    numbers = [
        Feature(name=c.name, dtype="float32", nullable=c.nullable, missing=c.missing)
        for c in kept
        if c.type is ColumnType.NUMBER
    ]
    strings = [
        Feature(
            name=c.name,
            dtype="string",
            nullable=c.nullable,
            missing=c.missing,
            categories=_categories(train, c.name),
        )
        for c in kept
        if c.type is not ColumnType.NUMBER
    ]
    chosen = {c.name for c in kept}
    return Signature(
        inputs=(*numbers, *strings),
        outputs=_outputs(contract.classes),
        ignored=tuple(c.name for c in contract.columns if c.name not in chosen),
    )


def _categories(train: pl.LazyFrame, name: str) -> tuple[str, ...]:
    values = train.select(pl.col(name).alias("category")).drop_nulls()
    counts = values.group_by("category").agg(pl.len().alias("rows"))
    # By name among equals, so that the same rows give the same signature.
    order = counts.sort("rows", "category", descending=[True, False]).head(_MOST_CATEGORIES)
    return tuple(sorted(order.collect(engine="streaming")["category"].to_list()))


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
