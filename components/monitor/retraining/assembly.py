"""Puts retraining together for one monitor process: from its options to running threads."""

import asyncio
import json
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from components.monitor.collector import Collector
from components.monitor.refusal import CONFLICT, RefusedError
from components.monitor.retraining.admission import Admission
from components.monitor.retraining.alertmanager import FIRING, Alert, read_webhook
from components.monitor.retraining.decisions import Decisions
from components.monitor.retraining.description import describe_policy
from components.monitor.retraining.figures import Figures, RunFigures
from components.monitor.retraining.following import Follower
from components.monitor.retraining.kubeflow import Cluster, KubeflowRunner
from components.monitor.retraining.local import LocalRunner
from components.monitor.retraining.notification import Notifier
from components.monitor.retraining.policy import read_policy, read_spec
from components.monitor.retraining.retrainer import Retrainer, Sources
from components.monitor.retraining.runner import Runner
from components.monitor.retraining.watch import VerdictWatch
from components.monitor.retraining.worker import PAUSE_SECONDS, Worker
from components.monitor.storage import records
from components.monitor.store import Store
from components.monitor.versions import Version

OWN: Final = "own"
ALERTS: Final = "alerts"
OFF: Final = "off"
By = Literal["own", "alerts", "off"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a monitor retrains.

    Attributes:
        state: the state folder whose runs are processes here; None for none.
        cluster: where runs are created on a cluster; None for none.
        address: base URL by which runs reach the monitor; empty for where it listens.
        token_file: holds the token of Alertmanager and of whoever asks for a run; None for none.
        by: what starts runs: the monitor's `own` verdicts, Alertmanager's `alerts`, or neither
            (`off`); None for alerts where there is a token, else for its own.
        notify: address that is told what happens; empty for none.
        pause: seconds between two looks.
    """

    state: Path | None = None
    cluster: Cluster | None = None
    address: str = ""
    token_file: Path | None = None
    by: By | None = None
    notify: str = field(default="", repr=False)
    pause: float = PAUSE_SECONDS

    def listening(self, place: str) -> "Settings":
        """Fills in the address where none was given.

        Args:
            place: HOST:PORT at which the monitor listens.
        """
        host, _, port = place.rpartition(":")
        here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
        return replace(self, address=self.address or f"http://{here}:{port}")


class Retraining:
    """Retraining as the routes see it."""

    def __init__(self, collector: Collector, settings: Settings) -> None:
        """Puts it together; `start` starts its threads.

        Args:
            collector: gives the store and the metrics.
            settings: how.

        Raises:
            DeployError: the token or the notification's address cannot be used.
        """
        self._collector = collector
        self.admission = Admission(settings.token_file)
        self.figures = Figures(collector.metrics.registry)
        collector.metrics.registry.register(RunFigures(collector.reader, self._newest))
        self.notifier = Notifier(settings.notify, count=self.figures.count_notified)
        by = settings.by or (ALERTS if self.admission.has_token else OWN)
        self._runs_by = by
        self._runner = self._choose(settings)
        decisions = Decisions(collector.reader, collector.submit)
        sources = Sources(verdicts=by == OWN, alerts=by != OFF)
        self._worker = Worker(
            collector.reader,
            decisions,
            retrainer=self._retrainer(decisions, self._runner, sources, settings.address),
            watch=VerdictWatch(self.notifier, since=_now()) if by == OWN else None,
            leads=collector.leader.try_lead,
            pause=settings.pause,
        )

    def start(self) -> None:
        """Starts deciding and telling."""
        self.notifier.start()
        self._worker.start()

    def close(self) -> None:
        """Ends both; runs under way go on."""
        self._worker.close()
        self.notifier.close()

    async def take_alerts(self, document: object) -> dict[str, int]:
        """Stores the alerts of one request, all or none, and has them looked at.

        Args:
            document: the body, any JSON value.

        Returns:
            How many are new, and how many were known.

        Raises:
            RefusedError: the request is wrong, or cannot be taken now.
        """
        alerts = read_webhook(document)
        received = _now()

        def store_all(store: Store) -> list[Alert]:
            return [alert for alert in alerts if store.add_alert(_record(alert, received))]

        new = await asyncio.wrap_future(self._collector.submit(store_all))
        for alert in alerts:
            self.figures.count_alert(alert.status)
        self._tell(new)
        self._worker.wake()
        return {"new": len(new), "known": len(alerts) - len(new)}

    def ask(self, model: str, reason: str) -> "Future[records.Retraining | None]":
        """Asks for a run, as `Worker.ask` describes.

        Raises:
            RefusedError: 409, nothing runs training here; 503, too many wait.
        """
        if self._runner is None:
            message = (
                "this monitor starts no runs: start it with --state DIR, or with --kubeflow URL"
            )
            raise RefusedError(message, status=409, reason=CONFLICT)
        return self._worker.ask(model, reason)

    def note_registration(self, model: str, number: int, *, new: bool) -> None:
        """Tells of a rollback: a version that was known, and is older than another, comes back.

        Args:
            model: the model's name.
            number: of the version that `deploy` has just registered.
            new: whether it was not known before.
        """
        newest = self._newest().get(model)
        if not new and newest is not None and number < newest.number:
            self.notifier.tell(
                f"Kubeloop: rollback of {model}: version {number} is being put back into service"
            )

    def describe(self, model: str) -> dict[str, Any]:
        """Describes what starts runs, where they run, and the rules of a model's newest version."""
        newest = self._newest().get(model)
        runners = {LocalRunner: "process", KubeflowRunner: "kubeflow"}
        return {
            "runner": runners.get(type(self._runner)),
            "by": self._runs_by,
            "rules": newest and describe_policy(read_policy(read_spec(newest))),
        }

    def _newest(self) -> dict[str, Version]:
        """The newest registered version of each model."""
        return {model: version for (model, _), version in sorted(self._collector.versions.items())}

    def _choose(self, settings: Settings) -> Runner | None:
        if settings.cluster is not None:
            return KubeflowRunner(settings.cluster, self._registered)
        return LocalRunner(settings.state) if settings.state is not None else None

    def _retrainer(
        self, decisions: Decisions, runner: Runner | None, sources: Sources, address: str
    ) -> Retrainer | None:
        if runner is None:
            return None
        reader, notifier = self._collector.reader, self.notifier
        follower = Follower(runner, decisions, notifier)
        return Retrainer(reader, decisions, follower, notifier, sources=sources, address=address)

    def _registered(self, model: str, run: str) -> int | None:
        """Finds the version whose bundle a run made."""
        for (name, number), version in self._collector.reader.versions().items():
            if name == model and _run_id(version.bundle) == run:
                return number
        return None

    def _tell(self, alerts: list[Alert]) -> None:
        """Tells of new alerts, one sentence a rule and model, however many there are."""
        groups: dict[tuple[str, str], int] = {}
        for alert in alerts:
            if alert.status == FIRING:
                groups[alert.model, alert.name] = groups.get((alert.model, alert.name), 0) + 1
        for (model, name), count in sorted(groups.items()):
            times = f" ({count} times)" if count > 1 else ""
            about = f" for {model}" if model else ""
            self.notifier.tell(f"Kubeloop: alert {name} fires{about}{times}")


def _record(alert: Alert, received: int) -> records.AlertRecord:
    return records.AlertRecord(
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        model=alert.model,
        name=alert.name,
        severity=alert.severity,
        status=alert.status,
        ends_at=alert.ends_at,
        received=received,
        document=alert.document,
    )


def _run_id(bundle: str) -> object:
    return json.loads(bundle).get("run_id")


def _now() -> int:
    return time.time_ns() // 1000
