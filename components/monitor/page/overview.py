"""The first screen: a card a model that says whether it is all right, and why."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from components.monitor.page.charts import spark
from components.monitor.page.facts import ModelFacts, Past, VersionFacts
from components.monitor.page.health import Health
from components.monitor.page.news import outcome
from components.monitor.page.quality import ranked, series
from components.monitor.page.versions import answering
from components.monitor.page.words import KINDS, LEVELS, UNKNOWN, aged, ago, tag
from components.monitor.verdicts import CRITICAL, OK, WARNING
from components.report.text import counted, more, number, plain, table, text

_UNREGISTERED = 50
_STATES = {
    CRITICAL: "critical",
    WARNING: "in need of a look",
    UNKNOWN: "not judged yet",
    OK: "all right",
}


def headline(models: Sequence[tuple[ModelFacts, Health]]) -> str:
    """Says how many models have the worst level of all, HTML without tags."""
    healths = [health for _, health in models]
    if not healths:
        return "No model is registered yet"
    counts = {level: sum(h.level == level for h in healths) for level in LEVELS}
    worst = next(level for level in LEVELS if counts[level])
    many, whole = counts[worst], len(healths)
    if worst == OK and whole > 1:
        return f"All {whole:,} models are all right"
    words = _STATES[worst]
    if whole == 1:
        return f"{plain(models[0][0].name, 63)} is {words}"
    return f"{many:,} of {whole:,} models {'is' if many == 1 else 'are'} {words}"


def card(
    model: ModelFacts,
    health: Health,
    past: Past | None,
    address: str,
    now: int,
    *,
    most: int,
) -> str:
    """Draws one model.

    Args:
        model: what is stored of it.
        health: whether it is all right.
        past: for a small drawing of its quality; None for none.
        address: where more of it is shown; its sections are `address` and `-NAME` for an anchor,
            or `#NAME` for a page. Empty on the model's own page.
        now: microseconds since 1970.
        most: reasons that are listed.
    """
    title = f'<a href="{address}">{text(model.name, 63)}</a>' if address else "Now"
    return (
        f'<article class="card model {KINDS[health.level]}"><header><h3>{title}</h3>'
        f"{tag(health.level)}</header>"
        f"{reasons(health, address, most)}{_small(model, past)}{_facts(model, now)}</article>"
    )


def reasons(health: Health, address: str, most: int) -> str:
    """Lists why a model is as it is, each linked to the section that shows it."""
    lines = []
    for reason in health.reasons[:most]:
        place = address + ("-" if address.startswith("#") else "#") + reason.section
        link = f' <a href="{place}" aria-label="Show {reason.section}">{reason.section}</a>'
        # What is only news is not marked as well, beside what is not.
        level = UNKNOWN if reason.level == OK != health.level else reason.level
        lines.append(f'<li class="{KINDS[level]}">{reason.words}{link}</li>')
    left = len(health.reasons) - most
    if left > 0:
        lines.append(f'<li class="none">and {counted(left, "more reason")}</li>')
    return f'<ul class="reasons">{"".join(lines)}</ul>'


def address(name: str, *, up: str = "") -> str:
    """Returns the relative address of a model's page, so that any path prefix will do."""
    return f"{up}models/{quote(name, safe='')}"


def unregistered(found: Mapping[str, Sequence[VersionFacts]], now: int) -> str:
    """Lists models of which no version is registered; empty where there is none."""
    if not found:
        return ""
    versions = [(name, version) for name, parts in found.items() for version in parts]
    versions.sort(key=lambda pair: pair[1].last_event or 0, reverse=True)
    rows = [
        (
            text(name),
            str(version.number) if version.number else '<span class="soft">not named</span>',
            f"{version.events:,}",
            f"{version.predictions:,}",
            aged(version.last_event, now),
        )
        for name, version in versions[:_UNREGISTERED]
    ]
    head = ("Model", "Version", "Events", "Rows answered", "Last event")
    left = len(versions) - len(rows)
    rest = (
        f'<p class="soft">{counted(left, "more version")} with earlier events.</p>' if left else ""
    )
    return (
        '<section id="unregistered" aria-labelledby="unregistered-h">'
        '<h2 id="unregistered-h">Models that nobody registered</h2><p>Their events are kept '
        "without features and counted, not judged: a version is registered when it is deployed.</p>"
        f"{table(head, rows, 'Events of models that nobody registered', '  nn')}{rest}</section>"
    )


def others(models: Sequence[tuple[ModelFacts, Health]]) -> str:
    """Names the models that get no card."""
    links = ", ".join(
        f'<a href="{address(model.name)}">{text(model.name, 63)}</a>' for model, _ in models
    )
    return more(f"{counted(len(models), 'more model')}, none worse than these", f"<p>{links}</p>")


def _small(model: ModelFacts, past: Past | None) -> str:
    verdict = model.quality
    if verdict is None or past is None or not verdict.metrics:
        return ""
    served = next((v.known for v in model.versions if v.number == verdict.version), None)
    name = ranked(verdict, served)[0]
    found, points = verdict.metrics[name], series(past, name)
    words = f"{plain(name)} over time, now {number(found.value)}"
    limit = found.baseline if found.threshold is None else found.threshold
    rule = found.value if limit is None else limit
    drawn = spark(points, past.span, rule, words, KINDS[found.status], least=None)
    return (
        f'<p class="glance"><span>{text(name)} <strong>{number(found.value)}</strong> '
        f'<span class="soft">{number(found.low)} to {number(found.high)}</span></span>{drawn}</p>'
    )


def _facts(model: ModelFacts, now: int) -> str:
    served = model.served
    version = "none yet"
    if served is not None:
        beside = [str(v.number) for v in answering(model) if v is not served]
        also = f", beside {', '.join(beside[:3])}" if beside else ""
        began = ago(served.first_event, now)
        version = f'version {served.number}{also} <span class="soft">since {began}</span>'
    judged = [w.judged for v in [served] if v for w in (v.drift, v.quality) if w]
    run = model.decisions[0] if model.decisions else None
    pairs = [
        ("answers", version),
        ("last event", aged(served.last_event if served else None, now)),
        ("last judged", aged(max(judged, default=None), now)),
        ("last label", aged(model.last_label, now)),
    ]
    if run is not None:
        pairs.append(("retraining", f"{outcome(run)} {aged(run.decided, now)}"))
    cells = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in pairs)
    return f'<dl class="facts">{cells}</dl>'
