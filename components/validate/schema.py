"""The contract of single rows as a Pandera schema, run on the table batch by batch.

Pandera is imported here alone and when it is needed: its import takes longer than most tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from components.validate.failure import PLACES

if TYPE_CHECKING:
    import pandera.polars as pa

# Enough rows that starting a check costs little beside running it, few enough that they are small.
_BATCH = 250_000


@dataclass(frozen=True)
class RowCheck:
    """What every row owes.

    Attributes:
        code: the reason that is reported for a row which breaks it.
        column: the column that is blamed.
        breaks: whether a row breaks it; null does not.
        expected: what was expected, for a person.
    """

    code: str
    column: str
    breaks: pl.Expr
    expected: str


@dataclass
class Broken:
    """How many rows break a check, and the first of them, counting from 0."""

    count: int = 0
    places: tuple[int, ...] = ()


def build_schema(checks: Sequence[RowCheck], dtypes: pl.Schema) -> "pa.DataFrameSchema":
    """Builds the Pandera schema.

    Args:
        checks: each becomes a `Check` of its column, named by its reason.
        dtypes: what the columns are after typing; columns beside them are allowed.

    Returns:
        A schema for Polars frames. Null is for the checks to judge, not for Pandera.
    """
    import pandera.polars as pa

    by_column: dict[str, list[Any]] = {name: [] for name in dtypes}
    for check in checks:
        by_column[check.column].append(
            # One case is kept and never shown: counts and places come from the check's output,
            # and to collect every case would cost more than to check.
            pa.Check(_keeps(check.breaks), name=check.code, n_failure_cases=1)
        )
    columns = {
        name: pa.Column(dtypes[name], checks=found, nullable=True)
        for name, found in by_column.items()
    }
    return pa.DataFrameSchema(columns, strict=False)


def _keeps(breaks: pl.Expr) -> Any:
    kept = ~breaks.fill_null(False)
    return lambda data: data.lazyframe.select(kept)


def run_checks(table: pl.LazyFrame, checks: Sequence[RowCheck]) -> dict[tuple[str, str], Broken]:
    """Runs checks over a whole table.

    Args:
        table: the columns that the checks speak of.
        checks: what every row owes; code and column together name one.

    Returns:
        For every check, by column and code, how many rows break it and where.
    """
    found = {(check.column, check.code): Broken() for check in checks}
    if not checks:
        return found
    dtypes = table.collect_schema()
    named = {check.column for check in checks}
    schema = build_schema(checks, pl.Schema({n: d for n, d in dtypes.items() if n in named}))
    begin = 0
    for batch in table.collect_batches(chunk_size=_BATCH, maintain_order=True, engine="streaming"):
        for column, code, broken in _failures(schema, batch):
            total = found[column, code]
            total.count += int(broken.sum())
            if room := PLACES - len(total.places):
                first = broken.arg_true().head(room).to_list()
                total.places += tuple(begin + position for position in first)
        begin += batch.height
    return found


def _failures(
    schema: "pa.DataFrameSchema", batch: pl.DataFrame
) -> Iterator[tuple[str, str, pl.Series]]:
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:
        # Without this a variable of the environment could switch the checks off.
        with config_context(
            validation_enabled=True,
            validation_depth=ValidationDepth.SCHEMA_AND_DATA,
            use_narwhals_backend=False,
        ):
            schema.validate(batch, lazy=True)
    except SchemaErrors as exc:
        errors = exc.schema_errors
    else:
        return
    for error in errors:
        output = getattr(error, "check_output", None)
        if output is None:
            # A check that itself fails, or a type that is not as built: a bug, so never swallowed.
            raise RuntimeError(f"{error.reason_code}") from error  # noqa: EM102
        column, code = str(error.schema.name), str(error.check.name)
        yield column, code, ~output.to_series()
