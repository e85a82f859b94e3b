"""The labelled rows of a model as a table: what a retraining run calls fresh.

Sorting is the database's, which spills to its disk; what is held here is one batch and one event.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final

import pyarrow as pa

from components.monitor.storage.connection import Connection, Row
from components.monitor.storage.pool import Pool
from components.monitor.storage.records import CHECKS
from components.monitor.versions import Label, Version, Versions
from components.monitor.wire import is_number

TIME: Final = "kubeloop_time"
ID: Final = "kubeloop_id"

_CELLS: Final = 250_000
"""Values of one batch at most, about 20 MB as Python objects; at least one row."""
_ROWS: Final = 5_000
_EVENTS: Final = 200
"""Events whose features are asked for at a time."""

# By the prediction's own time, or when it came where the sender's clock was ahead.
_AT: Final = "CASE WHEN e.time < e.received THEN e.time ELSE e.received END"

_LABELS: Final = f"""
SELECT e.key, l.row, {_AT} AS moment, l.label FROM labels l JOIN events e ON e.key = l.event
WHERE l.model = ? AND l.received >= ? AND l.received < ? AND l.registered = 1
    AND e.features IS NOT NULL AND e.id NOT LIKE ?
ORDER BY moment, e.key, l.row
"""  # noqa: S608
_FEATURES: Final = f"""
SELECT e.key, e.id, e.rows, e.features FROM events e WHERE e.key IN ({", ".join("?" * _EVENTS)})
ORDER BY {_AT}, e.key
"""  # noqa: S608

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The table's columns.

    Attributes:
        schema: of every batch.
        inputs: the value of a cell by the name of each input.
        label: a label in the table's type; None where it is none of it.
        rows: of a batch.
    """

    schema: pa.Schema
    inputs: Mapping[str, Callable[[Any], Any]]
    label: Callable[[Label], Label | None]
    rows: int


def read_labelled(
    pool: Pool, versions: Versions, model: str, span: tuple[int, int]
) -> Iterator[pa.RecordBatch]:
    """Reads the rows whose label came within [since, until), as `Reader.labelled_table` says.

    Args:
        pool: lends a connection for as long as it takes.
        versions: the registered versions.
        model: the model's name.
        span: since and until, microseconds since 1970, UTC.

    Returns:
        The batches; each is read when it is asked for.

    Raises:
        ValueError: no version of the model is registered.
    """
    numbers = [number for name, number in versions if name == model]
    if not numbers:
        msg = (
            f"no version of {model!r} is registered: expected one that says which columns there are"
        )
        raise ValueError(msg)
    return _batches(pool, _layout(versions[model, max(numbers)]), model, span)


def _batches(
    pool: Pool, layout: _Layout, model: str, span: tuple[int, int]
) -> Iterator[pa.RecordBatch]:
    empty, dropped = True, 0
    with pool.separate() as connection, connection.snapshot():
        rows = _rows(connection, layout, (model, *span, CHECKS))
        while batch := list(islice(rows, layout.rows)):
            kept = [row for row in batch if row[-1] is not None]
            dropped += len(batch) - len(kept)
            if kept:
                empty = False
                yield _batch(layout, kept)
    if empty:
        yield _batch(layout, [])
    if dropped:
        _log.warning("labels are no value of the newest version model=%s count=%d", model, dropped)


def _rows(
    connection: Connection, layout: _Layout, span: tuple[str, int, int, str]
) -> Iterator[tuple[Any, ...]]:
    """Yields id, time, cells and label of each row, in the order of time."""
    events = groupby(connection.stream(_LABELS, span), key=lambda row: row[0])
    found = ((key, list(rows)) for key, rows in events)
    while group := list(islice(found, _EVENTS)):
        keys = [key for key, _ in group]
        padded = keys + keys[-1:] * (_EVENTS - len(keys))
        stored = connection.stream(_FEATURES, padded, at_once=10)
        for (_, labels), event in zip(group, stored, strict=True):
            yield from _cells(layout, event, labels)


def _cells(layout: _Layout, event: Row, labels: list[Row]) -> Iterator[tuple[Any, ...]]:
    _, identity, rows, text = event
    features = json.loads(text)
    columns = [(features.get(name), fit) for name, fit in layout.inputs.items()]
    for _, row, moment, label in labels:
        cells = [None if column is None else fit(column[row]) for column, fit in columns]
        name = identity if rows == 1 else f"{identity}:{row}"
        yield (name, moment, cells, layout.label(json.loads(label)))


def _batch(layout: _Layout, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    cells = [list(column) for column in zip(*(row[2] for row in rows), strict=True)]
    columns = cells or [[] for _ in layout.inputs]
    columns += [[row[3] for row in rows], [row[1] for row in rows], [row[0] for row in rows]]
    arrays = [
        pa.array(column, type=field.type)
        for column, field in zip(columns, layout.schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=layout.schema)


def _layout(version: Version) -> _Layout:
    numbers = {name: dtype == "float32" for name, dtype in version.inputs.items()}
    fields = [pa.field(n, pa.float64() if number else pa.string()) for n, number in numbers.items()]
    target = json.loads(version.bundle).get("spec", {}).get("target", "label")
    kind = float if version.classes is None else type(version.classes[0])
    types = {float: pa.float64(), bool: pa.bool_(), int: pa.int64(), str: pa.string()}
    fields += [
        pa.field(target, types[kind]),
        pa.field(TIME, pa.timestamp("us", tz="UTC")),
        pa.field(ID, pa.string()),
    ]
    return _Layout(
        schema=pa.schema(fields),
        inputs={name: _number if number else _text for name, number in numbers.items()},
        label=_label(version, kind),
        rows=max(1, min(_ROWS, _CELLS // len(fields))),
    )


def _label(version: Version, kind: type) -> Callable[[Label], Label | None]:
    def fit(label: Label) -> Label | None:
        if kind is float:
            return float(label) if is_number(label) else None
        known = version.match(label)
        # A class of an earlier version, which may be one of the data again.
        return label if known is None and type(label) is kind else known

    return fit


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
