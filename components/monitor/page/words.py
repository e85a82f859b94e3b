"""Times, states and figures in the page's words, as HTML."""

from typing import Final

from components.monitor.verdicts import CRITICAL, OK, WARNING
from components.monitor.wire import format_time
from components.report.text import number

UNKNOWN: Final = "unknown"
"""Of what has not been judged, beside the levels of verdicts."""

LEVELS: Final = (CRITICAL, WARNING, UNKNOWN, OK)
"""The worst first."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_TAGS: Final = {
    CRITICAL: ("refuse", "critical"),
    WARNING: ("warn", "warning"),
    UNKNOWN: ("none", "not judged yet"),
    OK: ("good", "all right"),
}
KINDS: Final = {level: kind for level, (kind, _) in _TAGS.items()}
"""The style sheet's class of each level."""

_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
_LEAST_P_VALUE: Final = 1e-300


def tag(level: str, words: str = "") -> str:
    """Returns a level as a coloured word, or other words in its colour."""
    kind, usual = _TAGS[level]
    return f'<span class="tag {kind}">{words or usual}</span>'


def when(moment: int | None) -> str:
    """Returns a time to the second, UTC; a dash where there is none."""
    stated = format_time(moment)
    if stated is None:
        return "–"
    return f'<time datetime="{stated}">{stated[:19].replace("T", " ")}</time>'


def clock(moment: int, span: int) -> str:
    """Returns a time as the end of an axis: no date where the axis is within a day or two.

    Args:
        moment: microseconds since 1970.
        span: of the axis, microseconds.
    """
    stated = format_time(moment) or ""
    if span <= 2 * HOUR:
        return stated[11:19]
    return stated[11:16] if span <= DAY else stated[5:16].replace("T", " ")


def lasting(microseconds: float) -> str:
    """Returns a length of time in its two greatest units; less than a second as milliseconds."""
    left = max(0, round(microseconds))
    if left < SECOND:
        return f"{left / 1000:.3g} ms" if left else "0 s"
    for at, (size, name) in enumerate(_UNITS):
        if left >= size:
            first, rest = divmod(left, size)
            if at + 1 == len(_UNITS):
                return f"{left / size:.0f} {name}" if left >= 10 * size else f"{left / size:.1f} s"
            smaller, unit = _UNITS[at + 1]
            second = rest // smaller
            return f"{first} {name} {second} {unit}" if second and first < 10 else f"{first} {name}"
    return ""


def ago(moment: int | None, now: int) -> str:
    """Returns how long ago something was; `never` where it was not.

    A sender's clock may be ahead of this one, and then it says so.
    """
    if moment is None:
        return "never"
    if moment > now + MINUTE:
        return f"{lasting(moment - now)} ahead of this clock"
    return f"{lasting(now - moment)} ago" if now - moment >= SECOND else "just now"


def aged(moment: int | None, now: int) -> str:
    """Returns how long ago something was, with the time itself for who points at it."""
    stated = format_time(moment)
    if stated is None:
        return "never"
    shown = stated[:19].replace("T", " ")
    return f'<time datetime="{stated}" title="{shown} UTC">{ago(moment, now)}</time>'


def p_value(value: float) -> str:
    """Returns a p-value; one that a float64 does not tell from 0 is below the least."""
    return "&lt;1e-300" if value < _LEAST_P_VALUE else number(value)


def psi(value: float) -> str:
    """Returns a population stability index less its bias, which may be a little below 0."""
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def seconds(value: float | None) -> str:
    """Returns a duration that is told in seconds."""
    return "–" if value is None else lasting(value * SECOND)


def figures(pairs: list[tuple[str, str]]) -> str:
    """Returns figures in a grid, as the cards end with."""
    cells = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in pairs)
    return f'<dl class="figures">{cells}</dl>'


def framed(title: str, state: str, content: str, anchor: str = "") -> str:
    """Puts a drawing and its figures into a card.

    Args:
        title: HTML.
        state: HTML beside it.
        content: HTML.
        anchor: id and class of the card, apart by a space.
    """
    key, _, kind = anchor.partition(" ")
    identity = f' id="{key}"' if key else ""
    return (
        f'<article class="card {kind}"{identity}><header><h4>{title}</h4>{state}</header>'
        f"{content}</article>"
    )
