"""What breaks the contract, is missing, lies far out, is left out, or is told by counts alone."""

from components.contract import Contract, Role
from components.report.text import bar, counted, more, number, percent, table, text
from components.validate.column_statistics import ColumnStatistics
from components.validate.report.columns import distinct
from components.validate.statistics import Broken, Statistics

_SHOWN = 20
_FAILURES = 50


def failures(found: Statistics) -> str:
    """Lists every way in which the data breaks its contract."""
    if not found.failures:
        return '<p><span class="tag good">kept</span> Every row keeps the contract.</p>'
    rows = [_failure(broken) for broken in found.failures]
    head = ("Severity", "Column", "Reason", "Rows", "Expected", "First rows, from 0")
    shown = table(head, rows[:_FAILURES], "Contract failures", "   n", stacked=True)
    if len(rows) > _FAILURES:
        rest = table(head, rows[_FAILURES:], "More contract failures", "   n", stacked=True)
        shown += more(f"{len(rows) - _FAILURES:,} more failures", rest)
    return shown


def _failure(broken: Broken) -> tuple[str, ...]:
    word = "refuse" if broken.severity == "refuse" else "warn"
    return (
        f'<span class="tag {word}">{word}</span>',
        text(broken.column) if broken.column else '<span class="soft">the table</span>',
        f"<code>{text(broken.code)}</code>",
        f"{broken.count:,}",
        f'<span class="prose">{text(broken.expected, 240)}</span>',
        ", ".join(f"{place:,}" for place in broken.places),
    )


def missing(found: Statistics) -> str:
    """Draws the share of missing values by column."""
    gaps = [column for column in found.columns if column.missing]
    gaps.sort(key=lambda column: -column.missing)
    whole = len(found.columns) - len(gaps)
    said = f'<p class="soft">{counted(whole, "column")} without a missing value.</p>'
    if not gaps:
        return said
    lines = [_gap(column, found.rows) for column in gaps]
    shown = f'<ul class="lines long">{"".join(lines[:_SHOWN])}</ul>'
    if len(lines) > _SHOWN:
        rest = f'<ul class="lines long">{"".join(lines[_SHOWN:])}</ul>'
        shown += more(f"{len(lines) - _SHOWN:,} columns with fewer", rest)
    return shown + said


def _gap(column: ColumnStatistics, rows: int) -> str:
    return (
        f'<li><span class="label">{text(column.name)}</span>{bar(column.missing / max(1, rows))}'
        f'<span class="n">{column.missing:,}</span>'
        f'<span class="n soft">{percent(column.missing, rows)}</span></li>'
    )


def outliers(found: Statistics) -> str:
    """Lists the numbers with values beyond Tukey's fences."""
    said = (
        '<p class="soft">Beyond Tukey’s fences: more than 1.5 interquartile ranges under the first '
        "or over the third quartile (Exploratory Data Analysis, 1977). A long tail has many of "
        "them and is no fault. A column whose quartiles are one value is not judged.</p>"
    )
    far = []
    for column in found.columns:
        fence = column.numbers.outliers if column.numbers else None
        there = found.sampled - column.bins.missing if column.bins else 0
        if fence and fence.below + fence.above:
            share = (fence.below + fence.above) / max(1, there)
            far.append((share, column.name, fence))
    far.sort(key=lambda item: (-item[0], item[1]))
    if not far:
        return said + "<p>No number has any.</p>"
    rows = [
        (
            text(name),
            f"{percent(share)}{bar(share)}",
            f"{fence.below + fence.above:,}",
            f"{fence.below:,}",
            number(fence.low),
            f"{fence.above:,}",
            number(fence.high),
        )
        for share, name, fence in far
    ]
    head = ("Column", "Share", "Values", "Below", "Low fence", "Above", "High fence")
    shown = table(head, rows[:_SHOWN], "Outliers", "  nnnnn")
    if len(rows) > _SHOWN:
        rest = table(head, rows[_SHOWN:], "More outliers", "  nnnnn")
        shown += more(f"{len(rows) - _SHOWN:,} columns with fewer", rest)
    return said + shown


def ignored(found: Statistics) -> str:
    """Lists the columns that are no features, with the reason."""
    out = [column for column in found.columns if column.role is Role.IGNORED]
    if not out:
        return '<p class="soft">No column is ignored.</p>'
    rows = [(text(column.name), column.type, text(column.reason, 120)) for column in out]
    head = ("Column", "Type", "Why")
    shown = table(head, rows[:_SHOWN], "Ignored columns")
    if len(rows) > _SHOWN:
        rest = table(head, rows[_SHOWN:], "More ignored columns")
        shown += more(f"{len(rows) - _SHOWN:,} more ignored columns", rest)
    return shown


def withheld(found: Statistics, contract: Contract) -> str:
    """Lists by counts alone the columns whose values may not be shown."""
    protected = {column.name for column in contract.columns if column.protected}
    hidden = [column for column in found.columns if column.withheld]
    if not hidden:
        return '<p class="soft">No column is private or identifies somebody.</p>'
    rows = [
        (
            text(column.name) + (" (protected)" if column.name in protected else ""),
            text(column.withheld, 120),
            f"{found.rows:,}",
            f"{column.missing:,}",
            distinct(column),
        )
        for column in hidden
    ]
    said = '<p class="soft">Of these no value is shown, nor any figure that would tell one.</p>'
    head = ("Column", "Why", "Rows", "Missing", "Distinct")
    shown = table(head, rows[:_SHOWN], "Columns told by counts alone", "  nnn")
    if len(rows) > _SHOWN:
        rest = table(head, rows[_SHOWN:], "More columns told by counts alone", "  nnn")
        shown += more(f"{len(rows) - _SHOWN:,} more", rest)
    return said + shown
