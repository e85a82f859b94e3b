"""The stage's one call: profile, infer, type, check and report."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from components.contract import ROWS, ColumnContract, ColumnType, Contract, Lineage, Role
from components.errors import DataError
from components.findings import read_findings
from components.validate.checks import (
    Failure,
    Severity,
    in_order,
    row_failures,
    target_failures,
)
from components.validate.describe import describe
from components.validate.inference import infer_columns
from components.validate.leakage import sample_of
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
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder.parent) as name:
        scratch = Path(name)
        looked = _look(spec, lineage, table, scratch)
        sample, repeats = _write(spec, looked, folder, scratch)
        failures = row_failures(spec, looked.rows, looked.contract, looked.profiles)
        observed: dict[str, Observed] = {}
        if observing:
            twice = {name for name, found in repeats.items() if found.shared}
            observed = observe(looked.rows, looked.contract, looked.profiles, twice)
    looked.contract.write(folder)
    facts = Facts(
        profiles=looked.profiles,
        repeats=repeats,
        sample=sample,
        findings=read_findings(table),
        previous_rows=before.rows if before else None,
        now=now or datetime.now(UTC),
        **_ends(spec, looked, folder),
    )
    failures += target_failures(spec, looked.contract, looked.classes)
    failures += table_failures(spec, looked.contract, facts)
    found = in_order(failures)
    typed_rows = pl.scan_parquet(folder / ROWS, glob=False)
    statistics = describe(
        typed_rows,
        looked.contract,
        found,
        rejected=looked.profiles[spec.target].missing,
        duplicates=repeats[ROWS_KEY].again,
        previous=before,
    )
    html = render(spec.name, looked.contract, statistics)
    return Checked(looked.contract, found, html, statistics.model_dump_json(), observed)


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


def _write(
    spec: "Spec", looked: _Looked, folder: Path, scratch: Path
) -> tuple[pl.DataFrame, dict[str, Repeats]]:
    """Writes the typed rows, and draws the sample and the repeats from the source."""
    ordered = sorted(looked.contract.columns, key=lambda c: c.role is Role.TARGET)
    rows = looked.rows.select(looked.value(column) for column in ordered)
    count = looked.profiles[spec.target].rows
    # Without classes no row has a target that could be kept.
    is_usable = looked.contract.classes != ()
    kept = rows.filter(pl.col(spec.target).is_not_null()) if is_usable else rows
    keys = _keys(spec, looked)
    path = scratch / "hashes.parquet"
    # One after the other: together, each waits for the slowest with all that is read on its hands.
    kept.sink_parquet(folder / ROWS)
    write_hashes(looked.rows, keys, path).collect(engine="streaming")
    sample = sample_of(rows, count, len(ordered)).collect(engine="streaming")
    return sample, find_repeats(path, list(keys), count)


def _keys(spec: "Spec", looked: _Looked) -> dict[str, pl.Expr]:
    """What must not, or should not, occur twice."""
    keys = {
        column.name: typed(column, looked.profiles[column.name])
        for column in looked.contract.columns
        if column.unique or column.role is Role.ID
    }
    names = [name for name in looked.profiles if name != spec.id]
    return {**keys, ROWS_KEY: pl.struct(names)}


def _ends(spec: "Spec", looked: _Looked, folder: Path) -> dict[str, Any]:
    """What only the written rows tell: the newest of them, and how often each class occurs."""
    rows = pl.scan_parquet(folder / ROWS, glob=False)
    target = pl.col(spec.target)
    dates = [c.name for c in looked.contract.columns if c.type is ColumnType.DATE]
    newest = pl.col(spec.timestamp).max() if spec.timestamp in dates else pl.lit(None)
    ends = rows.select(
        newest.alias("\0newest"), target.min().alias("\0low"), target.max().alias("\0high")
    ).collect(engine="streaming")
    latest, low, high = ends.row(0)
    labels: dict[int, int] = {}
    if looked.contract.classes:
        counts = rows.group_by(target.alias("\0label")).agg(pl.len().alias("\0rows"))
        labels = dict(counts.collect(engine="streaming").iter_rows())
    return {
        "newest": latest and latest.replace(tzinfo=UTC),
        "labels": labels,
        "constant": looked.contract.classes is None and low is not None and low == high,
    }
