"""Drawings as inline SVG, each with its words for those who do not see it.

Colours are classes of the style sheet, so that drawings follow light, dark and print.
"""

from collections.abc import Sequence
from itertools import count
from typing import Final

WIDTH: Final = 320
LEFT: Final = 4
RIGHT: Final = 316
TOP: Final = 6
FLOOR: Final = 92
SPAN: Final = RIGHT - LEFT
LEAST: Final = 1.5
"""A bar's least height, so that a bin of one row among thousands is seen."""


def svg(height: int, body: str, title: str, description: str, ids: "count[int]") -> str:
    """Wraps shapes as a drawing with its words.

    Args:
        height: in units of which the width has 320.
        body: shapes.
        title: what is drawn, HTML.
        description: what is to be seen, HTML.
        ids: numbers that no other drawing of the page has.
    """
    key = f"d{next(ids)}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{key}t {key}d">'
        f'<title id="{key}t">{title}</title><desc id="{key}d">{description}</desc>{body}</svg>'
    )


def bars(counts: Sequence[int], tips: Sequence[str], kinds: Sequence[str] = ()) -> str:
    """Draws counts as columns side by side.

    Args:
        counts: one a column.
        tips: what each says when pointed at, HTML.
        kinds: a class each, or none.
    """
    most = max(max(counts, default=0), 1)
    width = SPAN / max(1, len(counts))
    gap = min(1.5, width * 0.12)
    shapes = [f'<line class="axis" x1="0" y1="{FLOOR}" x2="{WIDTH}" y2="{FLOOR}"/>']
    for at, rows in enumerate(counts):
        if not rows:
            continue
        height = max(LEAST, (FLOOR - TOP) * rows / most)
        kind = kinds[at] if kinds else ""
        shapes.append(
            f'<rect class="column{kind}" x="{LEFT + at * width + gap / 2:.1f}" '
            f'y="{FLOOR - height:.1f}" width="{max(0.5, width - gap):.1f}" '
            f'height="{height:.1f}" rx="{min(2.0, width / 4):.1f}"><title>{tips[at]}</title></rect>'
        )
    return "".join(shapes)


def scale(first: str, last: str, y: int = 106, middle: str = "") -> str:
    """Writes where an axis begins and ends, HTML."""
    words = (
        f'<text class="tick" x="{LEFT}" y="{y}">{first}</text>'
        f'<text class="tick end" x="{RIGHT}" y="{y}">{last}</text>'
    )
    if middle:
        words += f'<text class="tick mid" x="{WIDTH // 2}" y="{y}">{middle}</text>'
    return words
