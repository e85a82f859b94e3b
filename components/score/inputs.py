"""Holds a table's columns against the model's inputs before a row is read."""

import difflib
from collections import Counter
from pathlib import Path
from typing import Any

from components.bundle import Manifest
from components.errors import DataError
from components.score.answers import schema
from components.score.table import Table, open_table

_PRIVATE = ("drop", "hash", "mask")
_SHOWN = 20


def open_input(manifest: Manifest, source: Path) -> Table:
    """Opens the table and checks that it has every input of the model.

    Raises:
        DataError: it cannot be read, or a column is missing, all named at once, or there twice.
    """
    names, csv = input_names(manifest), manifest.spec.get("csv", {})
    table = open_table(source, names, delimiter=csv.get("delimiter"), encoding=csv.get("encoding"))
    missing = [name for name in names if name not in table.columns]
    # Without a header the names are a row's values, which are not shown.
    header = 2 * len(missing) <= len(names)
    if missing:
        said = "; ".join(_missing(name, table, hint=header) for name in missing[:_SHOWN])
        more = f"; and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        lost = "" if header else ". Its first line looks like a row: is the header missing?"
        msg = f"input {table.name!r} lacks {len(missing)} of the model's {len(names)} inputs: "
        raise DataError(msg + said + more + lost)
    times = Counter(table.columns)
    twice = [name for name in dict.fromkeys(names) if times[name] > 1]
    if twice:
        msg = f"input {table.name!r} has columns twice: {_listed(twice)}; rename one of each"
        raise DataError(msg)
    return table


def _missing(name: str, table: Table, *, hint: bool) -> str:
    near = difflib.get_close_matches(name, table.columns, n=1) if hint else []
    return f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


def input_names(manifest: Manifest) -> list[str]:
    """Returns the names of the model's inputs."""
    return [feature.name for feature in manifest.signature.inputs]


def key_of(manifest: Manifest, table: Table) -> str | None:
    """Returns the id's column, if answers may be known by it.

    A private id is no key: its plain values are written nowhere.
    """
    name = manifest.spec.get("id")
    column: dict[str, Any] = manifest.spec.get("columns", {}).get(name, {})
    if name is None or table.columns.count(name) != 1 or name in schema(manifest):
        return None
    return None if column.get("privacy") in _PRIVATE else str(name)


def unknown_columns(manifest: Manifest, table: Table) -> tuple[str, ...]:
    """Returns the columns that neither the model nor its spec knows."""
    spec = manifest.spec
    known = {*input_names(manifest), *manifest.signature.ignored, *spec.get("drop", [])}
    known |= {spec.get("id"), spec.get("target"), spec.get("timestamp")}
    return tuple(name for name in table.columns if name not in known)


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN]))
