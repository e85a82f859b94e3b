"""How one bin's outcome is drawn: shares as bars, a mean as a point off the mean of all."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.report.text import number, percent, plain
from components.validate.statistics import Statistics

LEFT, WIDTH, TOP, FLOOR = 4, 312, 8, 92


@dataclass(frozen=True)
class Scale:
    """From which outcome to which all drawings reach."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Returns where an outcome lies, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def told(value: float, found: Statistics) -> str:
    """Writes an outcome: a mean as number, a share as percentage."""
    return number(value) if found.classes is None else percent(value)


def mark(
    x: float, width: float, values: Sequence[float], found: Statistics, reach: Scale, gone: str
) -> str:
    """Draws one bin's outcome upright, as SVG.

    Args:
        x: where the bin begins.
        width: of the bin.
        values: shares of the shown classes, or the mean.
        found: names task and base.
        reach: what all drawings reach from and to.
        gone: the class of a bin of missing values, else empty.
    """
    tall = FLOOR - TOP
    gap = min(3.0, width * 0.14)
    if found.classes is None:
        y = FLOOR - tall * reach.share(values[0])
        base = FLOOR - tall * reach.share(found.base[0])
        middle = x + width / 2
        return (
            f'<rect class="target" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{tall}"/>'
            f'<line class="stem{gone}" x1="{middle:.1f}" y1="{base:.1f}" x2="{middle:.1f}" '
            f'y2="{y:.1f}"/><circle class="dot{gone}" cx="{middle:.1f}" cy="{y:.1f}" r="4"/>'
        )
    shapes, floor = [], float(FLOOR)
    for at, value in enumerate(values):
        height = tall * (reach.share(value) if len(values) == 1 else value)
        kind = f"column{gone}" if len(values) == 1 else f"s{at}"
        shapes.append(
            f'<rect class="{kind}" x="{x + gap / 2:.1f}" y="{floor - height:.1f}" '
            f'width="{width - gap:.1f}" height="{height:.1f}"/>'
        )
        floor -= height
    return "".join(shapes)


def line(label: str, values: Sequence[float], found: Statistics, reach: Scale) -> str:
    """Draws one bin's outcome as a line of a list, beside its label (HTML)."""
    if len(values) > 1:
        parts = "".join(
            f'<b class="s{at}" style="width:{100 * value:.1f}%"></b>'
            for at, value in enumerate(values)
        )
        words = ", ".join(
            f"{plain(n, 24)} {percent(v)}" for n, v in zip(found.shown, values, strict=True)
        )
        track = f'<span class="bar stack" role="img" aria-label="{words}" title="{words}">'
        track += f"{parts}</span>"
        return f'<li class="wide"><span class="label">{label}</span>{track}</li>'
    at, base = 100 * reach.share(values[0]), 100 * reach.share(found.base[0])
    mark = f'<b style="width:{at:.1f}%"></b>'
    kind = ""
    if found.classes is None:
        left, wide = min(at, base), abs(at - base)
        mark = f'<b style="margin-left:{left:.1f}%;width:{wide:.1f}%"></b>'
        mark += f'<s style="left:{at:.1f}%"></s>'
        kind = " point"
    return (
        f'<li><span class="label">{label}</span><span class="bar{kind}" aria-hidden="true">{mark}'
        f'<em style="left:{base:.1f}%"></em></span>'
        f'<span class="n">{told(values[0], found)}</span></li>'
    )
