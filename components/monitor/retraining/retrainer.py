"""Looks for a reason to train anew, decides, and sees runs to their end; one look at a time.

A look reads what is stored and nothing else, so that a restart changes nothing. A decision is on
the disk before its run is started, and a run is found again by the decision's id; so a monitor
that is killed at any moment starts no run twice and records each outcome once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from components.monitor.retraining import triggers
from components.monitor.retraining.decision import DAY, REASONS, decide
from components.monitor.retraining.decisions import Decisions, new_decision
from components.monitor.retraining.following import Follower
from components.monitor.retraining.ledger import Ledger
from components.monitor.retraining.notification import Notifier
from components.monitor.retraining.policy import Policy, read_policy, read_spec
from components.monitor.retraining.traffic import Traffic
from components.monitor.retraining.triggers import Trigger, Verdicts
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Retraining
from components.monitor.thresholds import read_thresholds
from components.monitor.versions import Version, Versions
from components.monitor.wire import format_time

ALERTS_READ: Final = 1000
"""Alerts of a model that a look reads, those heard of last first; more are one storm."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What may start a run besides a person and the schedule.

    Attributes:
        verdicts: the monitor's own.
        alerts: Alertmanager's.
    """

    verdicts: bool
    alerts: bool


class Retrainer:
    """Decides about all models of a store; used from one thread."""

    def __init__(
        self,
        reader: Reader,
        decisions: Decisions,
        follower: Follower,
        notifier: Notifier,
        *,
        sources: Sources,
        address: str,
    ) -> None:
        """Takes its parts.

        Args:
            reader: of the store.
            decisions: what was decided.
            follower: sees runs to their end.
            notifier: hears of refusals.
            sources: what may start a run.
            address: base URL by which runs reach this monitor.
        """
        self._reader = reader
        self._decisions = decisions
        self._follower = follower
        self._notifier = notifier
        self._sources = sources
        self._address = address.rstrip("/")
        self._traffic = Traffic()

    def look(self, versions: Versions, verdicts: Verdicts, now: int) -> None:
        """Follows every run, and decides about every model that has none.

        Args:
            versions: the registered ones.
            verdicts: the latest of each kind.
            now: microseconds since 1970, UTC.

        Raises:
            StoreError: the store cannot be read now.
            RefusedError: it cannot be written now.
        """
        self._traffic.look(self._reader.content().totals)
        for model in sorted({name for name, _ in versions}):
            self._follow(model, versions, now)
            ledger = self._decisions.of(model)
            current = self._current(model, versions)
            if ledger.under_way or current is None:
                continue
            policy = read_policy(read_spec(current))
            found = self._triggers(current, policy, ledger, verdicts, now=now)
            made = self._decide(current, policy, found, now)
            if made is not None and made.outcome == "started":
                self._follow(model, versions, now)

    def ask(self, model: str, reason: str, versions: Versions, now: int) -> Retraining | None:
        """Decides at once for a person or a schedule of theirs.

        Args:
            model: the model's name.
            reason: `manual` or `schedule`.
            versions: the registered ones.
            now: microseconds since 1970, UTC.

        Returns:
            The decision; None where no version of the model is registered.

        Raises:
            StoreError, RefusedError: as `look`.
        """
        current = self._current(model, versions)
        if current is None:
            return None
        trigger = Trigger(reason, {"asked": format_time(now)})
        made = self._decide(current, read_policy(read_spec(current)), [trigger], now)
        self._follow(model, versions, now)
        return made

    def _follow(self, model: str, versions: Versions, now: int) -> None:
        for decided in self._decisions.of(model).under_way:
            ending = self._follower.follow(decided, versions, now)
            if ending is not None and ending.version is not None:
                self._traffic.promote(model, ending.version)

    def _current(self, model: str, versions: Versions) -> Version | None:
        """The version that answers; before any event, the newest that is registered."""
        number = self._traffic.current(model)
        known = [found for name, found in versions if name == model]
        if number is None or (model, number) not in versions:
            number = max(known, default=None)
        return None if number is None else versions[model, number]

    def _triggers(
        self, current: Version, policy: Policy, ledger: Ledger, verdicts: Verdicts, *, now: int
    ) -> list[Trigger]:
        model, last = current.model, ledger.last_run
        after = 0 if last is None else last.ended or last.decided
        found: list[Trigger] = []
        if self._sources.verdicts:
            found += triggers.from_verdicts(verdicts, model, current.number, after=after)
        if self._sources.alerts:
            alerts = self._reader.alerts(model, newest=ALERTS_READ)
            found += triggers.from_alerts(alerts, current.number, after=after, now=now)
        trained = max((t for t in (read_thresholds(current).trained, after) if t), default=None)
        return found + triggers.from_schedule(policy.every, since=trained, now=now)

    def _decide(
        self, current: Version, policy: Policy, found: Iterable[Trigger], now: int
    ) -> Retraining | None:
        """Decides about the triggers in the order of their weight, until one starts a run."""
        made: Retraining | None = None
        for trigger in sorted(found, key=lambda trigger: REASONS.index(trigger.reason)):
            ledger = self._decisions.of(current.model)
            labels = self._reader.count_labelled_since(current.model, ledger.since)
            decision = decide(trigger.reason, policy, ledger.runs, labels=labels, now=now)
            evidence = self._evidence(current, policy, ledger, labels, now=now) | dict(
                trigger.evidence
            )
            made = new_decision(current.model, trigger.reason, decision, evidence, now)
            known = (trigger.reason, decision.code, current.number)
            if decision.starts:
                self._decisions.add(made)
                return made
            if not ledger.repeats(*known, after=now - DAY):
                self._decisions.add(made)
                self._notifier.tell(
                    f"Kubeloop: no retraining of {current.model} ({trigger.reason}): {made.why}"
                )
        return made

    def _evidence(
        self, current: Version, policy: Policy, ledger: Ledger, labels: int, *, now: int
    ) -> dict[str, Any]:
        """What every decision rests on, and the rows that its run would get."""
        since, until = format_time(ledger.since), format_time(now)
        query = urlencode({"since": since, "until": until})
        fresh = f"{self._address}/v1/models/{current.model}/labelled.parquet?{query}"
        return {
            "model_version": current.number,
            "labels": labels,
            "since": since,
            "until": until,
            "fresh": fresh if labels >= policy.min_rows else "",
        }
