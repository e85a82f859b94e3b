"""The section on versions: what is registered, what answers, and what nobody registered."""

from collections.abc import Sequence

from components.monitor.page.facts import ModelFacts, VersionFacts
from components.monitor.page.words import aged, tag, when
from components.monitor.recent_traffic import LEFT_SECONDS
from components.monitor.thresholds import read_thresholds
from components.monitor.verdicts import OK, WARNING
from components.report.text import more, table

_HEAD = (
    "Version", "State", "Drift", "Quality", "Trained", "First event", "Last event", "Events",
    "Rows answered", "Labelled",
)  # fmt: skip
_FIRST = 10


def section(model: ModelFacts, now: int) -> str:
    """Lists a model's versions, those with the newest events first."""
    rows = [_row(version, model, now) for version in model.versions]
    shown = table(_HEAD, rows[:_FIRST], "Versions", "       nnn")
    if len(rows) > _FIRST:
        rest = table(_HEAD, rows[_FIRST:], "Earlier versions", "       nnn")
        shown += more(f"{len(rows) - _FIRST} with earlier events", rest)
    if any(version.unjudged for version in model.versions):
        shown += (
            '<p class="soft small">Events that came while their version was not registered are '
            "kept and counted without their features, and never judged.</p>"
        )
    return shown


def answering(model: ModelFacts) -> Sequence[VersionFacts]:
    """Returns the versions that answer: with an event at most five minutes before the last."""
    served = model.served
    if served is None or served.last_event is None:
        return ()
    least = served.last_event - LEFT_SECONDS * 1e6
    return [v for v in model.versions if v.known and (v.last_event or 0) >= least]


def _row(version: VersionFacts, model: ModelFacts, now: int) -> tuple[str, ...]:
    trained = read_thresholds(version.known).trained if version.known else None
    return (
        str(version.number) if version.number else '<span class="soft">not named</span>',
        _state(version, model),
        tag(version.drift.status) if version.drift else "–",
        tag(version.quality.status) if version.quality else "–",
        when(trained),
        when(version.first_event),
        aged(version.last_event, now),
        _events(version),
        f"{version.predictions:,}",
        f"{version.labelled:,}",
    )


def _events(version: VersionFacts) -> str:
    notes = [
        f"{number:,} {what}"
        for number, what in ((version.unjudged, "not judged"), (version.duplicates, "sent again"))
        if number
    ]
    note = f' <span class="soft">({", ".join(notes)})</span>' if notes else ""
    return f"{version.events:,}{note}"


def _state(version: VersionFacts, model: ModelFacts) -> str:
    if not version.known:
        return tag(WARNING, "nobody registered it")
    if version in answering(model):
        return tag(OK, "answers")
    return (
        '<span class="soft">registered</span>' if version.events else tag("unknown", "no event yet")
    )
