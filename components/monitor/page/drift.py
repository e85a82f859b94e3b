"""The section on drift: what drifted, how far, since when, and how it is distributed now."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from components.monitor.page import distribution
from components.monitor.page.charts import Line, Mark, Point, Rule, Span, over_time, spark
from components.monitor.page.facts import ModelFacts, Past
from components.monitor.page.health import drift_words, order
from components.monitor.page.pace import paced
from components.monitor.page.words import figures, framed, p_value, psi, tag, when
from components.monitor.statistics.drift import WARNING_PSI, dataset_ratio, p_value_limit
from components.monitor.thresholds import PSI, read_thresholds
from components.monitor.verdicts import CRITICAL, OK, WARNING, ColumnDrift, DriftVerdict
from components.report.text import counted, more, number, percent, plain, table, text

KINDS = {CRITICAL: "refuse", WARNING: "warn", OK: "good"}
_FIRST = 25
_HEAD = (
    "Feature",
    "State",
    "PSI",
    "PSI over time",
    "PSI, 24 h",
    "p-value",
    "Missing",
    "Unseen",
    "Beyond",
)


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a model is shown.

    Attributes:
        cards: features that are drawn.
        rows: features that are listed.
    """

    cards: int
    rows: int


def section(
    model: ModelFacts,
    past: Past | None,
    depth: Depth,
    place: tuple[str, Sequence[Mark]],
    ids: "count[int]",
) -> str:
    """Shows the drift of a model's features.

    Args:
        model: what is stored of it.
        past: what is drawn over time; None where nothing was judged.
        depth: how much is shown.
        place: what the ids of its anchors begin with, and the runs that were started.
        ids: numbers that no other drawing of the page has.
    """
    prefix, marks = place
    verdict = model.drift
    if verdict is None or past is None:
        return '<p class="soft">Drift is not judged yet: a window has to fill first.</p>'
    limit = _limit(model, verdict)
    day = next((v.day for v in model.versions if v.drift is verdict), None)
    ordered = sorted(verdict.features.items(), key=lambda item: (*order(item[1]), item[0]))
    drawn = {name: at for at, (name, _) in enumerate(ordered[: depth.cards])}
    series = _series(past)
    rows = [
        _row(name, column, day, (series.get(name, ()), past.span, limit), (drawn, prefix))
        for name, column in paced(ordered[: depth.rows])
    ]
    listed = table(_HEAD, rows[:_FIRST], "Features by drift", "  n nnnnn")
    if len(rows) > _FIRST:
        rest = table(_HEAD, rows[_FIRST:], "Further features by drift", "  n nnnnn")
        listed += more(f"{counted(len(rows) - _FIRST, 'more feature')} with less drift", rest)
    if len(ordered) > len(rows):
        hidden = len(ordered) - len(rows)
        listed += f'<p class="soft">{counted(hidden, "more feature")}, all with less drift.</p>'
    cards = [
        _card(name, column, (series.get(name, ()), past.span, limit), f"{prefix}f{at}", ids)
        for at, (name, column) in paced(enumerate(ordered[: depth.cards]))
    ]
    cards.insert(0, _over(verdict, past, marks, ids))
    return (
        f"{_said(model, verdict, day, limit)}{listed}{_key()}"
        f'<div class="cards">{"".join(cards)}</div>'
    )


def _over(verdict: DriftVerdict, past: Past, marks: Sequence[Mark], ids: "count[int]") -> str:
    """Draws the share of drifted features over time."""
    points = [Point.bare(p.judged, p.version, p.ratio) for p in past.drift]
    limit = dataset_ratio(len(verdict.features))
    drawn = over_time(
        [Line(points)],
        past.span,
        (
            "Share of features that drifted",
            f"Now {percent(verdict.drifted_ratio)}; from {percent(limit)} on all drifted.",
        ),
        ids,
        rules=[Rule(limit, "limit")],
        marks=marks,
        least=0.0,
        told=percent,
    )
    drifted = sum(column.drifted for column in verdict.features.values())
    shown = figures(
        [
            ("drifted", f"{drifted:,} of {len(verdict.features):,}"),
            ("critical from", percent(limit)),
            ("window", f"{verdict.rows:,}"),
        ]
    )
    return framed("Drifted features", tag(verdict.status), drawn + shown)


