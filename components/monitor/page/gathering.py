"""Reads what the page shows: the newest verdicts of the versions that answer, news, and history."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from components.monitor.pace import paced
from components.monitor.page.axes import Span
from components.monitor.page.facts import DriftPoint, ModelFacts, Past, VersionFacts
from components.monitor.page.words import DAY, HOUR
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import (
    DRIFT_BY_ROWS,
    DRIFT_BY_TIME,
    QUALITY,
    AlertRecord,
    Retraining,
    VerdictKind,
)
from components.monitor.totals import Content, Total
from components.monitor.verdicts import QualityVerdict, read_quality
from components.monitor.versions import Version, Versions

SPANS: Final[Mapping[str, int | None]] = {
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "all": None,
}
"""How much of the past is drawn, back from the last verdict."""

JUDGED_VERSIONS: Final = 4
"""Versions of a model whose verdicts are read, those with the newest events."""

NEWS: Final = 1000
"""Alerts and decisions of all models that are looked through."""


def group(content: Content, versions: Versions) -> dict[str, list[VersionFacts]]:
    """Puts counts and registrations together, by model and version."""
    totals: dict[tuple[str, int], list[Total]] = {key: [] for key in tuple(versions)}
    for total in content.totals:
        totals.setdefault((total.model, total.version), []).append(total)
    found: dict[str, list[VersionFacts]] = defaultdict(list)
    for (model, number), parts in sorted(totals.items()):
        found[model].append(_count(number, versions.get((model, number)), parts))
    return found


def _count(number: int, known: Version | None, totals: Sequence[Total]) -> VersionFacts:
    firsts = [total.first_time for total in totals if total.first_time is not None]
    lasts = [total.last_time for total in totals if total.last_time is not None]
    return VersionFacts(
        number=number,
        known=known,
        events=sum(total.events for total in totals),
        predictions=sum(total.predictions for total in totals),
        labelled=sum(total.labelled for total in totals),
        duplicates=sum(total.duplicates for total in totals),
        unjudged=sum(total.events for total in totals if not total.registered),
        first_event=min(firsts, default=None),
        last_event=max(lasts, default=None),
    )


class Gatherer:
    """Reads models one by one, with the news of all read once."""

    def __init__(self, reader: Reader) -> None:
        """Reads nothing yet.

        Args:
            reader: of the store.
        """
        self._reader = reader
        self._alerts: dict[str, list[AlertRecord]] | None = None
        self._decisions: dict[str, list[Retraining]] | None = None

    def alerts(self) -> Mapping[str, list[AlertRecord]]:
        """The newest alerts by model; those of none under the empty name."""
        if self._alerts is None:
            self._alerts = defaultdict(list)
            for alert in self._reader.alerts(newest=NEWS):
                self._alerts[alert.model].append(alert)
        return self._alerts

    def read(self, name: str, versions: Iterable[VersionFacts], *, deep: bool) -> ModelFacts:
        """Reads one model.

        Args:
            name: the model's.
            versions: as `group` counted them.
            deep: whether all news and the verdicts of versions before are wanted too.

        Raises:
            StoreError: the store cannot be read.
        """
        dated = [self._date(name, version) for version in versions]
        dated.sort(key=lambda v: (v.last_event or 0, v.number), reverse=True)
        judged, left = [], JUDGED_VERSIONS
        for version in dated:
            if version.known and version.events and left:
                version = self._judge(name, version)  # noqa: PLW2901
                left = left - 1 if deep or not version.is_judged else 0
            judged.append(version)
        alerts = self._reader.alerts(name) if deep else self.alerts().get(name, [])
        decisions = self._reader.retrainings(name) if deep else self._newest_decisions(name)
        return ModelFacts(
            name=name,
            versions=tuple(judged),
            last_label=self._reader.history.last_label(name),
            alerts=tuple(alerts),
            decisions=tuple(decisions),
        )

    def past(
        self, model: ModelFacts, span: int | None, points: int, *, drift: bool = True
    ) -> Past | None:
        """Reads the history of a model's judged versions.

        Args:
            model: as `read`.
            span: back from the last verdict, microseconds; None for all that is stored.
            points: that a chart has at most.
            drift: whether verdicts on drift are read, which are large where features are many.

        Returns:
            None where nothing was judged.
        """
        history, versions = self._reader.history, [v for v in model.versions if v.is_judged]
        ends = [w.judged for v in versions for w in (v.drift, v.quality) if w]
        kinds: tuple[VerdictKind, ...] = (DRIFT_BY_ROWS, QUALITY)
        keys = [(model.name, v.number, kind) for v in versions for kind in kinds]
        begun = [history.first_judged(key) for key in keys]
        first = min((moment for moment in begun if moment is not None), default=None)
        if first is None or not ends:
            return None
        until = max(ends)
        since = first if span is None else max(first, until - span)
        drifts: list[DriftPoint] = []
        quality: list[QualityVerdict] = []
        for number in sorted(version.number for version in versions):
            by = (since, until, points)
            if drift:
                rows = history.documents((model.name, number, DRIFT_BY_ROWS), *by)
                drifts += map(_point, paced(rows))
            texts = history.documents((model.name, number, QUALITY), *by)
            quality += map(read_quality, paced(texts))
        return Past(Span(since, until, max(1, (until - since) // points)), drifts, quality)

    def _date(self, name: str, version: VersionFacts) -> VersionFacts:
        """Takes the time of arrival, as a sender's clock may be off by days."""
        if not version.known or not version.predictions:
            return version
        arrived = self._reader.history.last_event(name, version.number)
        return version if arrived is None else replace(version, last_event=arrived)

    def _judge(self, name: str, version: VersionFacts) -> VersionFacts:
        read, number = self._reader.verdicts, version.number
        drift = read(name, number, DRIFT_BY_ROWS, newest=1)
        day = read(name, number, DRIFT_BY_TIME, newest=1)
        quality = read(name, number, QUALITY, newest=1)
        return replace(
            version,
            drift=drift[0] if drift else None,
            day=day[0] if day else None,
            quality=quality[0] if quality else None,
        )

    def _newest_decisions(self, name: str) -> Sequence[Retraining]:
        if self._decisions is None:
            self._decisions = defaultdict(list)
            for decision in self._reader.retrainings(newest=NEWS):
                self._decisions[decision.model].append(decision)
        return self._decisions.get(name, [])


def _point(text: str) -> DriftPoint:
    document = json.loads(text)
    prediction = document["prediction"]
    return DriftPoint(
        judged=document["judged"],
        version=document["version"],
        ratio=document["drifted_ratio"],
        rows=document["rows"],
        psi={name: column["psi"] for name, column in document["features"].items()},
        prediction=prediction and prediction["psi"],
        rate=document["rate"],
        latency=document["latency"],
        estimate=document["estimate"],
    )
