"""Proves a split on the rows as they were split: complete, disjoint, and with every class.

The entity's equality is judged by another hash than the one that assigned the parts, so that a
fault in that one cannot vouch for itself. Memory does not grow with the rows: hashes are written
to a file once and grouped in partitions of about a million rows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from components.contract import Contract
from components.errors import DataError
from components.prepare.split import PARTS

if TYPE_CHECKING:
    from components.spec import Split

PART: Final = "\0part"
CLASS: Final = "\0class"
ENTITY: Final = "\0entity"
ROW: Final = "\0row"
_PARTITION_ROWS = 1_000_000


@dataclass(frozen=True)
class Tally:
    """What each part holds.

    Attributes:
        rows: by part.
        classes: by part, the rows of each class index; empty for regression.
    """

    rows: tuple[int, ...]
    classes: tuple[dict[int, int], ...]


def tally(marks: pl.LazyFrame, contract: Contract) -> Tally:
    """Counts marked rows by part, and by class where there are classes; no part does not count.

    Args:
        marks: PART and CLASS.
        contract: says whether there are classes.

    Returns:
        The counts.
    """
    keys = [pl.col(PART)]
    if contract.classes is not None:
        keys.append(pl.col(CLASS).cast(pl.Int64))
    counted = (
        marks.filter(pl.col(PART) < len(PARTS))
        .group_by(keys)
        .agg(pl.len().alias("rows"))
        .collect(engine="streaming")
    )
    rows, classes = [0] * len(PARTS), tuple[dict[int, int], ...]({} for _ in PARTS)
    for found in counted.to_dicts():
        rows[found[PART]] += found["rows"]
        if contract.classes is not None:
            classes[found[PART]][found[CLASS]] = found["rows"]
    return Tally(rows=tuple(rows), classes=classes)


def require_enough(counts: Tally, contract: Contract, split: "Split") -> None:
    """Refuses a part that is empty, or in which a class never occurs and cannot be judged.

    Args:
        counts: of all parts.
        contract: names the classes.
        split: how the parts were made.

    Raises:
        DataError: with every part and class, its rows, and what to do.
    """
    labels = contract.classes or ()
    total = {i: sum(part.get(i, 0) for part in counts.classes) for i in range(len(labels))}
    few = {i for i, rows in total.items() if rows < len(PARTS)}
    problems = [
        f"class {labels[i]!r} has {_rows(total[i])} in all, and each part needs one" for i in few
    ]
    for part, rows, classes in zip(PARTS, counts.rows, counts.classes, strict=True):
        absent = [repr(labels[i]) for i in total if i not in classes and i not in few]
        if not rows:
            problems.append(f"{part} has no rows")
        elif absent:
            problems.append(f"{part} ({_rows(rows)}) has no row of {', '.join(absent)}")
    if problems:
        advice = "Use more rows, larger split.test and split.validation, or another split.seed"
        if contract.lineage.fresh is not None:
            advice = (
                "Test is the newest fifth of the fresh rows: wait for more labels "
                "(`monitor.retrain.min_labels`), or run without fresh rows"
            )
        elif few:
            advice = "Leave out the rows of such a class, or give it a label that others have"
        elif split.method == "group":
            advice = f"Use another split.seed, or a split.group of more groups than {split.group!r}"
        elif split.method == "time":
            advice = "Use more rows, larger split.test and split.validation, or split.method random"
        msg = (
            f"the split of {_rows(sum(counts.rows))} leaves too little to learn or judge from: "
            f"{'; '.join(problems)}. {advice}"
        )
        raise DataError(msg)


def require_complete(rows: int, counts: Tally, written: tuple[int, ...]) -> None:
    """Refuses files that do not hold every row in exactly one part.

    Raises:
        DataError: rows were lost or doubled.
    """
    if sum(written) != rows or written != counts.rows:
        msg = (
            f"the split of {rows} rows wrote {written}: expected {counts.rows}, every row in "
            "exactly one part. This is a fault of Kubeloop or of the disk; run it again"
        )
        raise DataError(msg)


def require_order(marked: pl.LazyFrame, timestamp: str) -> None:
    """Refuses parts by time that overlap.

    Args:
        marked: rows with PART.
        timestamp: the column that orders the parts; rows without it do not count.

    Raises:
        DataError: a part begins before the one before it has ended.
    """
    moment = pl.col(timestamp)
    ends = marked.group_by(PART).agg(moment.min().alias("low"), moment.max().alias("high"))
    found = ends.collect(engine="streaming").drop_nulls().sort(PART).rows()
    for (older, _, high), (newer, low, _) in zip(found, found[1:], strict=False):
        if low <= high:
            msg = (
                f"the split by {timestamp!r} overlaps: {PARTS[newer]} begins before {PARTS[older]} "
                "has ended. This is a fault of Kubeloop; use split.method random"
            )
            raise DataError(msg)


def require_apart(marks: Path, rows: int, entity: str) -> None:
    """Refuses parts that share an id or a group.

    Args:
        marks: a Parquet file of PART and ENTITY.
        rows: how many it holds.
        entity: the column's name.

    Raises:
        DataError: with the count of entities in several parts.
    """
    both = 0
    for share in partitions(marks, ENTITY, rows):
        ends = share.group_by(ENTITY).agg(
            pl.col(PART).min().alias("first"), pl.col(PART).max().alias("last")
        )
        split = ends.filter(pl.col("first") != pl.col("last")).select(pl.len())
        both += split.collect(engine="streaming").item()
    if both:
        msg = (
            f"{both} values of {entity!r} are in more than one part of the split: expected each in "
            "one. This is a fault of Kubeloop; use another split.seed"
        )
        raise DataError(msg)


def count_shared(marks: Path, rows: int) -> int:
    """Counts held-out rows that equal a row of an earlier part.

    Args:
        marks: a Parquet file of PART and ROW, a hash of 64 bits of what makes rows equal.
        rows: how many it holds.

    Returns:
        Validation rows that training holds too, and test rows that one of the two holds too; exact
        but for two rows in 2^64 that hash alike.
    """
    shared = 0
    for share in partitions(marks, ROW, rows):
        parts = share.group_by(ROW).agg(
            *((pl.col(PART) == part).sum().alias(name) for part, name in enumerate(PARTS))
        )
        train, validation, test = (pl.col(name) for name in PARTS)
        held = pl.when(train > 0).then(validation).otherwise(0) + pl.when(
            train + validation > 0
        ).then(test).otherwise(0)
        shared += parts.select(held.sum()).collect(engine="streaming").item()
    return shared


def partitions(marks: Path, key: str, rows: int, *more: str) -> list[pl.LazyFrame]:
    """Divides marks into shares of about a million rows, those of one key in one.

    Args:
        marks: a Parquet file of PART and the other columns.
        key: a hash; a row without it is in no share.
        rows: how many it holds.
        more: further columns to read.

    Returns:
        The shares, with PART, the key and those columns.
    """
    count = 1 + rows // _PARTITION_ROWS
    scan = pl.scan_parquet(marks, glob=False).select(PART, key, *more)
    return [scan.filter(pl.col(key) % count == index) for index in range(count)]


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
