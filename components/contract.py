"""The data's contract: what each column is, what it may hold, and what it is for.

`validate` infers it from the data and the spec and writes it beside the rows; every later stage
reads its column roles from here and nowhere else.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from components.fresh import Fresh
from components.signature import Frozen, Label

ROWS = "rows.parquet"
# Streams read whole row groups ahead: in 4 million rows of 20 columns, groups of 131,072 rows took
# 468 MB where these take 182.
ROW_GROUP = 32_768
# Within 8 % of the size that zstd's usual level 3 gives, in 85 % of its time (measured on the
# tables of the data benchmark).
COMPRESSION_LEVEL = 1
CONTRACT = "contract.json"


class ColumnType(StrEnum):
    """What a column's values are. Stored as float64, text, text and datetime (UTC)."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"


class Role(StrEnum):
    """What a column is for; everything but a feature is hidden from the model."""

    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    TIMESTAMP = "timestamp"
    GROUP = "group"
    IGNORED = "ignored"


class Lineage(Frozen):
    """Where rows came from.

    Attributes:
        run_id: the run that read them.
        rows: how many there are.
        columns: how many columns they have, without the dropped ones.
        fingerprint: `sha256:…` of the content; row order and file layout do not count.
        fresh: of the rows, which ones are fresh; None where all are the sources'.
    """

    run_id: str
    rows: int
    columns: int
    fingerprint: str
    fresh: Fresh | None = None

    def facts(self) -> dict[str, str | int]:
        """Returns what an artifact's metadata tells; what there is of fresh rows, in their count.

        The rest of `fresh` is a file of the artifact's, because metadata holds no null.
        """
        fresh_rows = self.fresh.rows if self.fresh else 0
        return {**self.model_dump(exclude={"fresh"}), "fresh_rows": fresh_rows}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], folder: Path) -> "Lineage":
        """Reads what `facts` has told, and `fresh.json` of the artifact's folder."""
        known = {name: facts[name] for name in cls.model_fields if name != "fresh"}
        return cls.model_validate({**known, "fresh": Fresh.read(folder)})


class ColumnContract(Frozen):
    """What one column may hold.

    Attributes:
        name: as in the source.
        type: what its values are.
        role: what it is for.
        reason: why it is ignored, else empty.
        nullable: whether a missing value is within the contract.
        missing: texts that read as missing.
        minimum: smallest number allowed, if any.
        maximum: largest number allowed, if any.
        values: the only categories allowed, if declared.
        unique: whether no value may occur twice.
        protected: whether fairness is reported by it.
        private: whether it holds hashed or masked values, which are never a feature.
        formats: of a date, the formats in which it is read, tried in order; for one that the
            source stored as dates, those in which a client may send it.
        decimal: the decimal mark of a number's text.
        thousands: the mark between thousands in it; empty for none.
        clip: quantiles of the training rows between which a number is clipped, if any.
        inferred: whether the type was read off the data and not declared.
    """

    name: str
    type: ColumnType
    role: Role
    reason: str = ""
    nullable: bool = True
    missing: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    unique: bool = False
    protected: bool = False
    private: bool = False
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    clip: tuple[float, float] | None = None
    inferred: bool = True


class Contract(Frozen):
    """The contract of a whole table.

    Attributes:
        columns: in the source's order.
        target: the column to predict.
        classes: the target's classes in the source's type, sorted; for binary negative first.
            None for regression.
        lineage: where the rows came from.
    """

    columns: tuple[ColumnContract, ...]
    target: str
    classes: tuple[Label, ...] | None
    lineage: Lineage

    def named(self, role: Role) -> list[str]:
        """Returns the names of the columns in a role, in the source's order."""
        return [column.name for column in self.columns if column.role is role]

    def write(self, folder: Path) -> None:
        """Writes `contract.json` into a folder."""
        (folder / CONTRACT).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Contract":
        """Reads `contract.json` from a folder."""
        return cls.model_validate_json((folder / CONTRACT).read_text(encoding="utf-8"))


def write_rows(rows: pl.LazyFrame, path: Path) -> None:
    """Writes rows as the Parquet file that the next stage reads, streaming."""
    rows.sink_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        engine="streaming",
    )


def has_text(dtype: pl.DataType) -> bool:
    """Returns whether values of a type can be written as text: no lists, structs or bytes."""
    return not (dtype.is_nested() or dtype in (pl.Binary, pl.Duration, pl.Object))


def canonical_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Writes a column as the text that a client would send for the same value.

    The integer 1, the float 1.0 and the decimal 1.00 are all "1", so that a category, an id or a
    class keeps its name when a missing value elsewhere makes a reader turn integers into floats.
    Text stays as it is, because "1.10" may be another version than "1.1".

    Args:
        column: the values, NaN counting as missing.
        dtype: of the column; one that `has_text` refuses becomes null.

    Returns:
        Text.
    """
    if not has_text(dtype):
        # Null for every row; a bare literal would be one row.
        return pl.when(column.is_null()).then(pl.lit(None, dtype=pl.String))
    if dtype.is_decimal():
        text = column.cast(pl.String).str.replace(r"(\.\d*?)0+$", "$1")
        return text.str.strip_suffix(".")
    if not dtype.is_float():
        return column.cast(pl.String)
    # Beyond 2^53 a float has no unit place, and its digits would be invented.
    whole = (column == column.round()) & (column.abs() < 2**53)
    integer = column.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.when(whole).then(integer).when(column.is_not_nan()).then(column.cast(pl.String))
