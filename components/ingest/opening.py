"""Opens everything that a spec's sources name, from wherever it is, as lazy tables.

The steps of each source: listed, copied to scratch where it is remote, unpacked there where it is
compressed, made UTF-8 where it is not, and only then read. So whatever can be wrong with a file is
found out and said in one way for all of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from components.errors import DataError
from components.ingest.columns import require_usable
from components.ingest.datasets import dataset
from components.ingest.delimited import scan_delimited
from components.ingest.diagnosis import explain
from components.ingest.encoding import as_utf8
from components.ingest.formats import Format, format_of, shown
from components.ingest.places import find_places
from components.ingest.remote import fetch, find_objects
from components.ingest.scratch import scratch_beside
from components.ingest.unpack import unpack
from components.spec import Csv


class Table(NamedTuple):
    """One opened source.

    Attributes:
        name: the source, as a message may show it.
        rows: its columns, CSV ones and categories as text.
        path: the local file that is read; None for a table that comes with scikit-learn.
        format: how that file is written.
        suspect: what it fails of if it cannot be read to its end; empty where nothing is known.
    """

    name: str
    rows: pl.LazyFrame
    path: Path | None
    format: Format
    suspect: str = ""

    def explain(self, exc: Exception) -> str:
        """Says in one sentence why it cannot be read to its end."""
        if self.suspect:
            return f"source {self.name!r} cannot be read: {self.suspect}"
        return explain(self.name, exc, self.path, self.format)


@contextmanager
def opened(sources: Sequence[str], csv: Csv, folder: Path) -> Iterator[list[Table]]:
    """Opens sources for as long as their rows are read.

    Args:
        sources: paths, globs and addresses.
        csv: the spec's section `csv`.
        folder: the output; copies lie in a scratch folder beside it meanwhile.

    Yields:
        The tables, in the order of the sources, a glob's in the order of their names.

    Raises:
        DataError: one is missing, unreadable, empty or damaged, or of an unknown format.
    """
    with scratch_beside(folder) as scratch:
        places = [found for place in find_places(sources) for found in find_objects(place)]
        tables = []
        for number, place in enumerate(dict.fromkeys(places)):
            # Two sources may have one name.
            own = scratch / f"{number:06d}"
            own.mkdir()
            tables.append(_open(place, csv, own))
        yield tables


def scan(place: str) -> pl.LazyFrame:
    """Opens one local file that is read as it is, or a table that comes with scikit-learn.

    Raises:
        DataError: it cannot be read, or not without a copy of it.
    """
    with TemporaryDirectory(prefix="kubeloop-") as scratch:
        table = _open(place, Csv(), Path(scratch))
        if table.path is not None and Path(scratch) in table.path.parents:
            msg = f"source {table.name!r} is compressed, remote or no UTF-8: copy it as plain text"
            raise DataError(msg)
        return table.rows


def _open(place: str, csv: Csv, scratch: Path) -> Table:
    name = shown(place)
    if place.startswith("sklearn://"):
        rows = dataset(place.removeprefix("sklearn://")).lazy()
        return Table(name, rows, None, Format.PARQUET)
    form, packing = format_of(place)
    path = fetch(place, scratch) if "://" in place else Path(place)
    if packing:
        packed, path = path, scratch / "unpacked"
        unpack(name, packed, packing, path)
        if packed.parent == scratch:
            packed.unlink()
    return _scan(name, path, form, csv, scratch)


def _scan(name: str, path: Path, form: Format, csv: Csv, scratch: Path) -> Table:
    suspect = ""
    try:
        if form is Format.PARQUET:
            table = pl.scan_parquet(path, glob=False)
        elif form is Format.JSON_LINES:
            # RFC 8259: JSON is UTF-8; what has another byte-order mark is read all the same.
            path = as_utf8(name, path, None, scratch)
            # Polars takes a name with brackets for a pattern, and has no switch for it here.
            table = pl.scan_ndjson(escape(str(path)), infer_schema_length=None)
        else:
            table, path, suspect = scan_delimited(name, path, csv, scratch)
        schema = table.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise DataError(explain(name, exc, path, form)) from exc
    require_usable(name, schema.names())
    # The codes of two files' categories differ, their texts do not.
    coded = [n for n, dtype in schema.items() if dtype in (pl.Categorical, pl.Enum)]
    rows = table.with_columns(pl.col(n).cast(pl.String) for n in coded)
    return Table(name, rows, path, form, suspect)
