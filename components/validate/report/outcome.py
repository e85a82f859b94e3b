"""The target against each feature: small drawings on one scale, the most telling first."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from components.contract import ColumnType
from components.report import drawing
from components.report.text import (
    counted,
    moment,
    more,
    number,
    percent,
    plain,
    table,
    text,
)
from components.validate.column_statistics import Bins, ColumnStatistics
from components.validate.report.marks import FLOOR, LEFT, TOP, WIDTH, Scale, line, mark, told
from components.validate.statistics import Statistics

_MOST_DRAWN = 60
_MOST_LINES = 6
# A mean of fewer rows is no guide to the scale that all drawings share.
_TELLING_ROWS = 30


def section(found: Statistics, ids: "count[int]") -> str:
    """Draws the target against the columns that have an association."""
    asked = [column for column in found.columns if column.bins and column.bins.outcome]
    asked.sort(key=lambda column: -(column.strength or 0))
    if not asked or not found.base:
        return '<p class="soft">There is no feature to hold against the target.</p>'
    drawn, rest = asked[:_MOST_DRAWN], asked[_MOST_DRAWN:]
    reach = _scale(found, drawn)
    cards = "".join(_card(column, found, reach, ids) for column in drawn)
    said = _said(found)
    if rest:
        rows = ((text(c.name), c.type, _strength(c)) for c in rest)
        listed = table(("Column", "Type", "Strength"), rows, "Columns by strength", "  n")
        said += more(f"{counted(len(rest), 'weaker column')}, not drawn to keep this short", listed)
    return f'{said}<div class="cards">{cards}</div>'


def _said(found: Statistics) -> str:
    target = text(found.target)
    measure = "Cramér’s V" if found.classes is not None else "the correlation ratio"
    order = f"Ordered by {measure}, corrected for bias: 0 tells nothing, 1 everything. A bin of "
    order += "numbers holds about a tenth of the rows."
    if found.classes is None:
        rule = f"the mean {target} of the rows, {number(found.base[0])}"
        what = f"Each point is the mean {target} of the rows in one bin."
    elif len(found.shown) == 1:
        rule = f"the share among all rows, {percent(found.base[0])}"
        what = f"Each bar is the share of {text(found.shown[0])} in one bin."
    else:
        keys = "".join(
            f'<li><span class="key s{at}"></span>{text(name, 24)} '
            f'<span class="soft">{percent(share)}</span></li>'
            for at, (name, share) in enumerate(zip(found.shown, found.base, strict=True))
        )
        other = 1 - sum(found.base)
        if len(found.shown) < len(found.classes):
            keys += '<li><span class="key"></span>others '
            keys += f'<span class="soft">{percent(other)}</span></li>'
        return (
            f'<p class="soft">Each bar holds the classes’ shares in one bin; the shares among all '
            f'rows are in the key. {order}</p><ul class="keys">{keys}</ul>'
        )
    return f'<p class="soft">{what} The dashed line is {rule}. {order}</p>'


def _scale(found: Statistics, columns: Sequence[ColumnStatistics]) -> Scale:
    if found.classes is not None and len(found.shown) > 1:
        return Scale(0, 1)
    values = [found.base[0]]
    for column in columns:
        if bins := column.bins:
            rows = (*bins.counts, bins.missing)
            values += [
                o[0] for o, n in zip(bins.outcome, rows, strict=True) if o and n >= _TELLING_ROWS
            ]
    if found.classes is not None:
        return Scale(0, min(1.0, max(*values, 0.01) * 1.05))
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) or 1.0
    return Scale(low - room, high + room)


def _card(column: ColumnStatistics, found: Statistics, reach: Scale, ids: "count[int]") -> str:
    bins = column.bins
    if bins is None:
        return ""
    labels = _labels(column, bins)
    rows = (*bins.counts, bins.missing)
    used = [at for at, n in enumerate(rows) if n]
    if bins.categories is None:
        body = _upright(column, found, reach, ids)
    else:
        body = _lying([(labels[at], bins.outcome[at]) for at in used], found, reach)
    heads = found.shown if found.classes is not None else ("mean",)
    cells = (
        (labels[at], f"{rows[at]:,}", *(told(value, found) for value in bins.outcome[at]))
        for at in used
    )
    figures = table(
        ("Bin", "Rows", *(text(head, 24) for head in heads)),
        cells,
        "Target by bin",
        " n" + "n" * len(heads),
    )
    return (
        f'<article class="card"><header><h3>{text(column.name, 40)}</h3><span class="strength">'
        f"{_strength(column)}</span></header>{body}{more('Figures', figures)}</article>"
    )


def _strength(column: ColumnStatistics) -> str:
    return "–" if column.strength is None else f"{column.strength:.2f}"


def _labels(column: ColumnStatistics, bins: Bins) -> list[str]:
    missing = '<span class="soft">missing</span>'
    if bins.categories is not None:
        others = '<span class="soft">others</span>'
        return [*(text(name, 30) for name in bins.categories), others, missing]
    cuts = [_cut(column, cut) for cut in bins.edges]
    if not cuts:
        return ["all", missing]
    between = [f"{low} to {high}" for low, high in zip(cuts, cuts[1:], strict=False)]
    return [f"under {cuts[0]}", *between, f"{cuts[-1]} and over", missing]


def _cut(column: ColumnStatistics, cut: float) -> str:
    if column.type is not ColumnType.DATE:
        return number(cut)
    return moment(str(np.datetime64(int(cut), "us")))


def _ends(column: ColumnStatistics, bins: Bins) -> tuple[str, str]:
    if column.dates and column.dates.minimum and column.dates.maximum:
        return moment(column.dates.minimum, "day"), moment(column.dates.maximum, "day")
    if column.numbers:
        return number(column.numbers.minimum), number(column.numbers.maximum)
    return "", ""


def _upright(column: ColumnStatistics, found: Statistics, reach: Scale, ids: "count[int]") -> str:
    """Ordered bins from left to right, the missing apart on the right."""
    bins = column.bins
    if bins is None:
        return ""
    labels, rows = _labels(column, bins), (*bins.counts, bins.missing)
    slots = [at for at in range(len(bins.counts)) if rows[at]]
    places = {at: float(place) for place, at in enumerate(slots)}
    if bins.missing:
        places[len(bins.counts)] = len(slots) + 0.5
    width = WIDTH / max(1.0, len(slots) + 1.5 * bool(bins.missing))
    shapes = [f'<line class="axis" x1="0" y1="{FLOOR}" x2="320" y2="{FLOOR}"/>']
    for at, place in places.items():
        values = bins.outcome[at]
        words = ", ".join(told(value, found) for value in values)
        tip = f"{_bare(labels[at])}: {words} of {rows[at]:,} rows"
        gone = " gone" if at == len(bins.counts) else ""
        shapes.append(
            f"<g><title>{tip}</title>"
            f"{mark(LEFT + place * width, width, values, found, reach, gone)}</g>"
        )
    if len(found.base) == 1:
        y = FLOOR - (FLOOR - TOP) * reach.share(found.base[0])
        shapes.append(f'<line class="base" x1="0" y1="{y:.1f}" x2="320" y2="{y:.1f}"/>')
    first, last = _ends(column, bins)
    end = LEFT + len(slots) * width
    shapes.append(f'<text class="tick" x="{LEFT}" y="106">{first}</text>')
    anchor = "end"
    if bins.missing:
        x = LEFT + places[len(bins.counts)] * width + width / 2
        shapes.append(f'<text class="tick mid" x="{min(x, 294):.1f}" y="106">missing</text>')
        end = min(end, 262)
    shapes.append(f'<text class="tick {anchor}" x="{end:.1f}" y="106">{last}</text>')
    name = plain(column.name, 80)
    words = f"Strength {_strength(column)}, in {counted(len(places), 'bin')}."
    title = f"{plain(found.target, 80)} by {name}"
    return drawing.svg(110, "".join(shapes), title, words, ids)


def _bare(label: str) -> str:
    return "missing" if label.startswith("<span") else label


def _lying(bins: Sequence[tuple[str, Sequence[float]]], found: Statistics, reach: Scale) -> str:
    """Categories, a line each; of many the first ten and how many are in the figures."""
    lines = "".join(line(label, values, found, reach) for label, values in bins[:_MOST_LINES])
    hidden = len(bins) - _MOST_LINES
    said = f'<p class="soft small">{counted(hidden, "more bin")} in the figures.</p>'
    return f'<ul class="lines outcome">{lines}</ul>{said if hidden > 0 else ""}'
