"""Decides for each row whether it trains, validates or tests.

By a keyed hash, so that a row keeps its part while data grows around it, and on every machine; or
by time, so that the newest rows judge what the older ones taught.
"""

import numpy as np
import pandas as pd
import polars as pl

from components.contract import Contract, Role, canonical_text
from components.errors import DataError
from components.spec import Split

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
_SEPARATOR = "\x1f"


def part_of(rows: pl.LazyFrame, contract: Contract, split: Split) -> pl.Expr:
    """Returns the part of every row as text.

    Args:
        rows: typed rows; their values decide the cuts of a split by time.
        contract: names id, group and timestamp.
        split: method, fractions and seed.

    Returns:
        An expression of `train`, `validation` and `test`. The parts are disjoint and cover all
        rows; a row is `test` when its hash falls below the test fraction, so a larger fraction
        only ever adds rows to it.
    """
    if split.method == "time":
        return _by_time(rows, contract.named(Role.TIMESTAMP)[0], split)
    return _by_hash(_texts(rows, contract, _key(contract, split)), split)


def _key(contract: Contract, split: Split) -> list[str]:
    if split.method == "group":
        # A group may be the id, whose role it then has.
        return [split.group] if split.group else contract.named(Role.GROUP)
    # Without an id the row itself is the key: its canonical typed values, in the names' order.
    # What is no feature today may be one when more rows are there, so roles do not matter; private
    # values do, as they depend on a key.
    return contract.named(Role.ID) or sorted(c.name for c in contract.columns if not c.private)


def _texts(rows: pl.LazyFrame, contract: Contract, names: list[str]) -> list[pl.Expr]:
    """Canonical texts: a class by its label, as its index moves when another class turns up."""
    schema = rows.collect_schema()
    texts = [canonical_text(pl.col(name), schema[name]) for name in names]
    if contract.classes is not None and contract.target in names:
        labels = {str(index): str(label) for index, label in enumerate(contract.classes)}
        position = names.index(contract.target)
        texts[position] = texts[position].replace_strict(labels, return_dtype=pl.String)
    return [text.fill_null("\0") for text in texts]


def _by_hash(texts: list[pl.Expr], split: Split) -> pl.Expr:
    key = pl.concat_str(texts, separator=_SEPARATOR)
    share = key.map_batches(
        lambda keys: uniform(keys, split.seed), return_dtype=pl.Float64, is_elementwise=True
    )
    return (
        pl.when(share < split.test)
        .then(pl.lit(TEST))
        .when(share < split.test + split.validation)
        .then(pl.lit(VALIDATION))
        .otherwise(pl.lit(TRAIN))
    )


def uniform(keys: pl.Series, seed: int) -> pl.Series:
    """Maps texts to numbers that are stable across runs, machines and library versions.

    SipHash-2-4 keyed by the seed, as pandas computes it for text (`pandas.util.hash_array`).

    Args:
        keys: n texts.
        seed: chooses one of 10^16 independent mappings.

    Returns:
        n float64 in [0, 1), uniform over distinct texts.
    """
    texts = keys.to_numpy().astype(object)
    hashed = pd.util.hash_array(texts, hash_key=f"{seed % 10**16:016d}", categorize=False)
    return pl.Series((hashed >> np.uint64(11)).astype(np.float64) / 2**53)


def _by_time(rows: pl.LazyFrame, timestamp: str, split: Split) -> pl.Expr:
    """Cuts by the rows' own times: rows of one moment are never on two sides."""
    column = pl.col(timestamp)
    if rows.collect_schema()[timestamp].is_temporal():
        column = column.dt.epoch("us")
    cuts = rows.select(
        column.quantile(1 - split.test, "nearest").alias("test"),
        column.quantile(1 - split.test - split.validation, "nearest").alias("validation"),
    ).collect(engine="streaming")
    test, validation = cuts["test"].item(), cuts["validation"].item()
    if test is None or test == validation:
        msg = (
            f"timestamp {timestamp!r} has too few different moments to split by time: expected "
            "several in each part; use split.method random"
        )
        raise DataError(msg)
    return (
        pl.when(column > test)
        .then(pl.lit(TEST))
        .when(column > validation)
        .then(pl.lit(VALIDATION))
        .otherwise(pl.lit(TRAIN))
    )
