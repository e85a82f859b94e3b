import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.monitor.retraining.decision import (
    COOLDOWN,
    DAILY_CAP,
    DAY,
    FEW_LABELS,
    NOT_WANTED,
    REASONS,
    START,
    UNDER_WAY,
    Run,
    decide,
)
from components.monitor.retraining.policy import (
    DEFAULTS,
    MIN_ROWS,
    SECOND,
    Policy,
    read_policy,
)
from components.spec.data import Checks
from components.spec.sections import Retrain

NOON = 1_795_176_000_000_000
HOUR = 3600 * SECOND
POLICY = Policy(frozenset({"drift", "quality"}), HOUR, 500, 4, None)


def test_defaults_are_those_of_the_spec() -> None:
    assert dict(DEFAULTS) == Retrain().model_dump()
    assert Checks().min_rows == MIN_ROWS


def test_policy_reads_a_spec_and_defaults_what_it_lacks() -> None:
    stated = {"on": ["drift"], "cooldown_s": 0.5, "min_labels": 7, "every_s": 60.0}
    policy = read_policy({"monitor": {"retrain": stated}})
    assert policy == Policy(frozenset({"drift"}), SECOND // 2, 7, 4, 60 * SECOND)
    assert read_policy({"checks": {"min_rows": 9}}).min_rows == 9
    assert read_policy({"checks": {"min_rows": 0}, "monitor": []}) == POLICY
    assert read_policy({}) == POLICY
    assert read_policy({"monitor": {"retrain": {"on": "drift", "min_labels": "x"}}}) == POLICY


def test_empty_on_starts_nothing_by_a_verdict() -> None:
    policy = read_policy({"monitor": {"retrain": {"on": []}}})
    for reason in ("drift", "quality"):
        decision = decide(reason, policy, [], labels=9999, now=NOON)
        assert decision.code == NOT_WANTED
        assert decision.why == f"the spec's monitor.retrain.on names nothing, not {reason}"
    assert decide("manual", policy, [], labels=0, now=NOON).starts


@pytest.mark.parametrize("reason", REASONS)
def test_run_under_way_holds_back_every_reason(reason: str) -> None:
    runs = [Run(NOON - DAY, NOON - DAY + 1), Run(NOON - 10 * DAY, None)]
    assert decide(reason, POLICY, runs, labels=9999, now=NOON).code == UNDER_WAY


def test_cooldown_holds_back_until_its_last_microsecond() -> None:
    runs = [Run(NOON - 2 * HOUR, NOON)]
    held = decide("manual", POLICY, runs, labels=9999, now=NOON + HOUR - 1)
    assert (held.code, held.again) == (COOLDOWN, NOON + HOUR)
    assert "monitor.retrain.cooldown_s = 3600" in held.why
    assert decide("manual", POLICY, runs, labels=9999, now=NOON + HOUR).code == START


def test_clock_set_back_does_not_hold_back_for_ever() -> None:
    runs = [Run(NOON + 400 * DAY, NOON + 400 * DAY)]
    assert decide("quality", POLICY, runs, labels=500, now=NOON).starts


def test_cap_counts_runs_of_the_last_day_alone() -> None:
    runs = [Run(NOON - DAY + i * HOUR, NOON - DAY + i * HOUR + 1) for i in range(5)]
    # The first is a day old to the microsecond, and counts no more.
    held = decide("drift", POLICY, runs, labels=500, now=NOON)
    assert (held.code, held.again) == (DAILY_CAP, NOON + HOUR)
    assert decide("drift", POLICY, runs, labels=500, now=NOON + HOUR).starts
    assert decide("drift", POLICY, runs[:4], labels=500, now=NOON).starts


@pytest.mark.parametrize(
    ("reason", "labels", "code"),
    [
        ("quality", 0, FEW_LABELS),
        ("quality", 499, FEW_LABELS),
        ("quality", 500, START),
        ("drift", 0, START),
        ("drift", 1, FEW_LABELS),
        ("drift", 500, START),
        ("schedule", 3, START),
        ("manual", 3, START),
    ],
)
def test_labels_are_asked_for_where_they_can_be_waited_for(
    reason: str, labels: int, code: str
) -> None:
    decision = decide(reason, POLICY, [], labels=labels, now=NOON)
    assert decision.code == code
    assert f"{labels} " in decision.why


def test_fewer_rows_than_a_run_takes_are_waited_for() -> None:
    policy = read_policy({"monitor": {"retrain": {"min_labels": 2}}, "checks": {"min_rows": 60}})
    held = decide("quality", policy, [], labels=59, now=NOON)
    assert (held.code, held.why[-25:]) == (FEW_LABELS, "and checks.min_rows is 60")
    assert decide("quality", policy, [], labels=60, now=NOON).starts


runs = st.builds(
    lambda start, length: Run(NOON + start, None if length is None else NOON + start + length),
    st.integers(-3 * DAY, 0),
    st.none() | st.integers(0, DAY),
)


@given(st.lists(runs, max_size=8), st.integers(0, 1000), st.sampled_from(REASONS))
def test_started_run_breaks_no_rule(history: list[Run], labels: int, reason: str) -> None:
    now = NOON + DAY
    if decide(reason, POLICY, history, labels=labels, now=now).starts:
        assert all(run.ended is not None and run.ended + HOUR <= now for run in history)
        assert sum(run.decided > now - DAY for run in history) < 4
        assert reason != "quality" or labels >= 500


@given(st.lists(st.integers(60, 20_000), max_size=200))
def test_runs_that_follow_the_decisions_keep_to_cap_and_cooldown(gaps: list[int]) -> None:
    history: list[Run] = []
    for moment in itertools.accumulate(gap * SECOND for gap in gaps):
        if decide("drift", POLICY, history, labels=600, now=NOON + moment).starts:
            history.append(Run(NOON + moment, NOON + moment + 60 * SECOND))
    for earlier, later in itertools.pairwise(history):
        assert later.decided - (earlier.ended or 0) >= HOUR
    for first, fifth in zip(history, history[4:], strict=False):
        assert fifth.decided - first.decided >= DAY
