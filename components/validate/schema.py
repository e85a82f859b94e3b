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


class RowChecker:
    """Runs checks over a table batch by batch."""

    def __init__(self, checks: Sequence[RowCheck], dtypes: pl.Schema) -> None:
        """Builds the schema.

        Args:
            checks: what every row owes; code and column together name one.
            dtypes: of the typed columns.
        """
        self.found = {(check.column, check.code): Broken() for check in checks}
        named = {check.column for check in checks}
        kept = pl.Schema({name: dtype for name, dtype in dtypes.items() if name in named})
        self._schema = build_schema(checks, kept)
        self._breaks = [c.breaks.any().alias(str(at)) for at, c in enumerate(checks)]
        self._rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Checks rows, which follow those before them; `found` tells how many break what."""
        # Pandera runs checks one after the other; to ask first whether any row of the batch breaks
        # any of them takes a third of its time. The first batch goes to it for the types.
        if self._breaks and (not self._rows or any(batch.select(self._breaks).row(0))):
            for column, code, broken in _failures(self._schema, batch):
                self._add(self.found[column, code], broken)
        self._rows += batch.height

    def _add(self, total: Broken, broken: pl.Series) -> None:
        total.count += int(broken.sum())
        if room := PLACES - len(total.places):
            first = broken.arg_true().head(room).to_list()
            total.places += tuple(self._rows + position for position in first)


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
