"""The pages as a whole: all models, one model, and what is said when neither can be shown."""

from collections.abc import Sequence
from itertools import count
from typing import Final

from components.monitor.pace import paced
from components.monitor.page import drift, news, overview, quality, traffic, versions
from components.monitor.page.facts import ModelFacts, Past
from components.monitor.page.features import Depth
from components.monitor.page.frame import Asked, about, head, nothing, whole
from components.monitor.page.gathering import SPANS, Gatherer, group
from components.monitor.page.health import Health, examine
from components.monitor.page.words import LEVELS, tag
from components.monitor.storage.reader import Reader
from components.monitor.totals import Content
from components.monitor.versions import Versions
from components.report.text import plain, text

DETAILED: Final = 3
"""Of so few models the first page shows all there is; more have pages of their own."""

CARDS: Final = 100
SOME: Final = 3
MANY: Final = 20
"""Reasons that a card lists."""

POINTS: Final = 60
GLANCE_POINTS: Final = 24
LEAST_POINTS: Final = 4
"""Of a drawing over time; of very many features fewer are read than `POINTS`."""

_FIGURES: Final = 12_000
"""Points times features that are read for one model: about 5 MB of verdicts."""

_BESIDE: Final = Depth(cards=12, rows=50)
_ALONE: Final = Depth(cards=60, rows=500)
_SECTIONS: Final = (
    "quality", "drift", "predictions", "traffic", "alerts", "retraining", "versions",
)  # fmt: skip


def render_overview(reader: Reader, content: Content, known: Versions, asked: Asked) -> str:
    """Renders the first page: every model at a glance, and all of them where they are few.

    Args:
        reader: of the store.
        content: what it holds.
        known: the registered versions.
        asked: what for.

    Returns:
        A whole HTML document.

    Raises:
        StoreError: the store cannot be read.
    """
    gatherer, grouped = Gatherer(reader), group(content, known)
    names = {model for model, _ in known}
    few = len(names) <= DETAILED
    models: list[tuple[ModelFacts, Health]] = []
    for name in paced(sorted(names)):
        model = gatherer.read(name, grouped.pop(name), deep=few)
        models.append((model, examine(model, asked.now)))
    models.sort(key=lambda pair: LEVELS.index(pair[1].level))
    headline = overview.headline(models)
    cards, details, links = _each(gatherer, models[:CARDS], asked, few=few)
    rest = overview.others(models[CARDS:]) if len(models) > CARDS else ""
    body = (
        f"{head(headline, '', asked, 'Kubeloop monitor')}"
        f'<nav aria-label="Models"><a href="#models">Models</a>{links}</nav>'
        '<main><section id="models" aria-labelledby="models-h">'
        '<h2 id="models-h" class="away">Models at a glance</h2>'
        f'<div class="cards models">{cards}</div>{rest if models else nothing()}</section>'
        f"{details}{_general(gatherer, asked)}{overview.unregistered(grouped, asked.now)}"
        f"{about(content)}</main>"
    )
    return whole(f"{headline} · Kubeloop monitor", body)


def _each(
    gatherer: Gatherer,
    models: Sequence[tuple[ModelFacts, Health]],
    asked: Asked,
    *,
    few: bool,
) -> tuple[str, str, str]:
    """Draws each model's card, all there is of it where they are few, and its link."""
    ids, cards, details, links = count(), "", "", ""
    for at, (model, health) in paced(enumerate(models)):
        past = _past(gatherer, model, asked, deep=few)
        place = f"#m{at}" if few else overview.address(model.name)
        most = MANY if few else SOME
        cards += overview.card(model, health, past, place, asked.now, most=most)
        links += f'<a href="{place}">{text(model.name, 30)}</a>'
        if few:
            details += _details(model, past, asked, f"m{at}", ids)
    return cards, details, links


def _general(gatherer: Gatherer, asked: Asked) -> str:
    found = gatherer.alerts().get("", [])
    if not found:
        return ""
    listed = news.alerts(found, asked.now, 50)
    return _section("general", "Alerts about no model", listed, level=2)


def render_model(
    reader: Reader, content: Content, known: Versions, name: str, asked: Asked
) -> str | None:
    """Renders the page of one model.

    Args:
        reader: of the store.
        content: what it holds.
        known: the registered versions.
        name: the model's.
        asked: what for.

    Returns:
        A whole HTML document; None where no version of the model is registered.

    Raises:
        StoreError: the store cannot be read.
    """
    if not any(model == name for model, _ in known):
        return None
    gatherer = Gatherer(reader)
    model = gatherer.read(name, group(content, known)[name], deep=True)
    health = examine(model, asked.now)
    past = _past(gatherer, model, asked, deep=True)
    links = "".join(f'<a href="#{key}">{key.capitalize()}</a>' for key in _SECTIONS)
    body = (
        f"{head(text(name, 63), tag(health.level), asked, 'Kubeloop monitor · model')}"
        f'<nav aria-label="Sections"><a href="../">All models</a>{links}</nav><main>'
        f'<section aria-labelledby="glance"><h2 id="glance" class="away">At a glance</h2>'
        '<div class="cards models">'
        f"{overview.card(model, health, past, '', asked.now, most=MANY)}</div></section>"
        f"{_sections(model, past, asked, ('', _ALONE), count())}{about(content)}</main>"
    )
    return whole(f"{plain(name)}: {health.level} · Kubeloop monitor", body)


def _past(gatherer: Gatherer, model: ModelFacts, asked: Asked, *, deep: bool) -> Past | None:
    if not deep:
        return gatherer.past(model, SPANS[asked.span], GLANCE_POINTS, drift=False)
    features = len(model.drift.features) if model.drift else 0
    points = max(LEAST_POINTS, min(POINTS, _FIGURES // max(1, features)))
    return gatherer.past(model, SPANS[asked.span], points)


def _details(
    model: ModelFacts, past: Past | None, asked: Asked, prefix: str, ids: "count[int]"
) -> str:
    link = f' <a class="small" href="{overview.address(model.name)}">its own page</a>'
    return (
        f'<section id="{prefix}" class="whole" aria-labelledby="{prefix}-h"><h2 id="{prefix}-h">'
        f"{text(model.name, 63)}{link}</h2>"
        f"{_sections(model, past, asked, (f'{prefix}-', _BESIDE), ids)}</section>"
    )


def _sections(
    model: ModelFacts,
    past: Past | None,
    asked: Asked,
    depth: tuple[str, Depth],
    ids: "count[int]",
) -> str:
    prefix, shown = depth
    marks = news.marks(model.decisions)
    many = 20 if prefix else 100
    found = {
        "quality": quality.section(model, past, marks, ids),
        "drift": drift.section(model, past, shown, (prefix, marks), ids),
        "predictions": drift.prediction(model, past, ids),
        "traffic": traffic.section(model, past, ids),
        "alerts": news.alerts(model.alerts, asked.now, many),
        "retraining": news.decisions(model.decisions, asked.now, many),
        "versions": versions.section(model, asked.now),
    }
    return "".join(
        _section(f"{prefix}{key}", key.capitalize(), found[key], level=3) for key in _SECTIONS
    )


def _section(key: str, title: str, content: str, *, level: int) -> str:
    return (
        f'<section id="{key}" aria-labelledby="{key}-h"><h{level} id="{key}-h" class="part">{title}'
        f"</h{level}>{content}</section>"
    )
