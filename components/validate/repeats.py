"""Finds what occurs twice, exactly and in bounded memory.

A 64-bit hash of each key is written to disk once, and looked at in partitions of about a million
rows, so that memory does not grow with the table. Among ten million rows the chance that any two
different keys share a hash is 3 in a million (the birthday bound, n^2 / 2^65).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.validate.failure import PLACES

_PARTITION = 2**20
_ROW = "\0row"


@dataclass
class Repeats:
    """What occurs more than once.

    Attributes:
        shared: rows whose key another row has too.
        again: rows whose key an earlier row has.
        places: positions of the first rows that share.
        places_again: positions of the first rows that come again.
    """

    shared: int = 0
    again: int = 0
    places: tuple[int, ...] = ()
    places_again: tuple[int, ...] = ()


def write_hashes(rows: pl.LazyFrame, keys: Mapping[str, pl.Expr], path: Path) -> pl.LazyFrame:
    """Prepares a query that writes the hashes of keys beside their row's position.

    Args:
        rows: the table.
        keys: by name, what may occur twice; a null never does.
        path: the Parquet file to write.

    Returns:
        A lazy sink, to run together with others over the same rows.
    """
    hashes = [pl.when(key.is_not_null()).then(key.hash()).alias(n) for n, key in keys.items()]
    numbered = rows.with_row_index(_ROW).select(pl.col(_ROW).cast(pl.UInt64), *hashes)
    return numbered.sink_parquet(path, compression="lz4", lazy=True)


def find_repeats(path: Path, names: list[str], rows: int) -> dict[str, Repeats]:
    """Finds repeated keys in written hashes.

    Args:
        path: what `write_hashes` wrote.
        names: the keys.
        rows: how many rows there are.

    Returns:
        What repeats, by key.
    """
    partitions = max(1, -(-rows // _PARTITION))
    found = {}
    for name in names:
        table = pl.scan_parquet(path, glob=False).select(_ROW, name)
        table = table.filter(pl.col(name).is_not_null())
        total = Repeats()
        for index in range(partitions):
            part = table
            if partitions > 1:
                part = table.filter(pl.col(name) % partitions == index)
            _add(total, part, name)
        found[name] = total
    return found


def _add(total: Repeats, part: pl.LazyFrame, name: str) -> None:
    groups = part.group_by(name).agg(pl.len().alias("\0n"), pl.col(_ROW).min().alias("\0first"))
    twice = groups.filter(pl.col("\0n") > 1).collect(engine="streaming")
    if not twice.height:
        return
    total.shared += int(twice["\0n"].sum())
    total.again += int(twice["\0n"].sum()) - twice.height
    members = part.join(twice.lazy(), on=name, how="inner")
    places = members.select(
        pl.col(_ROW).bottom_k(PLACES).implode().alias("all"),
        pl.col(_ROW).filter(pl.col(_ROW) != pl.col("\0first")).bottom_k(PLACES).implode(),
    ).collect(engine="streaming")
    every, again = places.row(0)
    total.places = tuple(sorted((*total.places, *every))[:PLACES])
    total.places_again = tuple(sorted((*total.places_again, *again))[:PLACES])
