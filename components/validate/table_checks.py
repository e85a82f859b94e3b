"""What the table owes as a whole: enough rows, fresh ones, few repeats, labels in balance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from components.contract import ColumnType, Contract, Role
from components.findings import Finding
from components.validate.failure import Failure, Judge
from components.validate.leakage import telling
from components.validate.profile import Profile
from components.validate.repeats import Repeats
from components.validate.tally import Counted

if TYPE_CHECKING:
    from components.spec import Spec

_MUCH_MISSING = 0.5
# Train, validation and test each need one row of every class.
_PARTS = 3
_MICROSECONDS = 1_000_000
ROWS_KEY = "\0rows"


@dataclass(frozen=True)
class Facts:
    """What table checks look at.

    Attributes:
        profiles: what each column holds.
        repeats: what occurs more than once: `not_unique` columns and the id by name, whole rows
            under `ROWS_KEY`.
        counted: what the typed rows that have a target add up to, and a sample of them.
        findings: what the privacy scan found.
        previous_rows: rows of the sources of the served version's data, if known.
        now: the time, UTC.
    """

    profiles: Mapping[str, Profile]
    repeats: Mapping[str, Repeats]
    counted: Counted
    findings: Sequence[Finding]
    previous_rows: int | None
    now: datetime


def table_failures(spec: "Spec", contract: Contract, facts: Facts) -> Iterator[Failure]:
    """Finds in what the table as a whole breaks its contract.

    Args:
        spec: its `checks` hold the limits.
        contract: types and roles.
        facts: what is known of the table.

    Yields:
        Failures.
    """
    judge = Judge(spec.checks.severity)
    yield from _sizes(spec, contract, facts, judge)
    yield from _age(spec, contract, facts, judge)
    yield from _repeated(spec, contract, facts, judge)
    yield from _balance(spec, contract, facts, judge)
    yield from _leaks(spec, contract, facts, judge)
    yield from _columns(spec, contract, facts, judge)
    for finding in facts.findings:
        said = (
            f"no personal data that is not declared; {finding}: declare `privacy: drop`, `hash` "
            "or `mask`, or `privacy: public` if it is none"
        )
        yield judge.failure("personal_data", finding.column, finding.count, said, finding.places)


def _sizes(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    # Those of the sources: of fresh rows ingest has asked enough already.
    target = facts.profiles[contract.target]
    rows = target.rows - target.missing
    if rows < spec.checks.min_rows:
        said = f"at least {spec.checks.min_rows} with a target, to split, fit and judge"
        yield judge.failure("too_few_rows", "", rows, said)
    answers = facts.counted.tallies[contract.target]
    is_same = answers.minimum is not None and answers.minimum == answers.maximum
    if contract.classes is None and is_same:
        said = "a target that differs between rows; it is the same in all"
        yield judge.failure("target_constant", contract.target, rows, said)
    features = len(contract.named(Role.FEATURE))
    if not features:
        said = "at least one column that can be a feature"
        yield judge.failure("no_features", "", rows, said)
    if features > rows >= spec.checks.min_rows:
        said = f"more rows than features, of which there are {features:,}; drop some, or add rows"
        yield judge.failure("more_features_than_rows", "", rows, said)
    before, limit = facts.previous_rows, spec.checks.max_row_change
    if before and abs(rows - before) > limit * before:
        said = (
            f"within {limit:.0%} of the {before:,} rows of the served version's data "
            "(`checks.max_row_change`)"
        )
        yield judge.failure("row_change", "", rows, said)


def _age(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    limit, name = spec.checks.max_age_s, spec.timestamp
    dates = [column.name for column in contract.columns if column.type is ColumnType.DATE]
    if limit is None or name is None or name not in dates:
        return
    newest = facts.counted.tallies[name].maximum
    if newest is None:
        return
    last = newest / _MICROSECONDS
    if contract.lineage.fresh is not None:
        last = max(last, datetime.fromisoformat(contract.lineage.fresh.last).timestamp())
    age = facts.now.timestamp() - last
    if age > limit:
        said = (
            f"a newest {name!r} of at most {limit:,.0f} seconds ago (`checks.max_age_s`), it is "
            f"{age:,.0f} seconds old"
        )
        yield judge.failure("stale", name, facts.profiles[name].rows, said)


def _repeated(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    for column in contract.columns:
        found = facts.repeats.get(column.name)
        if found is None or not found.shared:
            continue
        if column.unique:
            said = "every value once, as `unique` is declared"
            yield judge.failure("not_unique", column.name, found.shared, said, found.places)
        else:
            said = "an id that names one row; rows of one id stay together in a random split"
            yield judge.failure("duplicate_ids", column.name, found.shared, said, found.places)
    whole = facts.repeats.get(ROWS_KEY, Repeats())
    limit, rows = spec.checks.max_duplicates, contract.lineage.rows
    if whole.again > limit * rows:
        said = (
            f"at most {limit:.2%} of the rows to repeat an earlier one in all columns but the id "
            "(`checks.max_duplicates`); the same row in train and test flatters a model"
        )
        yield judge.failure("duplicate_rows", "", whole.again, said, whole.places_again)


def _balance(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    if not contract.classes:
        return
    labels = facts.counted.tallies[contract.target].classes
    counts = [labels[index] for index in range(len(contract.classes))]
    total, least = sum(counts), min(counts)
    small = [index for index, count in enumerate(counts) if count < _PARTS]
    if small:
        names = ", ".join(repr(contract.classes[index]) for index in small[:_PARTS])
        said = (
            f"at least {_PARTS} rows of every class, for train, validation and test; "
            f"{len(small)} have fewer ({names}{', …' if len(small) > _PARTS else ''}): "
            "add rows, merge them with another class or leave them out"
        )
        count = sum(counts[index] for index in small)
        yield judge.failure("class_too_small", contract.target, count, said)
    elif least < spec.checks.min_label_share * total:
        name = contract.classes[counts.index(least)]
        said = (
            f"at least {spec.checks.min_label_share:.1%} of the rows in every class "
            f"(`checks.min_label_share`), {name!r} has {least / total:.2%}; "
            "see `features.class_weight`"
        )
        yield judge.failure("label_imbalance", contract.target, least, said)


def _leaks(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    for name, score in telling(facts.counted.sample, contract).items():
        if score >= spec.checks.max_leakage:
            said = (
                f"no feature that alone gives the target away, this one tells it by {score:.3f} "
                "of 1 (`checks.max_leakage`); if it is known only afterwards, list it under `drop`"
            )
            yield judge.failure("leakage", name, facts.counted.sample.height, said)


def _columns(spec: "Spec", contract: Contract, facts: Facts, judge: Judge) -> Iterator[Failure]:
    for column in contract.columns:
        seen = facts.profiles[column.name]
        if column.role is Role.FEATURE and seen.missing > _MUCH_MISSING * seen.rows:
            said = "a value in at least half of the rows"
            yield judge.failure("mostly_missing", column.name, seen.missing, said)
        if spec.contract is not None and column.name not in spec.columns:
            said = (
                f"only columns that the contract {spec.contract!r} names; "
                "`kubeloop contract SPEC --update` takes it in"
            )
            yield judge.failure("unexpected_column", column.name, seen.rows, said)
        if column.type is ColumnType.DATE and seen.twin:
            forms, twin = list(seen.formats), list(seen.twin)
            said = (
                f"dates that read one way; both {forms} and {twin} read every value, and the "
                f"first is taken: declare `formats: {forms}` or `formats: {twin}`"
            )
            yield judge.failure("ambiguous_date", column.name, seen.dated, said)
