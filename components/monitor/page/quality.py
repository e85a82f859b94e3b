"""The section on quality: each metric over time, with its interval, the hold-out and the limit."""

import json
from collections.abc import Sequence
from itertools import count

from components.monitor.pace import paced
from components.monitor.page.axes import Line, Mark, Point, Rule
from components.monitor.page.charts import over_time
from components.monitor.page.facts import ModelFacts, Past
from components.monitor.page.words import LEVELS, figures, framed, seconds, tag, when
from components.monitor.verdicts import CRITICAL, OK, MetricQuality, QualityVerdict
from components.monitor.versions import Version
from components.report.text import more, number, percent, plain, text

_FIRST = 3


def section(model: ModelFacts, past: Past | None, marks: Sequence[Mark], ids: "count[int]") -> str:
    """Shows how good the answers were, on rows whose truth has come."""
    verdict = model.quality
    if verdict is None or past is None:
        return _estimated(model) + (
            '<p class="soft">No label has been judged yet: send ground truth to /v1/feedback, or '
            "by <code>kubeloop feedback FILE</code>.</p>"
        )
    names = ranked(verdict, _known(model, verdict.version))
    cards = [_card(name, verdict, past, marks, ids) for name in paced(names)]
    if verdict.cusum is not None:
        cards.insert(min(_FIRST, len(cards)) - 1, _errors(verdict, past, marks, ids))
    first, rest = cards[:_FIRST], cards[_FIRST:]
    shown = f'<div class="cards">{"".join(first)}</div>'
    if rest:
        words = f"{len(rest)} more: {', '.join(text(name) for name in names[_FIRST - 1 :])}"
        shown += more(words, f'<div class="cards">{"".join(rest)}</div>')
    return f"{_said(model, verdict)}{_key()}{shown}"


def ranked(verdict: QualityVerdict, known: Version | None) -> list[str]:
    """Orders metrics: those with a limit, then the one that the model was chosen by, then the bad.

    Args:
        verdict: on quality.
        known: its version, whose spec says what it was chosen by.
    """
    chosen = None
    if known is not None:
        spec = json.loads(known.bundle).get("spec")
        search = spec.get("search") if isinstance(spec, dict) else None
        chosen = search.get("metric") if isinstance(search, dict) else None

    def place(name: str) -> tuple[bool, bool, int]:
        found = verdict.metrics[name]
        return (found.threshold is None, name != chosen, LEVELS.index(found.status))

    return sorted(verdict.metrics, key=place)


def series(past: Past, name: str) -> list[Point]:
    """Returns a metric over time, with its intervals."""
    found = [(v, v.metrics[name]) for v in past.quality if name in v.metrics]
    return [Point(v.judged, v.version, m.value, m.low, m.high) for v, m in found]


def _known(model: ModelFacts, number: int) -> Version | None:
    return next((v.known for v in model.versions if v.number == number), None)


def _said(model: ModelFacts, verdict: QualityVerdict) -> str:
    served, other = model.served, ""
    if served is not None and served.number != verdict.version:
        other = (
            f"Version {served.number} answers, and none of its rows has a label yet; these figures "
            f"are of version {verdict.version}. "
        )
    return (
        f"<p>{tag(verdict.status)} {other}The newest {verdict.rows:,} labelled rows, of "
        f"{when(verdict.start)} to {when(verdict.end)}, judged {when(verdict.judged)}; half of the "
        f"labels came within {seconds(verdict.lag)}.</p>"
    )


def _card(
    name: str, verdict: QualityVerdict, past: Past, marks: Sequence[Mark], ids: "count[int]"
) -> str:
    found = verdict.metrics[name]
    expected = [
        Point.bare(p.judged, p.version, p.estimate[name]) for p in past.drift if name in p.estimate
    ]
    drawn = over_time(
        [Line(series(past, name), band=True), Line(expected, "estimate")],
        past.span,
        (plain(name), _words(found)),
        ids,
        rules=_rules(found),
        marks=marks,
    )
    shown = figures(
        [
            ("now", number(found.value)),
            ("95 % interval", f"{number(found.low)} to {number(found.high)}"),
            ("hold-out", number(found.baseline)),
            ("limit", number(found.threshold)),
            *([("estimate", number(expected[-1].value))] if expected else []),
        ]
    )
    state = tag(found.status, "" if found.status != OK else "within its limits")
    note = ' <span class="soft small">lower is better</span>' if found.lower_is_better else ""
    return framed(f"{text(name)}{note}", state, drawn + shown)


def _words(found: MetricQuality) -> str:
    words = f"Now {number(found.value)}, 95 % interval {number(found.low)} to {number(found.high)}"
    if found.baseline is not None:
        words += f"; on the hold-out {number(found.baseline)}"
    if found.threshold is not None:
        words += f"; its limit is {number(found.threshold)}"
    return f"{words}."


def _rules(found: MetricQuality) -> list[Rule]:
    rules = [(found.baseline, "holdout"), (found.threshold, "limit")]
    return [Rule(value, kind) for value, kind in rules if value is not None]


def _errors(verdict: QualityVerdict, past: Past, marks: Sequence[Mark], ids: "count[int]") -> str:
    """Draws the cumulative sum of errors."""
    cusum = verdict.cusum
    if cusum is None:
        return ""
    points = [Point.bare(v.judged, v.version, v.cusum.value) for v in past.quality if v.cusum]
    words = f"Now {number(cusum.value)}; it alarms at {number(cusum.limit)}."
    drawn = over_time(
        [Line(points)],
        past.span,
        ("Evidence that errors have risen", words),
        ids,
        rules=[Rule(cusum.limit, "limit")],
        marks=marks,
        least=0.0,
    )
    shown = figures(
        [
            ("now", number(cusum.value)),
            ("alarms at", number(cusum.limit)),
            ("errors expected", percent(cusum.rate)),
            ("rows", f"{cusum.rows:,}"),
        ]
    )
    state = tag(CRITICAL, "alarm") if cusum.alarm else tag(OK, "no alarm")
    title = 'Errors <span class="soft small">CUSUM</span>'
    return framed(title, state, drawn + shown)


def _estimated(model: ModelFacts) -> str:
    """Lists what is expected without labels, where nothing else is known."""
    verdict = model.drift
    if verdict is None or not verdict.estimate:
        return ""
    said = ", ".join(f"{text(name)} {number(value)}" for name, value in verdict.estimate.items())
    return (
        f"<p><strong>Estimated without labels</strong>: {said}. It follows from the probabilities "
        "alone, is blind to a change of what inputs mean, and never clears an alert.</p>"
    )


def _key() -> str:
    marks = (
        ("trace", "on labelled rows"),
        ("band", "95 % interval"),
        ("holdout", "hold-out"),
        ("limit", "limit"),
        ("estimate", "estimate without labels, which clears no alert"),
        ("run", "a run was started"),
    )
    entries = "".join(f'<li><span class="key {kind}"></span>{words}</li>' for kind, words in marks)
    return f'<ul class="keys small">{entries}</ul>'
