"""The sections on alerts and on retraining: what happened, when, and why."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.monitor.page.axes import Mark
from components.monitor.page.words import ago, lasting, tag, when
from components.monitor.retraining.ledger import read_evidence
from components.monitor.storage.records import AlertRecord, Retraining
from components.monitor.verdicts import CRITICAL, OK, WARNING
from components.report.text import counted, more, number, plain, table, text

_OUTCOMES = {
    "started": ("warn", "under way"),
    "promoted": ("good", "promoted"),
    "kept": ("none", "kept what is served"),
    "not_approved": ("warn", "not approved"),
    "failed": ("refuse", "failed"),
    "refused": ("none", "not started"),
}
_FIRST = 10
_EVIDENCE = 60
_ALERTS = ("Alert", "State", "Began", "Lasted", "What it says")
_RUNS = ("Decided", "Came to", "Asked for by", "Why", "Took", "Evidence")


def alerts(found: Sequence[AlertRecord], now: int, most: int) -> str:
    """Lists alerts that Alertmanager sent, the newest first."""
    if not found:
        return '<p class="soft">Alertmanager has sent none.</p>'
    firing = sum(alert.status == "firing" for alert in found)
    ordered = sorted(found, key=lambda alert: alert.status != "firing")[:most]
    rows = [_alert(alert, now) for alert in ordered]
    said = f"<p>{counted(firing, 'alert')} {'fires' if firing == 1 else 'fire'} now.</p>"
    return said + _listed(_ALERTS, rows, "Alerts")


def decisions(found: Sequence[Retraining], now: int, most: int) -> str:
    """Lists decisions on retraining with their evidence, the newest first."""
    if not found:
        return '<p class="soft">Nothing has asked for a run yet.</p>'
    return _listed(_RUNS, [_decision(one, now) for one in found[:most]], "Retraining")


def marks(found: Sequence[Retraining]) -> list[Mark]:
    """Returns when runs were started, for the drawings."""
    return [
        Mark(d.decided, f"a run was started for {plain(d.reason)}: {_OUTCOMES[d.outcome][1]}")
        for d in found
        if d.outcome != "refused"
    ]


def outcome(decision: Retraining) -> str:
    """Returns what a decision came to, as a tag."""
    kind, words = _OUTCOMES[decision.outcome]
    version = f" as version {decision.version}" if decision.version else ""
    return f'<span class="tag {kind}">{words}{version}</span>'


def _listed(head: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    shown = table(head, rows[:_FIRST], label, stacked=True)
    if len(rows) > _FIRST:
        rest = table(head, rows[_FIRST:], f"{label}, earlier", stacked=True)
        shown += more(f"{len(rows) - _FIRST} earlier", rest)
    return shown


def _alert(alert: AlertRecord, now: int) -> tuple[str, ...]:
    said = json.loads(alert.document).get("annotations", {})
    level = CRITICAL if alert.severity == CRITICAL else WARNING
    fires = alert.status == "firing"
    severity = f", {plain(alert.severity, 20)}" if alert.severity and fires else ""
    words = text(str(said.get("summary") or ""), 300) if said.get("summary") else ""
    if said.get("description"):
        words += f'<br><span class="soft">{text(str(said["description"]), 400)}</span>'
    return (
        text(alert.name, 60),
        tag(level, f"firing{severity}") if fires else tag(OK, "over"),
        when(alert.starts_at),
        lasting((alert.ends_at or now) - alert.starts_at),
        f'<span class="prose">{words}</span>' if words else "",
    )


def _decision(decision: Retraining, now: int) -> tuple[str, ...]:
    end = decision.ended or (now if decision.outcome == "started" else None)
    took = "" if end is None else lasting(end - (decision.started or decision.decided))
    run = f'<br><span class="soft small">run {text(decision.id, 60)}</span>'
    evidence = [*_flat(read_evidence(decision))]
    rows = [
        f"<div><dt>{text(key, 60)}</dt><dd>{text(value, 80)}</dd></div>"
        for key, value in evidence[:_EVIDENCE]
    ]
    return (
        f'{when(decision.decided)}<br><span class="soft">{ago(decision.decided, now)}</span>',
        outcome(decision),
        text(decision.reason),
        f'<span class="prose">{text(decision.why, 400)}{run if decision.run else ""}</span>',
        took,
        more("figures", f'<dl class="evidence">{"".join(rows)}</dl>') if rows else "",
    )


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Writes nested figures as name and value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif value is not None:
        yield name, _written(value)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)
