"""The stage's one call: profile, infer, type, check and report."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ROWS, Contract, Lineage
from components.errors import DataError
from components.validate.checks import Failure, Severity, find_failures
from components.validate.inference import infer_columns
from components.validate.profile import profile
from components.validate.report import render
from components.validate.target import class_index, find_classes
from components.validate.typed import typed

if TYPE_CHECKING:
    from components.spec import Spec


@dataclass(frozen=True)
class Checked:
    """What validation found: the contract, its failures, and the report as HTML."""

    contract: Contract
    failures: tuple[Failure, ...]
    html: str

    def raise_refused(self) -> None:
        """Raises `DataError` naming every failure that refuses the data, if there is one."""
        refused = [failure for failure in self.failures if failure.severity is Severity.REFUSE]
        if refused:
            lines = "\n".join(f"  {failure}" for failure in refused)
            ways = "one way" if len(refused) == 1 else f"{len(refused)} ways"
            msg = f"the data breaks its contract in {ways}:\n{lines}"
            raise DataError(msg)


def validate_table(spec: "Spec", lineage: Lineage, table: Path, folder: Path) -> Checked:
    """Types a table by its inferred contract.

    Args:
        spec: declares what the data cannot show.
        lineage: where the rows came from.
        table: the folder that `ingest` wrote, which holds every column that the spec names.
        folder: receives `rows.parquet` (typed; the target as class index or float64, rows without
            a target left out) and `contract.json`.

    Returns:
        The contract, all failures and the report; nothing is raised for them here, so that the
        report is written first.

    Raises:
        DataError: the target has too few or too many classes, or none is the positive one.
    """
    rows = pl.scan_parquet(table / ROWS, glob=False)
    declared = {name: tuple(c.missing) for name, c in spec.columns.items() if c.missing}
    profiles = profile(rows, declared)
    columns = infer_columns(spec, profiles)
    seen = profiles[spec.target]
    target = next(column for column in columns if column.name == spec.target)
    classes = find_classes(rows, spec, target, seen)
    contract = Contract(columns=columns, target=spec.target, classes=classes, lineage=lineage)
    failures = tuple(find_failures(rows, contract, profiles))
    kept = [typed(c, profiles[c.name]) for c in contract.columns if c.name != spec.target]
    answer = typed(target, seen) if classes is None else class_index(target, seen, classes)
    folder.mkdir(parents=True, exist_ok=True)
    typed_rows = rows.select(*kept, answer.alias(spec.target)).filter(
        pl.col(spec.target).is_not_null()
    )
    typed_rows.sink_parquet(folder / ROWS)
    contract.write(folder)
    return Checked(contract, failures, render(spec.name, contract, profiles, failures))
