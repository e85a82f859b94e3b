"""What both services say of themselves while the stream runs: their metrics, second by second."""

import time
from dataclasses import dataclass, field

import requests
from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S = 10.0

Labels = tuple[tuple[str, str], ...]
Series = dict[tuple[str, Labels], float]


@dataclass(frozen=True)
class Moment:
    """Both services' metrics at one time.

    Attributes:
        at: seconds on the monotonic clock.
        rows: sent so far.
        served: the version that answers.
        series: every sample of the model by name and labels.
    """

    at: float
    rows: int
    served: int
    series: Series

    def value(self, name: str, **labels: str) -> float | None:
        """Returns one sample; None where there is none."""
        wanted = set(labels.items())
        for (found, own), value in self.series.items():
            if found == name and wanted <= set(own):
                return value
        return None

    def values(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Returns the samples of a metric by one of their labels."""
        wanted = set(labels.items())
        return {
            dict(own)[label]: value
            for (found, own), value in self.series.items()
            if found == name and wanted <= set(own) and label in dict(own)
        }


@dataclass
class Observation:
    """The moments so far.

    Attributes:
        serving, monitor: addresses.
        model: whose samples are kept.
        moments: in their order.
    """

    serving: str
    monitor: str
    model: str
    moments: list[Moment] = field(default_factory=list)
    _session: requests.Session = field(default_factory=requests.Session)

    def look(self, rows: int) -> Moment:
        """Reads both `/metrics`.

        Args:
            rows: sent so far.

        Returns:
            The moment, which is kept too.
        """
        series: Series = {}
        for service in (self.serving, self.monitor):
            text = self._session.get(f"{service}/metrics", timeout=_TIMEOUT_S).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.labels.get("model_name") == self.model:
                        series[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
        versions = [
            int(dict(labels)["model_version"])
            for (name, labels) in series
            if name == "kubeloop_model_info"
        ]
        moment = Moment(
            at=time.monotonic(),
            rows=rows,
            served=max(versions, default=0),
            series=series,
        )
        self.moments.append(moment)
        return moment
