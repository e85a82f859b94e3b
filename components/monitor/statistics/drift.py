"""Judges a window's counts against the reference: which columns drifted, and how far.

A p-value alone calls every difference drift once rows are many; an index alone cries wolf while
they are few. So both must speak. The rule and its figures are measured: a shift of a quarter sigma
has an index of 0.06, which the customary limits of 0.1 and 0.2 never see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from components.monitor.statistics.binning import Counts, Reference
from components.monitor.statistics.columns import Cells, Column
from components.monitor.statistics.homogeneity import difference
from components.monitor.verdicts import CRITICAL, OK, WARNING, ColumnDrift, Status

RECOMMENDED_ROWS: Final = 1000
"""From so many rows on, a shift of a quarter sigma is seen."""

P_VALUE: Final = 0.001
"""Below it a difference is no chance; shared by all features (Bonferroni)."""

WARNING_PSI: Final = 0.05
"""Above it, once it is no chance, a difference is worth a warning."""

DATASET_RATIO: Final = 0.5
"""Share of features that drifted from which the whole data set counts as drifted.

The customary one: Evidently's `drift_share` of its data drift preset.
"""


def p_value_limit(features: int) -> float:
    """Returns the p-value below which a difference is no chance, where so many are looked at."""
    return P_VALUE / max(1, features)


def dataset_ratio(features: int) -> float:
    """Returns the share of so many features from which the data set drifted: two at the least."""
    return max(DATASET_RATIO, 2 / max(1, features))


@dataclass(frozen=True, slots=True)
class DriftJudgement:
    """What a window's counts say.

    Attributes:
        status: the worst of the features and the prediction; critical too where the data set
            drifted.
        features: by name.
        prediction: None where the reference does not describe it.
        drifted_ratio: share of features that drifted; 0 without features.
        previous: the prediction against the previous version's; changes no status.
    """

    status: Status
    features: Mapping[str, ColumnDrift]
    prediction: ColumnDrift | None
    drifted_ratio: float
    previous: ColumnDrift | None = None


def judge_drift(
    reference: Reference, counts: Counts, psi_limit: float, previous: Counts | None = None
) -> DriftJudgement:
    """Judges a window.

    A column drifted (warning) where the p-value is below 0.001 / F of F features and the index
    less its bias above 0.05, or above `psi_limit` where that is lower; it is critical where the
    index is above `psi_limit`. The prediction is judged by the same limits. At least 1000 rows
    are recommended; with fewer the rule cries wolf no oftener, but sees less.

    Args:
        reference: of the version.
        counts: of the window, by that reference.
        psi_limit: the spec's `monitor.drift.psi`.
        previous: the previous version's answers counted by this version's reference, as
            `reference.count(None, answers)` does, so that both have the same bins.

    Returns:
        The judgement; a column without live rows, or without reference rows, has not drifted.
    """
    p_limit = p_value_limit(len(reference.features))

    def judge(column: Column, baseline: Cells) -> ColumnDrift:
        return _judge(column, reference.cells(counts, column), baseline, p_limit, psi_limit)

    features = {column.name: judge(column, column.reference) for column in reference.features}
    answers = reference.prediction
    prediction = judge(answers, answers.reference) if answers else None
    before = judge(answers, reference.cells(previous, answers)) if answers and previous else None
    drifted = sum(column.drifted for column in features.values())
    ratio = drifted / len(features) if features else 0.0
    statuses = {column.status for column in (*features.values(), prediction) if column}
    if ratio >= dataset_ratio(len(features)):
        statuses.add(CRITICAL)
    return DriftJudgement(worst(statuses), features, prediction, ratio, before)


def worst(statuses: set[Status]) -> Status:
    """Returns the worst of some statuses; ok of none."""
    ordered: tuple[Status, ...] = (CRITICAL, WARNING)
    return next((status for status in ordered if status in statuses), OK)


def _judge(
    column: Column, live: Cells, baseline: Cells, p_limit: float, psi_limit: float
) -> ColumnDrift:
    found = difference(column, live, baseline)
    status: Status = OK
    if found.p_value < p_limit and found.psi > min(WARNING_PSI, psi_limit):
        status = CRITICAL if found.psi > psi_limit else WARNING
    return ColumnDrift(
        psi=found.psi,
        p_value=found.p_value,
        status=status,
        counts=tuple(column.shown(live).tolist()),
        reference=tuple(column.shown(baseline).tolist()),
        labels=column.labels,
        **column.shares(live),
    )
