"""Labelled examples: what `prepare` hands to `train`, `evaluate` and `package`.

One folder for each part of the split, holding the rows as Parquet and their schema as JSON. Reading
one gives the very tensors that a server builds from a request, so training and serving share the
dtype: trees flip at their thresholds when it differs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ROWS, Lineage, canonical_text
from components.dates.reading import Moments, parse, render
from components.fresh import TIME
from components.signature import Frozen, Label, Numbers, Signature, Strings, with_dates

SCHEMA = "examples.json"


class Dropped(Frozen):
    """A column that could have been a feature and is none, and why."""

    name: str
    reason: str


class ExampleSchema(Frozen):
    """What the rows of a part are.

    Attributes:
        signature: the model's inputs and outputs.
        target: the target's column.
        classes: in the order of the model's probabilities; None for regression.
        lineage: where the rows came from.
        dropped: what the training rows showed to be no use; the rows still hold these columns,
            as an earlier model may have learned from them.
        shared_rows: held-out rows that equal a row of an earlier part in all features and the
            target, though they are rows of their own.
        set_aside: rows that are in no part: what the sources hold out where fresh rows judge, and
            what repeats it or the fresh hold-out.
    """

    signature: Signature
    target: str
    classes: tuple[Label, ...] | None
    lineage: Lineage
    dropped: tuple[Dropped, ...] = ()
    shared_rows: int = 0
    set_aside: int = 0


@dataclass(frozen=True)
class Examples:
    """One part of the split in memory.

    Attributes:
        schema: what the columns are.
        numbers: float32 (n, number_columns), NaN is missing; the last ones are parts of dates.
        strings: object (n, strings) of str, "" is missing.
        target: int64 (n,) class indices, or float64 (n,) values.
        moments: datetime64[us] (n,) for each date of the signature, UTC, NaT is missing.
        fresh: bool (n,), which rows are fresh; None where none can be.
    """

    schema: ExampleSchema
    numbers: Numbers
    strings: Strings
    target: NDArray[np.int64] | NDArray[np.float64]
    moments: tuple[Moments, ...] = ()
    fresh: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.target)

    def taken(self, chosen: NDArray[np.bool_]) -> "Examples":
        """Returns some of the rows.

        Args:
            chosen: bool (n,).
        """
        return Examples(
            schema=self.schema,
            numbers=self.numbers[chosen],
            strings=self.strings[chosen],
            target=self.target[chosen],
            moments=tuple(moments[chosen] for moments in self.moments),
            fresh=None if self.fresh is None else self.fresh[chosen],
        )


def write_schema(folder: Path, schema: ExampleSchema) -> None:
    """Writes the schema into a part's folder."""
    (folder / SCHEMA).write_text(schema.model_dump_json(indent=1), encoding="utf-8")


def read_schema(folder: Path) -> ExampleSchema:
    """Reads the schema of a part's folder."""
    return ExampleSchema.model_validate_json((folder / SCHEMA).read_text(encoding="utf-8"))


def read_examples(folder: Path) -> Examples:
    """Reads one part of the split as tensors.

    Args:
        folder: as `prepare` wrote it; rows hold the features as float64, text or datetime (UTC),
            and the target as a class index (int64) or value (float64).

    Returns:
        The examples.
    """
    schema = read_schema(folder)
    rows = _read_columns(folder, schema.signature, schema.target)
    numbers, strings = feature_tensors(rows, schema.signature)
    moments = date_moments(rows, schema.signature)
    fresh = rows[TIME].is_not_null().to_numpy() if TIME in rows.columns else None
    target = rows[schema.target].to_numpy()
    return Examples(schema, numbers, strings, target, tuple(moments), fresh)


def read_tensors(folder: Path, signature: Signature) -> tuple[Numbers, Strings]:
    """Reads one part of the split as another model's tensors: a champion's.

    A part also holds columns that were left out of its own signature, because a champion may have
    learned them; a column that is there no more is missing to it, as it is to the clients that call
    it now.

    Args:
        folder: as `prepare` wrote it.
        signature: the other model's.

    Returns:
        float32 (n, number_columns) with NaN for null, and object (n, strings) with "" for null.
    """
    target = read_schema(folder).target
    return feature_tensors(_read_columns(folder, signature, target), signature)


