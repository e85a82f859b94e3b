"""The features of a window: a list of how far each drifted, and a card each of the worst."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from components.monitor.pace import paced
from components.monitor.page import distribution
from components.monitor.page.axes import Point, Span
from components.monitor.page.charts import spark
from components.monitor.page.facts import Past
from components.monitor.page.health import order
from components.monitor.page.words import KINDS, framed, p_value, psi, tag
from components.monitor.verdicts import ColumnDrift, DriftVerdict
from components.report.text import counted, more, percent, plain, table, text

_FIRST = 25
_HEAD = (
    "Feature", "State", "PSI", "PSI over time", "PSI, 24 h", "p-value", "Missing", "Unseen",
    "Beyond",
)  # fmt: skip
_NUMERIC = "  n nnnnn"


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a model is shown.

    Attributes:
        cards: features that are drawn.
        rows: features that are listed.
    """

    cards: int
    rows: int


class Features:
    """The features of one verdict, the worst first."""

    def __init__(
        self, verdict: DriftVerdict, day: DriftVerdict | None, limit: float, past: Past
    ) -> None:
        """Orders them.

        Args:
            verdict: on the newest rows.
            day: on the last 24 hours; None where there is none.
            limit: the index from which drift is critical.
            past: what is drawn over time.
        """
        found = verdict.features.items()
        self._ordered = sorted(found, key=lambda item: (*order(item[1]), item[0]))
        self._day: Mapping[str, ColumnDrift] = day.features if day else {}
        self._limit = limit
        self._span: Span = past.span
        self._series = _series(past)

    def listed(self, depth: Depth, prefix: str) -> str:
        """Lists them; those that have a card link to it.

        Args:
            depth: how many are listed, and how many have a card.
            prefix: of the ids of the cards.
        """
        rows = [
            self._row(name, column, f"#{prefix}f{at}" if at < depth.cards else "")
            for at, (name, column) in paced(enumerate(self._ordered[: depth.rows]))
        ]
        shown = table(_HEAD, rows[:_FIRST], "Features by drift", _NUMERIC)
        if len(rows) > _FIRST:
            rest = table(_HEAD, rows[_FIRST:], "Further features by drift", _NUMERIC)
            shown += more(f"{counted(len(rows) - _FIRST, 'more feature')} with less drift", rest)
        hidden = len(self._ordered) - len(rows)
        if hidden:
            shown += f'<p class="soft">{counted(hidden, "more feature")}, all with less drift.</p>'
        return f'<div class="drift">{shown}</div>'

    def cards(self, most: int, prefix: str, ids: "count[int]") -> list[str]:
        """Draws the worst of them beside their reference."""
        return [
            _card(name, column, f"{prefix}f{at}", ids)
            for at, (name, column) in paced(enumerate(self._ordered[:most]))
        ]

    def _row(self, name: str, column: ColumnDrift, place: str) -> tuple[str, ...]:
        whole = self._day.get(name)
        shown = text(name, 36)
        return (
            f'<a href="{place}">{shown}</a>' if place else shown,
            tag(column.status, "" if column.drifted else "no drift"),
            psi(column.psi),
            self._spark(name, column),
            psi(whole.psi) if whole else "–",
            p_value(column.p_value),
            percent(column.missing),
            percent(column.unseen),
            percent(column.below + column.above),
        )

    def _spark(self, name: str, column: ColumnDrift) -> str:
        points = self._series.get(name, [])
        values = [point.value for point in points] or [column.psi]
        words = f"PSI of {plain(name, 60)} from {psi(min(values))} to {psi(max(values))}"
        return spark(points, self._span, self._limit, words, KINDS[column.status])


def _card(name: str, column: ColumnDrift, anchor: str, ids: "count[int]") -> str:
    state = tag(column.status) if column.drifted else '<span class="soft">no drift</span>'
    shown = distribution.picture(column, name, ids) + distribution.judged(column)
    return framed(text(name, 40), state, shown, f"{anchor} {KINDS[column.status]}")


def _series(past: Past) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for point in past.drift:
        for name, value in point.psi.items():
            series.setdefault(name, []).append(Point.bare(point.judged, point.version, value))
    return series
