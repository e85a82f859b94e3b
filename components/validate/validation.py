"""The stage's one call: profile, infer, type, check and report."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ROWS, Contract, Lineage
from components.errors import DataError
from components.findings import read_findings
from components.landing import landing, room_in
from components.origins import read_origins
from components.validate.by_source import empty_sources, located
from components.validate.checks import (
    Failure,
    Severity,
    in_order,
    row_failures,
    target_failures,
)
from components.validate.describe import describe
from components.validate.failure import Judge
from components.validate.fresh import look_at_fresh, with_fresh, without_lacked
from components.validate.inference import infer_columns
from components.validate.observation import Observed, observe
from components.validate.profile import profile
from components.validate.reading import Readings
from components.validate.repeats import Repeats
from components.validate.report import render
from components.validate.statistics import STATISTICS, Statistics
from components.validate.sweep import sweep
from components.validate.table import Table
from components.validate.table_checks import ROWS_KEY, Facts, table_failures
from components.validate.target import Classes, find_classes

if TYPE_CHECKING:
    from components.spec import Spec


@dataclass(frozen=True)
class Checked:
    """What validation found: the contract, its failures, and the report in two writings.

    Attributes:
        contract: what was inferred.
        failures: what breaks it, refusing ones first.
        html: the report.
        statistics_json: the same numbers as JSON.
        observed: what each column holds, where it was asked for.
    """

    contract: Contract
    failures: tuple[Failure, ...]
    html: str
    statistics_json: str
    observed: Mapping[str, Observed] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[Failure, ...]:
        """The failures that refuse the data."""
        return tuple(f for f in self.failures if f.severity is Severity.REFUSE)

    def raise_refused(self) -> None:
        """Raises `DataError` naming every failure that refuses the data, if there is one."""
        if refused := self.refused:
            lines = "\n".join(f"  {failure}" for failure in refused)
            ways = "one way" if len(refused) == 1 else f"{len(refused)} ways"
            msg = f"the data breaks its contract in {ways}:\n{lines}"
            raise DataError(msg)


def validate_table(
    spec: "Spec",
    lineage: Lineage,
    table: Path,
    folder: Path,
    previous: Path | None = None,
    *,
    now: datetime | None = None,
    observing: bool = False,
) -> Checked:
    """Types a table by its inferred contract.

    Args:
        spec: declares what the data cannot show.
        lineage: where the rows came from; the fresh ones, if there are any, are held to the
            contract that the sources' rows show.
        table: the folder that `ingest` wrote, which holds every column that the spec names.
        folder: receives `rows.parquet` (typed; the target as class index or float64, rows without
            a target left out; with `kubeloop_time` where some are fresh) and `contract.json`.
        previous: the folder of the served version's bundle, which may hold its data's statistics.
        now: the time that freshness is measured against, UTC; None for the clock's.
        observing: whether to look at each column's values too, for a contract to be written.

    Returns:
        The contract, all failures and the report; nothing is raised for them here, so that the
        report is written first.

    Raises:
        DataError: what ingest has found is damaged.
    """
    before = None if previous is None else Statistics.read(previous / STATISTICS)
    folder.mkdir(parents=True, exist_ok=True)
    with room_in(folder), _scratch(folder) as scratch:
        looked, classes = _look(spec, lineage, table, scratch)
        contract = looked.contract
        with landing(folder / ROWS) as path:
            swept = sweep(looked, path, scratch)
        observed = _observed(looked, swept.repeats) if observing else {}
        contract.write(folder)
    facts = Facts(
        profiles=looked.profiles,
        repeats=swept.repeats,
        counted=swept.counted,
        findings=read_findings(table),
        previous_rows=before.rows - before.fresh if before else None,
        now=now or datetime.now(UTC),
    )
    failures = row_failures(spec, swept.checks, swept.broken)
    failures += target_failures(spec, contract, classes)
    failures += table_failures(spec, contract, facts)
    found = _told(failures, table, lineage, Judge(spec.checks.severity))
    statistics = describe(
        swept.counted,
        contract,
        found,
        rejected=looked.target_missing,
        duplicates=swept.repeats[ROWS_KEY].again,
        previous=before,
    )
    html = render(spec.name, contract, statistics)
    return Checked(contract, found, html, statistics.model_dump_json(), observed)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the output, so that nothing of it is ever part of an artifact."""
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder.parent) as name:
        yield Path(name)


def _told(
    failures: list[Failure], table: Path, lineage: Lineage, judge: Judge
) -> tuple[Failure, ...]:
    """All failures in order, each with the file that its rows stand in."""
    origins = with_fresh(read_origins(table), lineage.fresh)
    return located(in_order([*failures, *empty_sources(origins, judge)]), origins)


def _look(spec: "Spec", lineage: Lineage, source: Path, scratch: Path) -> tuple[Table, Classes]:
    """Finds out what the table is: its rows as read, what they hold, and their contract."""
    rows = pl.scan_parquet(source / ROWS, glob=False)
    profiles, rows = profile(rows, Readings(spec).of, scratch)
    columns = without_lacked(infer_columns(spec, profiles), lineage.fresh)
    target = next(column for column in columns if column.name == spec.target)
    classes = find_classes(rows, spec, target, profiles[spec.target])
    contract = Contract(
        columns=columns, target=spec.target, classes=classes.labels, lineage=lineage
    )
    return Table(rows, profiles, contract, look_at_fresh(contract, source, scratch)), classes


def _observed(table: Table, repeats: Mapping[str, Repeats]) -> dict[str, Observed]:
    twice = {name for name, found in repeats.items() if found.shared}
    return observe(table.rows, table.contract, table.profiles, twice)
