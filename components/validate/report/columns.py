"""Each column's distribution: a card with its drawing and figures."""

from collections.abc import Sequence
from itertools import count

from components.contract import Role
from components.report import drawing
from components.report.text import (
    bar,
    counted,
    moment,
    more,
    number,
    percent,
    plain,
    table,
    text,
)
from components.validate.column_statistics import Categories, ColumnStatistics, Dates
from components.validate.report import histogram
from components.validate.statistics import Statistics

# A browser stays quick with this many cards; more of them nobody reads.
MOST_DRAWN = 200
_SHOWN_CATEGORIES = 6
_MORE_CATEGORIES = 100


def section(found: Statistics, ids: "count[int]") -> str:
    """Draws every column that may be shown, up to 200; the others are a list."""
    shown = [column for column in found.columns if not column.withheld]
    ordered = sorted(shown, key=lambda c: (c.role is not Role.TARGET, -(c.strength or 0)))
    names = {column.name for column in ordered[:MOST_DRAWN]}
    drawn = [column for column in shown if column.name in names]
    cards = "".join(card(column, found, ids) for column in drawn)
    said = ""
    if len(shown) > len(drawn):
        rest = [column for column in shown if column.name not in names]
        said = (
            f'<p class="soft">Drawn are the {MOST_DRAWN} columns that tell most of the target, so '
            f"that the page stays usable; {len(rest):,} more are in the list.</p>"
        )
        said += more(f"{len(rest):,} columns that are not drawn", _listed(rest, found))
    return f'{said}<div class="cards">{cards}</div>'


def _listed(columns: Sequence[ColumnStatistics], found: Statistics) -> str:
    rows = (
        (
            text(column.name),
            column.type,
            percent(column.missing, found.rows),
            distinct(column),
            number(column.numbers.minimum) if column.numbers else "",
            number(column.numbers.mean) if column.numbers else "",
            number(column.numbers.maximum) if column.numbers else "",
        )
        for column in columns
    )
    head = ("Column", "Type", "Missing", "Distinct", "Least", "Mean", "Greatest")
    return table(head, rows, "Columns that are not drawn", "  nnnnn")


def card(column: ColumnStatistics, found: Statistics, ids: "count[int]") -> str:
    """Draws one column that may be shown."""
    kind = column.type if column.role is not Role.TARGET or not found.classes else "classes"
    role = "" if column.role is Role.FEATURE else f' <span class="role">{column.role}</span>'
    return (
        f'<article class="card"><header><h3>{text(column.name, 40)}</h3>'
        f'<span class="soft">{kind}{role}</span></header>{picture(column, found, ids)}'
        f"{_figures(column, found)}</article>"
    )


def picture(column: ColumnStatistics, found: Statistics, ids: "count[int]") -> str:
    """Draws the distribution alone."""
    name = plain(column.name, 80)
    if column.numbers and column.numbers.histogram:
        return histogram.numbers(column.numbers, name, ids)
    if column.dates and column.dates.counts:
        return _dates(column.dates, name, ids)
    if column.categories and (column.categories.top or column.categories.rest):
        whole = found.sampled if column.role is not Role.TARGET else found.rows
        return _categories(column.categories, max(1, whole), name)
    return '<p class="soft nothing">No value to draw.</p>'


def _dates(dates: Dates, name: str, ids: "count[int]") -> str:
    pairs = list(zip(dates.starts, dates.counts, strict=True))
    tips = [f"{moment(start, dates.every)}: {rows:,} rows" for start, rows in pairs]
    shapes = drawing.bars(dates.counts, tips)
    first, last = (moment(dates.starts[at], dates.every) for at in (0, -1))
    shapes += drawing.scale(first, last, 106, f"by {dates.every}")
    start, rows = max(pairs, key=lambda pair: pair[1])
    words = f"By {dates.every} from {first} to {last}; most rows, {rows:,}, at "
    words += moment(start, dates.every)
    return drawing.svg(110, shapes, f"Rows over time of {name}", f"{words}.", ids)


def _categories(categories: Categories, rows: int, name: str) -> str:
    top = categories.top[:_SHOWN_CATEGORIES]
    most = max([category.count for category in top] or [1])
    lines = [_line(text(c.name, 30), c.count, rows, most) for c in top]
    hidden = categories.top[_SHOWN_CATEGORIES:_MORE_CATEGORIES]
    rest = categories.rest + sum(category.count for category in hidden)
    others = categories.others + len(hidden)
    if rest:
        label = f'<span class="soft">{counted(others, "other")}</span>'
        lines.append(_line(label, rest, rows, max(most, rest), " rest"))
    listed = f'<ul class="lines" aria-label="Rows by category of {name}">{"".join(lines)}</ul>'
    if not hidden:
        return listed
    cells = ((text(c.name), f"{c.count:,}", percent(c.count, rows)) for c in hidden)
    head = ("Category", "Rows", "Share")
    return listed + more(
        f"{len(hidden)} more by name", table(head, cells, "More categories", " nn")
    )


def _line(label: str, count: int, rows: int, most: int, kind: str = "") -> str:
    return (
        f'<li><span class="label">{label}</span>{bar(count / most, kind.strip())}'
        f'<span class="n">{count:,}</span><span class="n soft">{percent(count, rows)}</span></li>'
    )


def distinct(column: ColumnStatistics) -> str:
    """Writes how many different values there are; `about` where it is estimated."""
    if column.distinct is None:
        return "–"
    about = "" if column.distinct < 2048 else "≈ "
    return f"{about}{column.distinct:,}"


def _figures(column: ColumnStatistics, found: Statistics) -> str:
    figures = [
        ("missing", percent(column.missing, found.rows)),
        ("distinct", distinct(column)),
    ]
    if column.numbers:
        seen = column.numbers
        figures += [
            ("mean", number(seen.mean)),
            ("std", number(seen.std)),
            ("least", number(seen.minimum)),
            ("greatest", number(seen.maximum)),
            ("zeros", percent(seen.zeros, found.rows)),
        ]
        if seen.quantiles:
            figures.insert(4, ("median", number(seen.quantiles[3])))
    if column.dates:
        figures += [("first", moment(column.dates.minimum or "–"))]
        figures += [("last", moment(column.dates.maximum or "–"))]
    cells = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in figures)
    kind = " dates" if column.dates else ""
    return f'<dl class="figures{kind}">{cells}</dl>'