def _read_columns(folder: Path, signature: Signature, target: str) -> pl.DataFrame:
    """Reads the columns of a signature that are there, and the target, which keeps the count."""
    rows = pl.scan_parquet(folder / ROWS, glob=False)
    present = set(rows.collect_schema().names())
    wanted = dict.fromkeys([*(feature.name for feature in signature.inputs), target, TIME])
    return rows.select(name for name in wanted if name in present).collect()


def feature_tensors(rows: pl.DataFrame, signature: Signature) -> tuple[Numbers, Strings]:
    """Turns typed columns into a model's two tensors.

    Args:
        rows: n rows; a column that the signature names and the rows lack counts as missing.
        signature: names and orders the inputs.

    Returns:
        float32 (n, number_columns) with NaN for null, and object (n, strings) with "" for null.
    """
    numbers = np.full((len(rows), len(signature.numbers)), np.nan, dtype=np.float32)
    for index, name in enumerate(signature.numbers):
        if name in rows.columns:
            column = rows[name].cast(pl.Float32, strict=False).fill_null(float("nan"))
            numbers[:, index] = column.to_numpy()
    strings = np.full((len(rows), len(signature.strings)), "", dtype=object)
    for index, name in enumerate(signature.strings):
        if name in rows.columns:
            text = canonical_text(pl.col(name), rows.schema[name]).fill_null("")
            strings[:, index] = rows.select(text.alias(name)).to_series().to_numpy()
    return with_dates(signature, numbers, date_moments(rows, signature)), strings


def date_moments(rows: pl.DataFrame, signature: Signature) -> list[Moments]:
    """Reads the signature's dates out of typed columns.

    Args:
        rows: n rows; dates as text are read by the signature's formats, as a server reads them.
        signature: names the dates.

    Returns:
        datetime64[us] (n,) for each date, UTC; NaT where it is null or not there.
    """
    moments = []
    for date in signature.dates:
        if date.name not in rows.columns:
            moments.append(np.full(len(rows), "NaT", dtype="datetime64[us]"))
        elif rows.schema[date.name] == pl.String:
            moments.append(parse(rows[date.name].to_list(), date.formats))
        else:
            column = rows[date.name].cast(pl.Datetime("us"))
            moments.append(column.to_numpy().astype("datetime64[us]"))
    return moments


def client_rows(
    examples: Examples, chosen: NDArray[np.int64] | None = None
) -> list[dict[str, float | str | None]]:
    """Writes examples as a client would send them.

    Args:
        examples: n rows.
        chosen: int64 (m,) positions of the rows to write; None for all.

    Returns:
        For each row its inputs by name: numbers by the shortest decimals that read as the same
        float32 (13.71, not 13.710000038146973), dates as text, None where a value is missing.
    """
    signature = examples.schema.signature
    rows = slice(None) if chosen is None else chosen
    columns: list[list[float | str | None]] = []
    for index in range(len(signature.numbers)):
        values = examples.numbers[rows, index].astype(str).astype(float).tolist()
        columns.append([None if np.isnan(value) else value for value in values])
    for index in range(len(signature.strings)):
        columns.append([text or None for text in examples.strings[rows, index].tolist()])
    for date, moments in zip(signature.dates, examples.moments, strict=True):
        columns.append(_date_texts(moments[rows], date.formats))
    names = (*signature.numbers, *signature.strings, *(date.name for date in signature.dates))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _date_texts(moments: Moments, formats: tuple[str, ...]) -> list[float | str | None]:
    """Writes moments in the first of the formats that keeps all of them, else most."""
    best: list[str | None] = []
    most = -1
    for form in formats:
        texts = render(moments, form)
        kept = int(((parse(texts, formats) == moments) | np.isnat(moments)).sum())
        if kept > most:
            best, most = texts, kept
        if kept == len(moments):
            break
    return list(best)
