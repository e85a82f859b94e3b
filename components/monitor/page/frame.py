"""What every page has around its content: title, times to choose from, and what figures mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.monitor.page.words import when
from components.monitor.totals import Content
from components.report.document import document
from components.report.text import counted

_STYLE = Path(__file__).with_name("page.css")
_SPANS: Final = {"hour": "an hour", "day": "a day", "week": "a week", "all": "all that is kept"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is made for.

    Attributes:
        span: how much of the past is drawn, a key of `SPANS`.
        now: microseconds since 1970.
    """

    span: str
    now: int


def whole(title: str, body: str) -> str:
    """Builds a page; the title is HTML without tags."""
    return document(title, body, _STYLE)


def render_problem(title: str, words: str) -> str:
    """Renders a page that only says why there is no other, HTML."""
    body = (
        f'<header class="top"><p class="eyebrow">Kubeloop monitor</p><h1>{title}</h1></header>'
        f'<main><p>{words}</p><p><a href="">Look again</a></p></main>'
    )
    return whole(f"{title} · Kubeloop monitor", body)


def head(title: str, state: str, asked: Asked, eyebrow: str) -> str:
    """Says what the page is, as of when, and offers other times.

    Args:
        title: HTML.
        state: HTML beside it.
        asked: what for.
        eyebrow: a line above the title.
    """
    links = " ".join(
        f'<a href="?span={key}"{" aria-current=page" if key == asked.span else ""}>{words}</a>'
        for key, words in _SPANS.items()
    )
    return (
        f'<header class="top"><p class="eyebrow">{eyebrow}</p><h1>{title} {state}</h1>'
        f'<p class="soft">As of {when(asked.now)} UTC. <a href="">Look again</a></p>'
        f'<p class="soft spans">Drawn back from the last verdict: {links}</p></header>'
    )


def nothing() -> str:
    """Says how a model comes here."""
    return (
        "<p>A model appears here when its first version is deployed: <code>kubeloop run</code> "
        "registers it. Its events are judged when a window of them is full.</p>"
    )


def about(content: Content) -> str:
    """Says what the figures are."""
    waiting = ""
    if content.pending:
        waiting = (
            f"{counted(content.pending, 'label')} {'waits' if content.pending == 1 else 'wait'}"
        )
        waiting += " for the prediction of that id. "
    return (
        f'<footer id="about"><h2>About these figures</h2><p>{waiting}Times are UTC. A drawing '
        "over time has the last verdict of each of its parts, and no line where nothing was judged "
        "for long; its limits and hold-out are those of the version that was judged last. PSI "
        "= Σ (p − q) ln(p ∕ q) over the reference’s bins (Siddiqi, 2006), less its "
        "bias (B − 1)(1∕n + 1∕m) (Yurdakul, 2018): 0 is no drift. Intervals are 95 % of a "
        "bootstrap. The estimate without labels expects each metric from the probabilities alone."
        "</p></footer>"
    )
