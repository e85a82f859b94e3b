"""Decides for each row whether it trains, validates or tests.

By a keyed hash, so that a row keeps its part while data grows around it, and on every machine; or
by time, so that the newest rows judge what the older ones taught.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from components.contract import Contract, Role, canonical_text
from components.prepare.cuts import Cuts, find_cuts
from components.prepare.hashing import hash_rows, shares
from components.spec import Split

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
"""The parts, by the numbers that `part_of` gives them."""


def part_of(rows: pl.LazyFrame, contract: Contract, split: Split) -> pl.Expr:
    """Returns the part of every row.

    Args:
        rows: typed rows; their values decide the cuts of a split by time.
        contract: names id, group and timestamp.
        split: method, fractions and seed.

    Returns:
        An expression of UInt8, the position in `PARTS`. The parts are disjoint and cover all
        rows; with random and group, a row is `test` when its hash falls below the test fraction,
        so a larger fraction only ever adds rows to it.

    Raises:
        DataError: there are too few moments to split by time.
    """
    if split.method == "time":
        name = contract.named(Role.TIMESTAMP)[0]
        return _by_time(rows, name, find_cuts(rows, name, split))
    entity = entity_of(contract, split)
    if entity is not None:
        # By its text, so that an id keeps its part when a letter in another one turns numbers
        # into text.
        dtype = rows.collect_schema()[entity]
        return hash_part([canonical_text(pl.col(entity), dtype).alias("\0key")], split, contract)
    # Without an id the row itself is the key. What is no feature today may be one when more rows
    # are there, so roles do not matter; private values do, as they depend on a key.
    names = [column.name for column in contract.columns if not column.private]
    return hash_part([pl.col(name) for name in names], split, contract)


def entity_of(contract: Contract, split: Split) -> str | None:
    """Returns the column whose equal values stay in one part; None if each row is by itself."""
    if split.method == "group":
        # A group may be the id, whose role it then has.
        return split.group or contract.named(Role.GROUP)[0]
    ids = contract.named(Role.ID)
    return ids[0] if ids and split.method == "random" else None


def hash_part(key: Sequence[pl.Expr], split: Split, contract: Contract) -> pl.Expr:
    """Returns the part of every row by a hash of some columns.

    Args:
        key: the columns.
        split: fractions and seed.
        contract: names target and classes.

    Returns:
        An expression of UInt8, the position in `PARTS`.
    """
    held = split.test + split.validation
    # A class counts by its label: its index moves when another class turns up.
    labels = {index: str(label) for index, label in enumerate(contract.classes or ())}

    def parts(given: Sequence[pl.Series]) -> pl.Series:
        # Here and not as an expression, which would gather all rows (measured with Polars 2.1).
        columns = [
            column.replace_strict(labels, return_dtype=pl.String)
            if labels and column.name == contract.target
            else column
            for column in given
        ]
        share = shares(hash_rows(columns, split.seed))
        return pl.Series((share < held).astype(np.uint8) + (share < split.test).astype(np.uint8))

    return pl.map_batches(key, parts, return_dtype=pl.UInt8(), is_elementwise=True)


def _by_time(rows: pl.LazyFrame, name: str, cuts: Cuts) -> pl.Expr:
    """A row of the cut's own moment is on the older side; one without a moment trains."""
    column = pl.col(name)
    if rows.collect_schema()[name].is_temporal():
        column = column.dt.epoch("us")
    later = (column > cuts.validation).cast(pl.UInt8) + (column > cuts.test).cast(pl.UInt8)
    return later.fill_null(0).cast(pl.UInt8)
