"""One column's distribution now beside its reference, and the figures that judge it."""

from collections.abc import Sequence
from itertools import count

from components.monitor.page.words import figures, p_value, psi
from components.monitor.verdicts import ColumnDrift
from components.report.drawing import FLOOR, LEAST, LEFT, SPAN, TOP, WIDTH, scale, svg
from components.report.text import bar, counted, percent, plain, text

_BESIDE = ("(other)", "(unseen)", "(missing)")
_SHOWN = 7


def picture(
    column: ColumnDrift, name: str, ids: "count[int]", reference: str = "the reference"
) -> str:
    """Draws a distribution beside its reference: numbers upright, categories as a list.

    Args:
        column: with counts.
        name: of the column, any text.
        ids: numbers that no other drawing of the page has.
        reference: what it is held against, in words.
    """
    if not sum(column.counts) and not sum(column.reference):
        return '<p class="soft nothing">No row to draw.</p>'
    words = f"{_greatest(column, reference)}."
    if column.labels[-3:] == _BESIDE:
        return _listed(column, f"Rows by category of {plain(name, 80)}. {words}")
    shown = len(column.labels) if column.counts[-1] or column.reference[-1] else -1
    labels = [plain(label, 40) for label in column.labels[:shown]]
    title = f"{plain(name, 80)} now and in {reference}"
    return pairs(column.reference[:shown], column.counts[:shown], labels, (title, words), ids)


def judged(column: ColumnDrift) -> str:
    """Writes the figures by which a column is judged."""
    before = shares(column.reference)
    categories = column.labels[-3:] == _BESIDE
    was = f"<small>was {percent(before[-1])}</small>" if before[-1] else ""
    beyond = column.unseen if categories else column.below + column.above
    return figures(
        [
            ("PSI", psi(column.psi)),
            ("p-value", p_value(column.p_value)),
            ("missing", percent(column.missing) + was),
            ("unseen" if categories else "out of range", percent(beyond)),
        ]
    )


def pairs(
    reference: Sequence[int],
    counts: Sequence[int],
    labels: Sequence[str],
    words: tuple[str, str],
    ids: "count[int]",
) -> str:
    """Draws two distributions side by side, each as shares of its own rows.

    Args:
        reference: rows by bin.
        counts: rows by bin, now.
        labels: of the bins, HTML.
        words: title and description, HTML.
        ids: numbers that no other drawing of the page has.
    """
    before, now = shares(reference), shares(counts)
    most = max(*before, *now, 1e-9)
    width = SPAN / max(1, len(labels))
    bar = width * 0.42
    shapes = [f'<line class="axis" x1="0" y1="{FLOOR}" x2="{WIDTH}" y2="{FLOOR}"/>']
    for at, (old, new) in enumerate(zip(before, now, strict=True)):
        if not old and not new:
            continue
        x = LEFT + at * width + (width - 2 * bar) / 2
        tip = f"{labels[at]}: {percent(new)} now, {percent(old)} in the reference"
        shapes.append(
            f"<g><title>{tip}</title>{_bar('was', x, bar, old / most)}"
            f"{_bar('now', x + bar, bar, new / most)}</g>"
        )
    ends = (labels[0], labels[-1]) if len(labels) > 1 else (labels[0] if labels else "", "")
    return svg(110, "".join(shapes) + scale(*ends), *words, ids)


def shares(counts: Sequence[int]) -> list[float]:
    """Returns each count's share of all; 0 without any."""
    total = sum(counts)
    return [rows / total if total else 0.0 for rows in counts]


def _bar(kind: str, x: float, width: float, share: float) -> str:
    if not share:
        return ""
    height = max(LEAST, (FLOOR - TOP) * share)
    return f'<path class="{kind}" d="M{x:.1f} {FLOOR}v{-height:.1f}h{width:.1f}v{height:.1f}z"/>'


def _greatest(column: ColumnDrift, reference: str) -> str:
    """Says where a distribution differs most, HTML."""
    now, before = shares(column.counts), shares(column.reference)
    at = max(range(len(now)), key=lambda index: abs(now[index] - before[index]))
    label = plain(column.labels[at], 40)
    return f"Differs most at {label}: {percent(now[at])} now, {percent(before[at])} in {reference}"


def _listed(column: ColumnDrift, words: str) -> str:
    now, before = shares(column.counts), shares(column.reference)
    used = [at for at in range(len(now)) if now[at] or before[at]]
    used.sort(key=lambda at: -max(now[at], before[at]))
    most = max(max(now), max(before)) or 1.0
    lines = [_line(text(column.labels[at], 30), now[at], before[at], most) for at in used[:_SHOWN]]
    rest = used[_SHOWN:]
    if rest:
        label = f'<span class="soft">{counted(len(rest), "other")}</span>'
        lines.append(_line(label, _sum(now, rest), _sum(before, rest), most))
    return f'<ul class="lines both" aria-label="{words}">{"".join(lines)}</ul>'


def _sum(values: Sequence[float], chosen: Sequence[int]) -> float:
    return sum(values[at] for at in chosen)


def _line(label: str, now: float, before: float, most: float) -> str:
    return (
        f'<li><span class="label">{label}</span><span>{bar(before / most, "was")}'
        f'{bar(now / most, "now")}</span><span class="n">{percent(now)}</span>'
        f'<span class="n soft">{percent(before)}</span></li>'
    )
