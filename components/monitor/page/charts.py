"""Figures over time, as SVG: lines with their intervals, limits, and what happened meanwhile."""

from collections.abc import Callable, Sequence
from itertools import count, groupby

from components.monitor.page.axes import Line, Mark, Point, Reach, Rule, Span
from components.monitor.page.words import clock
from components.report.drawing import FLOOR, LEFT, RIGHT, TOP, WIDTH, scale, svg
from components.report.text import number

_SPARK = (112, 26)


def over_time(
    lines: Sequence[Line],
    span: Span,
    words: tuple[str, str],
    ids: "count[int]",
    *,
    rules: Sequence[Rule] = (),
    marks: Sequence[Mark] = (),
    least: float | None = None,
    told: Callable[[float], str] = number,
) -> str:
    """Draws figures over time.

    Args:
        lines: the first one's points say what they are when pointed at.
        span: the time.
        words: title and description, HTML.
        ids: numbers that no other drawing of the page has.
        rules: values that are drawn all along.
        marks: what happened meanwhile.
        least: from which value the drawing reaches at most; None for that of the lines.
        told: writes a value, HTML.

    Returns:
        A drawing; words where there is no point.
    """
    every = [value for line in lines for p in line.points for value in (p.low, p.high)]
    if not every:
        return '<p class="soft nothing">Nothing was judged in this time.</p>'
    reach = Reach.of([*every, *(rule.value for rule in rules)], least)
    named = lines[0].points
    shapes = [f'<line class="axis" x1="0" y1="{FLOOR}" x2="{WIDTH}" y2="{FLOOR}"/>']
    shapes += [_band(p, span, reach) for line in lines if line.band for p in _parts(line, span)]
    shapes += [_rule(rule, reach) for rule in rules]
    shapes += [_turn(time, version, span) for time, version in _turns(named)]
    shapes += [_trace(line, span, reach) for line in lines]
    shapes += [_hit(point, span, reach, told) for point in named]
    shapes += [_mark(mark, span) for mark in marks if span.since <= mark.time <= span.until]
    return svg(114, "".join(shapes) + _ends(span, reach, told), *words, ids)


def spark(
    points: Sequence[Point],
    span: Span,
    limit: float,
    words: str,
    kind: str = "",
    *,
    least: float | None = 0.0,
) -> str:
    """Draws a figure over time as small as a word.

    Args:
        points: of one figure.
        span: the time.
        limit: a rule, which is always in sight.
        words: what is to be seen, HTML.
        kind: class of the last point.
        least: from which value the drawing reaches at most; None for that of the points.
    """
    if not points:
        return ""
    width, height = _SPARK
    reach = Reach.of([limit, *(p.value for p in points)], least)
    frame = (3.0, width - 4.0, 3.0, height - 3.0)
    y = reach.place(limit, *frame[2:])
    parts = "".join(
        f'<path class="trace" d="{_path(part, span, reach, frame)}"/>'
        for part in _parts(Line(points), span)
    )
    last = max(points, key=lambda point: point.time)
    x, end = span.place(last.time, *frame[:2]), reach.place(last.value, *frame[2:])
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" role="img"><title>{words}</title>'
        f'<path class="limit" d="M0 {y:.1f}H{width}"/>{parts}'
        f'<circle class="tip {kind}" cx="{x:.1f}" cy="{end:.1f}" r="2.5"/></svg>'
    )


def _trace(line: Line, span: Span, reach: Reach) -> str:
    parts = _parts(line, span)
    return "".join(f'<path class="{line.kind}" d="{_path(p, span, reach)}"/>' for p in parts)


def _ends(span: Span, reach: Reach, told: Callable[[float], str]) -> str:
    """Writes where both axes begin and end."""
    length = span.until - span.since
    return (
        f'<text class="tick y" x="{LEFT}" y="{TOP + 7}">{told(reach.high)}</text>'
        f'<text class="tick y" x="{LEFT}" y="{FLOOR - 3}">{told(reach.low)}</text>'
        f"{scale(clock(span.since, length), clock(span.until, length), y=110)}"
    )


def _parts(line: Line, span: Span) -> list[list[Point]]:
    """Splits a series where the version changes, and where nothing was judged for long."""
    parts: list[list[Point]] = []
    for point in line.points:
        last = parts[-1][-1] if parts else None
        if last and last.version == point.version and point.time - last.time <= 4 * span.step:
            parts[-1].append(point)
        else:
            parts.append([point])
    return parts


_FRAME = (float(LEFT), float(RIGHT), float(TOP), float(FLOOR))


def _path(
    part: Sequence[Point],
    span: Span,
    reach: Reach,
    frame: tuple[float, float, float, float] = _FRAME,
) -> str:
    left, right, top, floor = frame
    places = [(span.place(p.time, left, right), reach.place(p.value, top, floor)) for p in part]
    if len(places) == 1:
        # A line of no length is drawn as a dot, by its round ends.
        places *= 2
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _band(part: Sequence[Point], span: Span, reach: Reach) -> str:
    xs = [span.place(p.time, LEFT, RIGHT) for p in part]
    if len(xs) == 1:
        xs, part = [xs[0] - 2, xs[0] + 2], [*part, *part]
    upper = [
        f"{x:.1f} {reach.place(p.high, TOP, FLOOR):.1f}" for x, p in zip(xs, part, strict=True)
    ]
    lower = [f"{x:.1f} {reach.place(p.low, TOP, FLOOR):.1f}" for x, p in zip(xs, part, strict=True)]
    return f'<path class="band" d="M{"L".join([*upper, *reversed(lower)])}z"/>'


def _rule(rule: Rule, reach: Reach) -> str:
    y = reach.place(rule.value, TOP, FLOOR)
    return f'<path class="{rule.kind}" d="M0 {y:.1f}H{WIDTH}"/>'


def _turns(points: Sequence[Point]) -> list[tuple[int, int]]:
    """When a version's points begin after another's."""
    groups = [(version, next(group).time) for version, group in groupby(points, _version)]
    return [(time, version) for version, time in groups[1:]]


def _version(point: Point) -> int:
    return point.version


def _turn(time: int, version: int, span: Span) -> str:
    x = span.place(time, LEFT, RIGHT)
    side = (" end", x - 4) if x > RIGHT - 40 else ("", x + 4)
    return (
        f'<path class="turn" d="M{x:.1f} {TOP}V{FLOOR}"/>'
        f'<text class="tick y{side[0]}" x="{side[1]:.1f}" y="{FLOOR - 14}">v{version}</text>'
    )


def _hit(point: Point, span: Span, reach: Reach, told: Callable[[float], str]) -> str:
    x, y = span.place(point.time, LEFT, RIGHT), reach.place(point.value, TOP, FLOOR)
    between = ""
    if point.low < point.high:
        between = f" ({told(point.low)} to {told(point.high)})"
    tip = f"{clock(point.time, span.until - span.since)}, version {point.version}: "
    tip += f"{told(point.value)}{between}"
    return f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{tip}</title></circle>'


def _mark(mark: Mark, span: Span) -> str:
    x = span.place(mark.time, LEFT, RIGHT)
    return f'<path class="run" d="M{x:.1f} {FLOOR}l-4 6h8z"><title>{mark.words}</title></path>'
