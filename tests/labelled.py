"""Labelled rows as the monitor writes them: GET /v1/models/NAME/labelled.parquet."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def labelled(
    numbers: Mapping[str, Sequence[float | None]],
    strings: Mapping[str, Sequence[str | None]],
    target: tuple[str, Sequence[Any]],
    times: Sequence[datetime] | None = None,
    ids: Sequence[str] | None = None,
) -> pa.Table:
    """A table of a server's float32 as float64, its strings and dates as text, and the labels."""
    name, labels = target
    moments = times or [BEGIN + i * SECOND for i in range(len(labels))]
    columns = {
        column: pa.array(
            [None if v is None else float(np.float32(v)) for v in values], pa.float64()
        )
        for column, values in numbers.items()
    }
    columns |= {column: pa.array(values, pa.string()) for column, values in strings.items()}
    columns[name] = pa.array(labels)
    columns["kubeloop_time"] = pa.array(moments, pa.timestamp("us", tz="UTC"))
    columns["kubeloop_id"] = pa.array(ids or [f"request-{i}" for i in range(len(labels))])
    return pa.table(columns)


def write_labelled(path: Path, *table: Any, **more: Any) -> Path:
    """Writes what `labelled` makes."""
    pq.write_table(labelled(*table, **more), path)
    return path
