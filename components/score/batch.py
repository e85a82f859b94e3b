"""Answers every row of a table by a bundle, in memory that does not grow with the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast, get_args

import polars as pl

from components import bundle
from components.bundle import Manifest
from components.contract import has_text
from components.errors import DataError, SpecError
from components.score.addresses import bring
from components.score.answers import ROW, answer_rows
from components.score.inputs import input_names, key_of, open_input, unknown_columns
from components.score.output import require_writable, written
from components.score.reading import Reader
from components.score.table import Table
from components.score.tally import Tally, describe_problems

Errors = Literal["refuse", "null"]
ERRORS: tuple[str, ...] = get_args(Errors)
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Scored:
    """What became of a table.

    Attributes:
        tally: rows, those without an answer and why, values that training never saw.
        key: the column by which an answer is known: the spec's id, or `row`, counted from 0.
        ignored: columns of the table that neither the model nor its spec knows.
    """

    tally: Tally
    key: str
    ignored: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Returns the counts, as an artifact's metadata holds them."""
        unseen = sum(self.tally.unseen.values())
        return {"rows": self.tally.rows, "refused": self.tally.refused, "unseen": unseen}


def score(
    folder: Path,
    source: Path,
    target: Path,
    *,
    errors: Errors = "refuse",
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> Scored:
    """Answers every row.

    Args:
        folder: the bundle's.
        source: a CSV or Parquet file.
        target: the .csv or .parquet file to write; what is there is replaced at the very end.
        errors: what becomes of rows that break the signature: `refuse` writes nothing, `null`
            leaves their answers empty.
        progress: called after each batch with the rows so far and the share of the table, 0 to 1.

    Returns:
        Counts.

    Raises:
        BundleError: the bundle is damaged.
        SpecError: the target is of an unknown format, or the source itself, or cannot be written.
        DataError: the source cannot be read, is empty or lacks a column; or, with `refuse`, rows
            break the signature; each reason with its count and first rows.
    """
    require_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        msg = f"output {str(target)!r} is the input itself: name another file"
        raise SpecError(msg)
    loaded = bundle.load(folder)
    manifest = loaded.manifest
    table = open_input(manifest, source)
    key = key_of(manifest, table)
    reader = Reader(manifest.signature, manifest.spec)
    wanted = [*dict.fromkeys([*input_names(manifest), *([key] if key else [])])]
    tally = reader.tally
    with written(target) as write:
        for batch in table.read(wanted):
            first = tally.rows
            tensors = reader.read(batch.rows)
            # Once a row has broken the signature, the rest is only counted.
            if errors == "null" or not tally.refused:
                write(_keyed(batch.rows, key, first).hstack(answer_rows(loaded, tensors)))
            progress(tally.rows, batch.share)
        progress(tally.rows, 1.0)
        _require_rows(tally, table)
        if errors == "refuse":
            _require_good(tally, manifest, table)
    return Scored(tally, key or ROW, unknown_columns(manifest, table))


def score_addresses(bundle_at: str, source_at: str, folder: Path, *, errors: str) -> Scored:
    """Answers every row of a table that is somewhere else.

    Args:
        bundle_at: the bundle's address.
        source_at: the table's.
        folder: receives `predictions.parquet`.
        errors: `refuse` or `null`, as in `score`.

    Returns:
        Counts.

    Raises:
        SpecError: `errors` is another word.
        KubeloopError: as `score`.
    """
    if errors not in ERRORS:
        msg = f"errors is {errors!r}: expected {' or '.join(map(repr, ERRORS))}"
        raise SpecError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".score-", dir=folder.parent) as scratch:
        folder_of_bundle = bring(bundle_at, Path(scratch, "bundle"))
        source = bring(source_at, Path(scratch, "source"))
        target = folder / PREDICTIONS
        # Of a task that failed, nothing of an earlier try is to be found.
        target.unlink(missing_ok=True)
        return score(folder_of_bundle, source, target, errors=cast(Errors, errors))


def _keyed(rows: pl.DataFrame, key: str | None, first: int) -> pl.DataFrame:
    if key is None:
        return pl.DataFrame({ROW: pl.int_range(first, first + len(rows), eager=True)})
    column = rows.select(key)
    return column if has_text(column.dtypes[0]) else column.cast(pl.String)


def _require_rows(tally: Tally, table: Table) -> None:
    if not tally.rows:
        msg = f"input {table.name!r} has columns and no rows: expected some"
        raise DataError(msg)


def _require_good(tally: Tally, manifest: Manifest, table: Table) -> None:
    if not tally.refused:
        return
    features = {feature.name: feature for feature in manifest.signature.inputs}
    said = describe_problems(tally, features.values())
    msg = f"input {table.name!r}: {tally.refused:,} of {tally.rows:,} rows break the model's "
    msg += f"signature: {'; '.join(said)}. Mend them, or set errors to 'null' to leave their "
    raise DataError(msg + "answers empty")
