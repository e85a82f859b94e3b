"""The page: its sections in the order in which a person asks for them."""

from html import escape
from itertools import count

from components.contract import Contract, Role
from components.report.document import document
from components.report.text import counted, percent, plain, text
from components.validate.report import changes, columns, correlations, outcome, tables
from components.validate.statistics import Statistics


def render(name: str, contract: Contract, statistics: Statistics) -> str:
    """Renders the data report.

    Args:
        name: the model's name.
        contract: what was expected, and where the rows came from.
        statistics: what the table holds, breaks, and changed.

    Returns:
        A whole HTML document, the same for the same arguments. No row is in it, and of private
        columns nothing but counts.
    """
    ids = count()
    sections = (
        ("contract", "Contract", tables.failures(statistics)),
        ("changes", "Since the last version", changes.section(statistics)),
        ("outcome", "Target against features", outcome.section(statistics, ids)),
        ("columns", "Columns", columns.section(statistics, ids)),
        ("missing", "Missing", tables.missing(statistics)),
        ("outliers", "Outliers", tables.outliers(statistics)),
        ("correlations", "Correlations", correlations.section(statistics)),
        ("ignored", "Ignored", tables.ignored(statistics)),
        ("withheld", "Counts alone", tables.withheld(statistics, contract)),
    )
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    body = "".join(
        f'<section id="{key}" aria-labelledby="{key}-h"><h2 id="{key}-h">{title}</h2>{content}'
        "</section>"
        for key, title, content in sections
    )
    return document(
        f"{plain(name)}: data report",
        f'{_head(name, contract, statistics)}<nav aria-label="Sections">{links}</nav>'
        f"<main>{_overview(statistics, ids)}{body}{_about(statistics)}</main>",
    )


def _head(name: str, contract: Contract, found: Statistics) -> str:
    refused = sum(broken.severity == "refuse" for broken in found.failures)
    verdict = '<span class="tag good">keeps its contract</span>'
    if found.failures:
        verdict = f'<span class="tag warn">{counted(len(found.failures), "warning")}</span>'
    if refused:
        verdict = '<span class="tag refuse">refused</span>'
    lineage = contract.lineage
    return (
        f'<header class="top"><p class="eyebrow">Data report</p><h1>{text(name, 80)} {verdict}</h1>'
        f'<p class="soft">Run {text(lineage.run_id)}, content '
        f"<code>{escape(lineage.fingerprint[:19])}…</code></p></header>"
    )


def _overview(found: Statistics, ids: "count[int]") -> str:
    cells = sum(column.missing for column in found.columns)
    features = sum(column.role is Role.FEATURE for column in found.columns)
    refused = sum(broken.severity == "refuse" for broken in found.failures)
    hidden = sum(bool(column.withheld) for column in found.columns)
    facts = [
        (
            f"{found.rows:,}",
            "rows",
            ", ".join(
                f"{count:,} {what}"
                for count, what in ((found.fresh, "fresh"), (found.rejected, "without a target"))
                if count
            ),
        ),
        (f"{len(found.columns):,}", "columns", f"{hidden:,} by counts alone" if hidden else ""),
        (f"{features:,}", "features", ""),
        (percent(cells, found.rows * len(found.columns)), "cells missing", f"{cells:,} cells"),
        (
            f"{len(found.failures):,}",
            "contract failures",
            f"{refused:,} refuse, {len(found.failures) - refused:,} warn" if found.failures else "",
        ),
        (
            "–" if found.duplicates is None else f"{found.duplicates:,}",
            "duplicate rows",
            "not counted"
            if found.duplicates is None
            else percent(found.duplicates, found.rows + found.rejected),
        ),
    ]
    tiles = "".join(
        f'<div class="tile"><dt>{key}</dt><dd>{value}<small>{note}</small></dd></div>'
        for value, key, note in facts
    )
    target = found.column(found.target)
    drawn = "" if target is None or target.withheld else columns.card(target, found, ids)
    return (
        '<section id="overview" aria-label="Overview"><div class="over">'
        f'<dl class="tiles">{tiles}</dl>{drawn}</div></section>'
    )


def _about(found: Statistics) -> str:
    sampled = "Everything is of all rows."
    if found.sampled < found.rows:
        sampled = (
            f"Rows, missing, zeros, least, greatest, mean, standard deviation and distinct are of "
            f"all {found.rows:,} rows. Drawings, quantiles, categories, outliers, correlations and "
            f"the target by bin are of {found.sampled:,} of them: one at random, by a fixed seed, "
            "of every run of equal length."
        )
    return (
        f'<footer id="about"><h2>About these figures</h2><p>{sampled} Distinct values are exact '
        "up to 2,048 and about (2 %) beyond. Categories of fewer than 5 rows are among the others, "
        "as a rare one may name somebody. A histogram’s last bars, where they are marked, hold "
        "what lies far out. Under it the line spans 5 to 95 % of the values, the box 25 to 75 %, "
        "the mark is the median.</p></footer>"
    )
