"""Watches the loop close: what is seen, when, and on which figures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from pipelines.demonstration.observation import Moment, Observation
from pipelines.demonstration.spec import METRIC, NAME
from pipelines.demonstration.stream import Stream
from pipelines.demonstration.timeline import Step, Timeline

CHANGED = "the pattern changes"
DRIFT = "drift is seen"
QUALITY = "quality has fallen"
ALERT = "an alert fires"
RETRAINING = "retraining starts"
REFUSED = "a challenger is refused"
PROMOTED = "version 2 is promoted"
BACK = "quality is back"
STEPS = (DRIFT, QUALITY, ALERT, RETRAINING, PROMOTED, BACK)

_TIMEOUT_S = 10.0


@dataclass
class Watch:
    """Looks at the services once a second and notes each step when it is first seen.

    Attributes:
        stream: what is sent.
        observation: reads the metrics.
        timeline: takes the steps.
        tell: hears of each step.
        alertmanager: its address; None where the monitor's own verdict starts the run.
    """

    stream: Stream
    observation: Observation
    timeline: Timeline
    tell: Callable[[Step], None]
    alertmanager: str | None = None

    def look(self) -> Moment:
        """Looks once and notes what is new."""
        moment = self.observation.look(self.stream.next)
        if self.timeline.change is not None:
            for name, evidence in self._found(moment).items():
                if evidence and not self.timeline.has(name):
                    self.tell(self.timeline.note(name, moment.at, moment.rows, evidence))
        return moment

    def closed(self) -> bool:
        """Looks once; whether every step has been seen."""
        self.look()
        return all(self.timeline.has(name) for name in self.steps)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are to come; without Alertmanager there is no alert to be seen."""
        return tuple(name for name in STEPS if name != ALERT or self.alertmanager)

    def _found(self, moment: Moment) -> dict[str, str]:
        runs = self._runs()
        return {
            DRIFT: _drift(moment),
            QUALITY: _quality(moment, "1", fallen=True),
            ALERT: self._alerts(),
            RETRAINING: str(runs[0]["why"]) if runs else "",
            REFUSED: next((str(r["why"]) for r in runs if r["outcome"] == "not_approved"), ""),
            PROMOTED: "" if moment.served < 2 else "its gates passed on the newest labelled rows",
            BACK: "" if moment.served < 2 else _quality(moment, str(moment.served), fallen=False),
        }

    def _runs(self) -> list[dict[str, Any]]:
        """Returns the runs that were started, the first one first."""
        url = f"{self.stream.monitor}/v1/models/{NAME}/retraining"
        answer = requests.get(url, timeout=_TIMEOUT_S).json()
        return [run for run in answer["decisions"][::-1] if run["outcome"] != "refused"]

    def _alerts(self) -> str:
        if self.alertmanager is None:
            return ""
        found = requests.get(f"{self.alertmanager}/api/v2/alerts", timeout=_TIMEOUT_S).json()
        names = {alert["labels"]["alertname"] for alert in found}
        return ", ".join(sorted(names))


def _drift(moment: Moment) -> str:
    drifted = moment.values("kubeloop_feature_drifted", "feature", model_version="1")
    names = [name for name, value in drifted.items() if value]
    psi = moment.values("kubeloop_feature_psi", "feature", model_version="1")
    names.sort(key=lambda name: -psi.get(name, 0.0))
    return ", ".join(f"{name} {psi.get(name, 0.0):.2f}" for name in names)


def _quality(moment: Moment, version: str, *, fallen: bool) -> str:
    """Says the live quality of a version where it has fallen below its threshold, or has not."""
    names = ("", "_lower_bound", "_upper_bound", "_threshold")
    found = [
        moment.value(f"kubeloop_model_quality{name}", metric=METRIC, model_version=version)
        for name in names
    ]
    if any(value is None for value in found):
        return ""
    value, low, high, threshold = (float(value or 0.0) for value in found)
    if (value < threshold) is not fallen:
        return ""
    limit = f"threshold {threshold:g}"
    return f"{METRIC} {value:.3f} ({low:.3f} to {high:.3f}), {limit}"
