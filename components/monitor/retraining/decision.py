"""Decides whether a run is started, from what is known at one moment; asks and starts nothing.

Every door leads here: an alert, the monitor's own verdict, the schedule and a person. The rules in
their order: a reason that the spec names, one run at a time, the cooldown, the cap a day, and
enough new labelled rows for a run to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.monitor.retraining.policy import SECOND, Policy
from components.monitor.wire import format_time

DRIFT: Final = "drift"
QUALITY: Final = "quality"
MANUAL: Final = "manual"
SCHEDULE: Final = "schedule"
REASONS: Final = (QUALITY, DRIFT, SCHEDULE, MANUAL)
"""Why a run may be wanted; where several hold at once, the first one is named."""

START: Final = "start"
NOT_WANTED: Final = "not_wanted"
UNDER_WAY: Final = "under_way"
COOLDOWN: Final = "cooldown"
DAILY_CAP: Final = "daily_cap"
FEW_LABELS: Final = "few_labels"

DAY: Final = 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the model that was started before.

    Attributes:
        decided: when it was, microseconds since 1970.
        ended: when it did; None while it is under way.
    """

    decided: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a run is started.

    Attributes:
        code: `START`, or by which rule not.
        why: the rule with its figures, as a sentence for a person.
        again: from when the same question may be answered otherwise by the passing of time alone,
            microseconds since 1970; None where that does not help.
    """

    code: str
    why: str
    again: int | None = None

    @property
    def starts(self) -> bool:
        """Whether a run is started."""
        return self.code == START


def decide(reason: str, policy: Policy, runs: Sequence[Run], *, labels: int, now: int) -> Decision:
    """Decides about one reason.

    Args:
        reason: one of `REASONS`.
        policy: the rules of the model that is served.
        runs: the model's earlier runs, in any order; at least those of the last day, and the last.
        labels: labelled rows that came since the last promoted run.
        now: microseconds since 1970, UTC.

    Returns:
        The decision.
    """
    if reason in (DRIFT, QUALITY) and reason not in policy.on:
        wanted = ", ".join(sorted(policy.on)) or "nothing"
        return Decision(NOT_WANTED, f"the spec's monitor.retrain.on names {wanted}, not {reason}")
    if any(run.ended is None for run in runs):
        return Decision(UNDER_WAY, "a run of this model is under way, and two never run at a time")
    return _wait(policy, runs, now) or _weigh(reason, policy, labels)


def _wait(policy: Policy, runs: Sequence[Run], now: int) -> Decision | None:
    """Holds back for the cooldown and the cap; None where neither does."""
    last = max((run.ended for run in runs if run.ended is not None), default=None)
    # A clock that was set back by years must not hold runs back for years.
    if last is not None and last - policy.cooldown <= now < last + policy.cooldown:
        until = last + policy.cooldown
        why = (
            f"the last run ended at {_shown(last)}: the next may start at {_shown(until)}, after "
            f"monitor.retrain.cooldown_s = {policy.cooldown / SECOND:g}"
        )
        return Decision(COOLDOWN, why, until)
    today = sorted(run.decided for run in runs if now - DAY < run.decided <= now)
    if len(today) >= policy.max_per_day:
        until = today[-policy.max_per_day] + DAY
        why = (
            f"{len(today)} runs were started within 24 hours, and monitor.retrain.max_per_day is "
            f"{policy.max_per_day}: the next may start at {_shown(until)}"
        )
        return Decision(DAILY_CAP, why, until)
    return None


def _weigh(reason: str, policy: Policy, labels: int) -> Decision:
    """Looks at what a run would learn from.

    Quality is only measured on labels, so a run for its sake needs them. Inputs that drift are seen
    at once and their labels come late: where labels come at all, a run that did not wait for them
    would learn nothing new, and its cooldown would hold back the one that could. Where nobody sends
    labels, the sources may have grown, and a run reads them anew.
    """
    waits = reason == QUALITY or (reason == DRIFT and labels > 0)
    least = max(policy.min_labels, policy.min_rows)
    if waits and labels < least:
        key = "monitor.retrain.min_labels" if least == policy.min_labels else "checks.min_rows"
        why = f"{labels} labelled rows are new since the last promoted run, and {key} is {least}"
        return Decision(FEW_LABELS, why)
    return Decision(START, f"{reason}, with {labels} new labelled rows")


def _shown(moment: int) -> str:
    return (format_time(moment) or "").partition(".")[0] + "Z"
