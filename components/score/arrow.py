"""Arrow's batches as Polars frames: what Polars would crash on is converted or refused here.

Polars trusts what Arrow hands over. Text that is no UTF-8, a decimal of 256 bits or metadata that
is no text end its process with a panic, and a fixed offset is no time zone to it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

BATCH = 32_768


class Batch(NamedTuple):
    """Some rows.

    Attributes:
        rows: at most `BATCH`, of the columns that were asked for.
        share: how much of the table has been read with them, from 0 to 1.
    """

    rows: pl.DataFrame
    share: float


def as_frame(batch: Any, wanted: Sequence[str]) -> pl.DataFrame:
    """Converts a batch.

    Args:
        batch: an Arrow record batch of n rows that has the wanted columns.
        wanted: the columns to take, in this order.

    Returns:
        n rows; codes of categories are their text, moments with a fixed offset are UTC, decimals
        of 256 bits are float64.

    Raises:
        pyarrow.ArrowInvalid: a text is no UTF-8, or the batch is damaged in another way.
    """
    import pyarrow

    columns = [_column(batch.column(name)) for name in wanted]
    # Built anew, a batch carries no metadata, of its own or of a column.
    plain = pyarrow.RecordBatch.from_arrays(columns, names=list(wanted))
    plain.validate(full=True)
    frame = pl.DataFrame(pl.from_arrow(plain))
    coded = [n for n, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return frame.with_columns(pl.col(name).cast(pl.String) for name in coded)


def _column(column: Any) -> Any:
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_decimal256(kind):
        return column.cast(pyarrow.float64())
    if types.is_timestamp(kind) and (kind.tz or "")[:1] in ("+", "-"):
        return column.cast(pyarrow.timestamp(kind.unit, "UTC"))
    return column
