"""The sections on drift: what drifted, how far, since when, and how it is distributed now."""

from collections.abc import Sequence
from itertools import count

from components.monitor.page import distribution
from components.monitor.page.axes import Line, Mark, Point, Rule
from components.monitor.page.charts import over_time
from components.monitor.page.facts import ModelFacts, Past
from components.monitor.page.features import Depth, Features
from components.monitor.page.health import drift_words
from components.monitor.page.words import KINDS, figures, framed, tag, when
from components.monitor.statistics.drift import WARNING_PSI, dataset_ratio, p_value_limit
from components.monitor.thresholds import PSI, read_thresholds
from components.monitor.verdicts import DriftVerdict
from components.report.text import number, percent


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
    features = Features(verdict, day, limit, past)
    cards = [_over(verdict, past, marks, ids), *features.cards(depth.cards, prefix, ids)]
    return (
        f"{_said(model, verdict, day, limit)}{features.listed(depth, prefix)}{_key()}"
        f'<div class="cards">{"".join(cards)}</div>'
    )


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


def _key() -> str:
    return (
        '<ul class="keys small"><li><span class="key now"></span>now</li>'
        '<li><span class="key was"></span>reference: the training data</li></ul>'
    )
