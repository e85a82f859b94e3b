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
            msg = f"the data breaks its contract in {len(refused)} ways:\n{lines}"
            raise DataError(msg)


def validate_table(spec: "Spec", lineage: Lineage, table: Path, folder: Path) -> Checked:
    """Types a table by its inferred contract.

    Args:
        spec: declares what the data cannot show.
        lineage: where the rows came from.
        table: the folder that `ingest` wrote.
        folder: receives `rows.parquet` (typed; the target as class index or float64, rows without
            a target left out) and `contract.json`.

    Returns:
        The contract, all failures and the report; nothing is raised for them here, so that the
        report is written first.

    Raises:
        DataError: a column that the spec names is not there, or the target cannot be read.
    """
    rows = pl.scan_parquet(table / ROWS)
    _require_columns(spec, rows.collect_schema().names())
    declared = {name: tuple(c.missing) for name, c in spec.columns.items() if c.missing}
    profiles = profile(rows, declared)
    classes = find_classes(rows, spec, profiles[spec.target])
    contract = Contract(
        columns=infer_columns(spec, profiles),
        target=spec.target,
        classes=classes,
        lineage=lineage,
    )
    failures = tuple(find_failures(rows, contract, profiles))
    kept = [typed(c, profiles[c.name]) for c in contract.columns if c.name != spec.target]
    target = (
        typed(next(c for c in contract.columns if c.name == spec.target), profiles[spec.target])
        if classes is None
        else class_index(spec.target, classes).alias(spec.target)
    )
    folder.mkdir(parents=True, exist_ok=True)
    typed_rows = rows.select(*kept, target).filter(pl.col(spec.target).is_not_null())
    typed_rows.sink_parquet(folder / ROWS)
    contract.write(folder)
    return Checked(contract, failures, render(spec.name, contract, profiles, failures))


def _require_columns(spec: "Spec", present: list[str]) -> None:
    wanted = {"id": spec.id, "timestamp": spec.timestamp, "split.group": spec.split.group}
    lacking = [f"{key}: {name!r}" for key, name in wanted.items() if name and name not in present]
    lacking += [
        f"columns.{name}"
        for name, column in spec.columns.items()
        if name not in present and column.privacy != "drop" and name not in spec.drop
    ]
    if lacking:
        msg = (
            f"the spec names columns that the data lacks: {', '.join(lacking)}; "
            f"the data has {', '.join(present)}"
        )
        raise DataError(msg)
