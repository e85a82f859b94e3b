"""The section on traffic: rows a second, and how long answers take."""

from itertools import count

from components.monitor.page.axes import Line, Point
from components.monitor.page.charts import over_time
from components.monitor.page.facts import ModelFacts, Past
from components.monitor.page.words import figures, framed, seconds
from components.monitor.verdicts import DriftVerdict
from components.report.text import number

_MEDIAN, _SLOWEST = "0.5", "0.99"


def section(model: ModelFacts, past: Past | None, ids: "count[int]") -> str:
    """Shows rate and latency of the windows that were judged."""
    verdict = model.drift
    if verdict is None or past is None:
        return (
            '<p class="soft">Rate and latency are told of whole windows, and none is full yet.</p>'
        )
    return f'<div class="cards">{_rate(verdict, past, ids)}{_latency(verdict, past, ids)}</div>'


def _rate(verdict: DriftVerdict, past: Past, ids: "count[int]") -> str:
    points = [Point.bare(p.judged, p.version, p.rate) for p in past.drift]
    words = f"Now {number(verdict.rate)}; in the same time before {number(verdict.rate_before)}."
    drawn = over_time([Line(points)], past.span, ("Rows a second", words), ids, least=0.0)
    shown = figures(
        [("now", number(verdict.rate)), ("the same time before", number(verdict.rate_before))]
    )
    return framed("Rows a second", "", drawn + shown)


def _latency(verdict: DriftVerdict, past: Past, ids: "count[int]") -> str:
    lines = [
        Line(
            [Point.bare(p.judged, p.version, p.latency[q]) for p in past.drift if q in p.latency], k
        )
        for q, k in ((_SLOWEST, "trace"), (_MEDIAN, "median-trace"))
    ]
    median, slowest = (verdict.latency.get(q) for q in (_MEDIAN, _SLOWEST))
    words = f"Half of the requests within {seconds(median)}, 99 of 100 within {seconds(slowest)}."
    drawn = over_time(
        lines, past.span, ("How long the server takes", words), ids, least=0.0, told=seconds
    )
    shown = figures(
        [
            ('<span class="key trace"></span>99 of 100 within', seconds(slowest)),
            ('<span class="key median-trace"></span>median', seconds(median)),
        ]
    )
    return framed("Latency of the server", "", drawn + shown)
