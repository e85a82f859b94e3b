"""The stage's one call: profile, infer, type, check and report."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import (
    ROW_GROUP,
    ROWS,
    ColumnContract,
    Contract,
    Lineage,
    Role,
)
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
from components.validate.describe import count_typed, describe
from components.validate.failure import Judge
from components.validate.inference import infer_columns
from components.validate.observation import Observed, observe
from components.validate.profile import Profile, profile
from components.validate.reading import Readings
from components.validate.repeats import Repeats, find_repeats, write_hashes
from components.validate.report import render
from components.validate.statistics import STATISTICS, Statistics
from components.validate.table_checks import ROWS_KEY, Facts, table_failures
from components.validate.target import Classes, class_index, find_classes
from components.validate.typed import typed

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
        lineage: where the rows came from.
        table: the folder that `ingest` wrote, which holds every column that the spec names.
        folder: receives `rows.parquet` (typed; the target as class index or float64, rows without
            a target left out) and `contract.json`.
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
        looked = _look(spec, lineage, table, scratch)
        repeats = _write(spec, looked, folder, scratch)
        failures = row_failures(spec, looked.rows, looked.contract, looked.profiles)
        observed = _observed(looked, repeats) if observing else {}
        looked.contract.write(folder)
    counted = count_typed(pl.scan_parquet(folder / ROWS, glob=False), looked.contract)
    facts = Facts(
        profiles=looked.profiles,
        repeats=repeats,
        counted=counted,
        findings=read_findings(table),
        previous_rows=before.rows if before else None,
        now=now or datetime.now(UTC),
    )
    failures += target_failures(spec, looked.contract, looked.classes)
    failures += table_failures(spec, looked.contract, facts)
    found = _told(failures, table, Judge(spec.checks.severity))
    statistics = describe(
        counted,
        looked.contract,
        found,
        rejected=looked.profiles[spec.target].missing,
        duplicates=repeats[ROWS_KEY].again,
        previous=before,
    )
    html = render(spec.name, looked.contract, statistics)
    return Checked(looked.contract, found, html, statistics.model_dump_json(), observed)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the output, so that nothing of it is ever part of an artifact."""
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder.parent) as name:
        yield Path(name)


def _told(failures: list[Failure], table: Path, judge: Judge) -> tuple[Failure, ...]:
    """All failures in order, each with the file that its rows stand in."""
    origins = read_origins(table)
    return located(in_order([*failures, *empty_sources(origins, judge)]), origins)


@dataclass(frozen=True)
class _Looked:
    """The table as read, moments beside it, and what was found out about it."""

    rows: pl.LazyFrame
    profiles: dict[str, Profile]
    contract: Contract
    classes: Classes

    @property
    def target(self) -> ColumnContract:
        return next(c for c in self.contract.columns if c.name == self.contract.target)

    def value(self, column: ColumnContract) -> pl.Expr:
        """A column as it is written: the target of classes as their index."""
        seen = self.profiles[column.name]
        if column.role is Role.TARGET and self.contract.classes is not None:
            return class_index(column, seen, self.contract.classes).alias(column.name)
        return typed(column, seen)


def _look(spec: "Spec", lineage: Lineage, table: Path, scratch: Path) -> _Looked:
    source = pl.scan_parquet(table / ROWS, glob=False)
    profiles, rows = profile(source, Readings(spec).of, scratch)
    columns = infer_columns(spec, profiles)
    target = next(column for column in columns if column.name == spec.target)
    classes = find_classes(rows, spec, target, profiles[spec.target])
    contract = Contract(
        columns=columns, target=spec.target, classes=classes.labels, lineage=lineage
    )
    return _Looked(rows, profiles, contract, classes)


def _write(spec: "Spec", looked: _Looked, folder: Path, scratch: Path) -> dict[str, Repeats]:
    """Writes the typed rows, and finds in the source what repeats."""
    ordered = sorted(looked.contract.columns, key=lambda c: c.role is Role.TARGET)
    rows = looked.rows.select(looked.value(column) for column in ordered)
    # Without classes no row has a target that could be kept.
    is_usable = looked.contract.classes != ()
    kept = rows.filter(pl.col(spec.target).is_not_null()) if is_usable else rows
    keys = _keys(spec, looked)
    hashes = scratch / "hashes.parquet"
    # One after the other: together, each waits for the slowest with all that is read on its hands.
    with landing(folder / ROWS) as path:
        kept.sink_parquet(path, row_group_size=ROW_GROUP)
        write_hashes(looked.rows, keys, hashes).collect(engine="streaming")
        return find_repeats(hashes, list(keys), looked.profiles[spec.target].rows)


def _observed(looked: _Looked, repeats: Mapping[str, Repeats]) -> dict[str, Observed]:
    twice = {name for name, found in repeats.items() if found.shared}
    return observe(looked.rows, looked.contract, looked.profiles, twice)


def _keys(spec: "Spec", looked: _Looked) -> dict[str, pl.Expr]:
    """What must not, or should not, occur twice."""
    keys = {
        column.name: typed(column, looked.profiles[column.name])
        for column in looked.contract.columns
        if column.unique or column.role is Role.ID
    }
    names = [name for name in looked.profiles if name != spec.id]
    return {**keys, ROWS_KEY: pl.struct(names)}
