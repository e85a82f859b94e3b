"""What is known of a model and its versions, in the shapes that the page's sections read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.monitor.page.axes import Span
from components.monitor.storage.records import AlertRecord, Retraining
from components.monitor.verdicts import DriftVerdict, QualityVerdict
from components.monitor.versions import Version


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What is stored of one version.

    Attributes:
        number: 0 for events that name none.
        known: as registered; None where nobody registered it.
        events, predictions, labelled, duplicates: counts, as `Total` has them.
        unjudged: events that came while it was not registered.
        first_event: by the senders' clocks.
        last_event: when the last came, by this clock where the store knows it.
        drift, day, quality: the latest verdicts; None where there is none, or it was not read.
    """

    number: int
    known: Version | None
    events: int
    predictions: int
    labelled: int
    duplicates: int
    unjudged: int
    first_event: int | None
    last_event: int | None
    drift: DriftVerdict | None = None
    day: DriftVerdict | None = None
    quality: QualityVerdict | None = None

    @property
    def is_judged(self) -> bool:
        """Whether there is a verdict."""
        return self.drift is not None or self.quality is not None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is stored of one model.

    Attributes:
        name: the model's name.
        versions: those whose events came last first.
        last_label: when one came, by this clock.
        alerts, decisions: the newest first.
    """

    name: str
    versions: tuple[VersionFacts, ...]
    last_label: int | None
    alerts: tuple[AlertRecord, ...]
    decisions: tuple[Retraining, ...]

    @property
    def served(self) -> VersionFacts | None:
        """The registered version whose events came last; None without any."""
        return next((v for v in self.versions if v.known and v.events), None)

    @property
    def newest(self) -> VersionFacts | None:
        """The version that was registered last; None where only unregistered events came."""
        known = [v for v in self.versions if v.known]
        return max(known, key=lambda v: v.number, default=None)

    @property
    def drift(self) -> DriftVerdict | None:
        """The verdict on drift to show: of the version that answers, else of the one before."""
        return next((v.drift for v in self.versions if v.drift), None)

    @property
    def quality(self) -> QualityVerdict | None:
        """The verdict on quality to show: of the version that answers, else of the one before."""
        return next((v.quality for v in self.versions if v.quality), None)


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """What a chart needs of a verdict on drift; psi by feature, latency in seconds by quantile."""

    judged: int
    version: int
    ratio: float
    rows: int
    psi: Mapping[str, float]
    prediction: float | None
    rate: float
    latency: Mapping[str, float]
    estimate: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Past:
    """The verdicts that are drawn, by version and then by time."""

    span: Span
    drift: Sequence[DriftPoint]
    quality: Sequence[QualityVerdict]
