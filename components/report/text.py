"""Words and figures for a page: escaped, clipped and rounded for a person."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

_CLIP = 48
_TITLE = 300
# Joins emoji into one, which is no danger: unlike marks that turn the direction of text around.
_JOINER = "\u200d"


def text(value: str, clip: int = _CLIP) -> str:
    """Returns any text as safe HTML: escaped, invisible characters shown, long ones clipped.

    The middle is clipped, as long names often differ at their ends; the title holds more.
    """
    shown = _visible(value[: _TITLE + clip])
    if not shown:
        return '<span class="soft">(empty)</span>'
    if len(value) <= clip and len(shown) <= clip:
        return f"<bdi>{escape(shown)}</bdi>"
    tail = clip // 3
    short = f"{shown[: clip - tail - 1]}…{_visible(value[-tail:])[-tail:]}"
    return f'<bdi title="{escape(shown[:_TITLE])}">{escape(short)}</bdi>'


def plain(value: str, clip: int = _CLIP) -> str:
    """Returns any text for an attribute or a drawing's words, where there is no markup."""
    shown = _visible(value[: clip + 1])
    return escape(shown if len(shown) <= clip else f"{shown[: clip - 1]}…") or "(empty)"


def _visible(value: str) -> str:
    return "".join(_seen(character) for character in value)


def _seen(character: str) -> str:
    if character.isprintable() or character == _JOINER:
        return character
    if unicodedata.category(character) == "Co":
        return "\ufffd"
    return character.encode("unicode_escape").decode()


def number(value: float | None) -> str:
    """Returns a number in at most four significant digits, whole ones up to a million in full.

    What is not there, or is no finite number, is a dash.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−")
    if 0.001 <= abs(value) < 1e6:
        digits = max(0, 3 - _magnitude(value))
        shown = f"{value:,.{digits}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        shown = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return shown.replace("-", "−")


def _magnitude(value: float) -> int:
    return int(f"{value:e}".split("e")[1])


def percent(part: float, whole: float = 1.0) -> str:
    """Returns a share as a percentage; a little is never 0 %, nearly all never 100 %."""
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "&lt;0.1%"
    if 0.999 < share < 1:
        return "&gt;99.9%"
    return f"{share:.1%}"


def counted(count: int, one: str, many: str = "") -> str:
    """Returns a count with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def moment(iso: str, every: str = "second") -> str:
    """Returns an ISO 8601 time no finer than its step, `YYYY-MM-DD HH:MM` at most."""
    coarse = {"month": 7, "quarter": 7, "year": 4, "decade": 4, "century": 4, "millennium": 4}
    length = coarse.get(every, 10 if every in ("day", "week") else 16)
    return escape(iso[:length].replace("T", " "))


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    label: str,
    numeric: str = "",
    *,
    stacked: bool = False,
) -> str:
    """Builds a table that scrolls within itself.

    Args:
        head: the columns' headings, HTML.
        rows: cells, HTML; the first heads its row.
        label: what the table shows, for those who do not see it.
        numeric: a letter a column, `n` for figures.
        stacked: whether on a narrow screen each cell is a line of its own, as suits words.
    """
    kinds = [' class="n"' if kind == "n" else "" for kind in numeric.ljust(len(head))]
    headed = "".join(
        f'<th scope="col"{kind}>{cell}</th>' for kind, cell in zip(kinds, head, strict=True)
    )
    names = [f' data-name="{cell}"' if stacked else "" for cell in head]
    body = []
    for first, *rest in rows:
        cells = "".join(
            f"<td{kind}{name}>{cell}</td>"
            for kind, name, cell in zip(kinds[1:], names[1:], rest, strict=True)
        )
        body.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table{' class=stacked' if stacked else ''}><thead><tr>{headed}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def more(summary: str, content: str) -> str:
    """Hides what is long behind its summary (HTML)."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def bar(share: float, kind: str = "") -> str:
    """Draws a share as a bar; the figure beside it says the same, so it is hidden from readers."""
    width = 100 * min(1.0, max(0.0, share))
    mark = f" {kind}" if kind else ""
    return f'<span class="bar{mark}" aria-hidden="true"><b style="width:{width:.1f}%"></b></span>'
