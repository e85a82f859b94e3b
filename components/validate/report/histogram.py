"""A number's histogram, and under it its quantiles."""

from html import escape
from itertools import count

from components.report.drawing import LEFT, SPAN, bars, scale, svg
from components.report.text import number, percent
from components.validate.column_statistics import QUANTILES, Histogram, Numbers


def numbers(found: Numbers, name: str, ids: "count[int]") -> str:
    """Draws a histogram, and under it the quantiles: 5 to 95 % a line, 25 to 75 % a box.

    Args:
        found: with a histogram.
        name: the column, HTML.
        ids: as in `svg`.
    """
    drawn = found.histogram
    if drawn is None:
        return ""
    counts, tips, kinds = _ends(drawn)
    shapes = bars(counts, tips, kinds) + _quantiles(found, drawn, bool(drawn.below))
    words = f"From {number(found.minimum)} to {number(found.maximum)}"
    if found.quantiles:
        middle = found.quantiles[QUANTILES.index(0.5)]
        low, high = (found.quantiles[QUANTILES.index(q)] for q in (0.25, 0.75))
        words += f"; median {number(middle)}, middle half {number(low)} to {number(high)}"
    first = f"≤ {number(drawn.low)}" if drawn.below else number(_shown_low(drawn))
    last = f"≥ {number(drawn.high)}" if drawn.above else number(_shown_high(drawn))
    shapes += scale(first, last, 120)
    return svg(124, shapes, f"Histogram of {name}", f"{words}.", ids)


def _step(drawn: Histogram) -> float:
    return (drawn.high - drawn.low) / len(drawn.counts)


def _shown_low(drawn: Histogram) -> float:
    return drawn.low + 0.5 if _whole(drawn) else drawn.low


def _shown_high(drawn: Histogram) -> float:
    return drawn.high - 0.5 if _whole(drawn) else drawn.high


def _whole(drawn: Histogram) -> bool:
    """Whether bins stand around whole numbers."""
    return drawn.low % 1 == 0.5 and _step(drawn) % 1 == 0


def _ends(drawn: Histogram) -> tuple[list[int], list[str], list[str]]:
    """The columns, with one at either end for what lies beyond."""
    step, total = _step(drawn), sum(drawn.counts) + drawn.below + drawn.above
    counts, tips = list(drawn.counts), []
    for at, rows in enumerate(counts):
        low, high = drawn.low + at * step, drawn.low + (at + 1) * step
        around = f"{number(low)} to {number(high)}"
        if _whole(drawn):
            first, last = low + 0.5, high - 0.5
            around = number(first) if step == 1 else f"{number(first)} to {number(last)}"
        tips.append(f"{around}: {rows:,} rows, {percent(rows, total)}")
    kinds = [""] * len(counts)
    if drawn.below:
        counts.insert(0, drawn.below)
        tips.insert(0, f"under {number(drawn.low)}: {drawn.below:,} rows")
        kinds.insert(0, " far")
    if drawn.above:
        counts.append(drawn.above)
        tips.append(f"over {number(drawn.high)}: {drawn.above:,} rows")
        kinds.append(" far")
    return counts, tips, kinds


def _quantiles(found: Numbers, drawn: Histogram, below: bool) -> str:
    if not found.quantiles:
        return ""
    columns = len(drawn.counts) + below + bool(drawn.above)
    width = SPAN / columns
    start = LEFT + width * below
    span = width * len(drawn.counts)

    def place(value: float) -> float:
        within = (value - drawn.low) / (drawn.high - drawn.low) if drawn.high > drawn.low else 0.5
        return start + span * min(1.0, max(0.0, within))

    marks = dict(zip(QUANTILES, found.quantiles, strict=True))
    five, low, middle, high, most = (place(marks[q]) for q in (0.05, 0.25, 0.5, 0.75, 0.95))
    tip = "; ".join(f"{q:.0%} {number(value)}" for q, value in marks.items())
    return (
        f"<g><title>Quantiles: {escape(tip)}</title>"
        f'<line class="whisker" x1="{five:.1f}" y1="101" x2="{most:.1f}" y2="101"/>'
        f'<rect class="box" x="{low:.1f}" y="97.5" width="{max(1.5, high - low):.1f}" height="7" '
        f'rx="2"/><line class="median" x1="{middle:.1f}" y1="95.5" x2="{middle:.1f}" '
        'y2="106.5"/></g>'
    )