def prediction(model: ModelFacts, past: Past | None, ids: "count[int]") -> str:
    """Shows how the answers are distributed: against the reference, and the version before."""
    verdict = model.drift
    if verdict is None or past is None or verdict.prediction is None:
        return '<p class="soft">The predictions are not judged yet.</p>'
    column, limit = verdict.prediction, _limit(model, verdict)
    points = [
        Point.bare(p.judged, p.version, p.prediction)
        for p in past.drift
        if p.prediction is not None
    ]
    drawn = over_time(
        [Line(points)],
        past.span,
        ("PSI of the predictions", f"Now {column.psi:.3f}, critical above {number(limit)}."),
        ids,
        rules=_rules(limit),
        least=0.0,
    )
    cards = [
        framed(
            "Now and in the reference",
            tag(column.status),
            distribution.picture(column, "Predictions", ids) + distribution.judged(column),
            f" {KINDS[column.status]}",
        ),
        framed("PSI over time", "", drawn),
    ]
    if verdict.previous is not None:
        words = "what the version before answered"
        shown = distribution.picture(verdict.previous, "Predictions", ids, words)
        note = '<p class="soft small">Told, not judged: two versions may well answer otherwise.</p>'
        cards.append(framed("Now and by the version before", "", shown + note))
    return f'{_key()}<div class="cards">{"".join(cards)}</div>'


def _said(model: ModelFacts, verdict: DriftVerdict, day: DriftVerdict | None, limit: float) -> str:
    served, other = model.served, ""
    if served is not None and served.number != verdict.version:
        other = (
            f"Version {served.number} answers and is not judged yet; these figures are of version "
            f"{verdict.version}. "
        )
    whole = ""
    if day is not None:
        said = drift_words(day)
        whole = (
            f"<p>{tag(day.status)} The 24 hours up to {when(day.end)}, {day.rows:,} rows, judged "
            f"once an hour: {said}.</p>"
        )
    least, warning = p_value_limit(len(verdict.features)), min(WARNING_PSI, limit)
    return (
        f"<p>{tag(verdict.status)} {other}The newest {verdict.rows:,} rows: "
        f"{drift_words(verdict)}.</p>{whole}"
        f'<p class="soft small">Rows of {when(verdict.start)} to {when(verdict.end)}, judged '
        f"{when(verdict.judged)}. A feature has drifted where the χ² test’s p-value is below "
        f"{number(least)} (0.001 shared by all features) and PSI, less its bias, above "
        f"{number(warning)} (warning) or {number(limit)} (critical).</p>"
    )


def _limit(model: ModelFacts, verdict: DriftVerdict) -> float:
    known = next((v.known for v in model.versions if v.number == verdict.version), None)
    return read_thresholds(known).psi if known else PSI


def _rules(limit: float) -> list[Rule]:
    rules = [Rule(limit, "limit")]
    return [Rule(WARNING_PSI, "caution"), *rules] if limit > WARNING_PSI else rules


def _series(past: Past) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for point in past.drift:
        for name, value in point.psi.items():
            series.setdefault(name, []).append(Point.bare(point.judged, point.version, value))
    return series


def _row(
    name: str,
    column: ColumnDrift,
    day: DriftVerdict | None,
    drawing: tuple[Sequence[Point], Span, float],
    place: tuple[dict[str, int], str],
) -> tuple[str, ...]:
    points, span, limit = drawing
    drawn, prefix = place
    least, most = (
        min((p.value for p in points), default=0),
        max((p.value for p in points), default=0),
    )
    words = f"PSI of {plain(name, 60)} from {least:.2f} to {most:.2f}, now {column.psi:.2f}"
    shown = text(name, 36)
    whole = day.features.get(name) if day else None
    return (
        f'<a href="#{prefix}f{drawn[name]}">{shown}</a>' if name in drawn else shown,
        tag(column.status, "" if column.drifted else "no drift"),
        psi(column.psi),
        spark(points, span, limit, words, KINDS[column.status]),
        psi(whole.psi) if whole else "–",
        p_value(column.p_value),
        percent(column.missing),
        percent(column.unseen),
        percent(column.below + column.above),
    )


def _card(
    name: str,
    column: ColumnDrift,
    drawing: tuple[Sequence[Point], Span, float],
    anchor: str,
    ids: "count[int]",
) -> str:
    state = tag(column.status) if column.drifted else '<span class="soft">no drift</span>'
    shown = distribution.picture(column, name, ids) + distribution.judged(column)
    return framed(text(name, 40), state, shown, f"{anchor} {KINDS[column.status]}")


def _key() -> str:
    return (
        '<ul class="keys small"><li><span class="key now"></span>now</li>'
        '<li><span class="key was"></span>reference: the training data</li></ul>'
    )
