"""Tells people when the monitor's own verdict turns critical, where no Alertmanager does."""

from components.monitor.retraining.notification import Notifier
from components.monitor.retraining.triggers import Verdicts
from components.monitor.storage.records import QUALITY
from components.monitor.verdicts import CRITICAL, DriftVerdict, QualityVerdict


class VerdictWatch:
    """Remembers which verdicts were critical, so that each change is told once."""

    def __init__(self, notifier: Notifier, *, since: int) -> None:
        """Takes the notifier.

        Args:
            notifier: hears of each verdict that turns critical.
            since: verdicts of before were told by the process before, microseconds since 1970.
        """
        self._notifier = notifier
        self._since = since
        self._critical: set[tuple[str, int, str]] = set()

    def look(self, verdicts: Verdicts) -> None:
        """Tells what has turned critical since the last look."""
        critical = {key for key, verdict in verdicts.items() if verdict.status == CRITICAL}
        for key in sorted(critical - self._critical):
            if verdicts[key].judged >= self._since:
                self._notifier.tell(_sentence(key[2], verdicts[key]))
        self._critical = set(critical)


def _sentence(kind: str, verdict: DriftVerdict | QualityVerdict) -> str:
    who = f"Kubeloop: {verdict.model} version {verdict.version}"
    if isinstance(verdict, QualityVerdict):
        low = [
            f"{name} {m.value:.4g}" for name, m in verdict.metrics.items() if m.status == CRITICAL
        ]
        what = ", ".join(low) or "its errors add up beyond the limit"
        return f"{who}: {QUALITY} is low on {verdict.rows} labelled rows: {what}"
    drifted = sorted(name for name, column in verdict.features.items() if column.drifted)
    shown = ", ".join(drifted[:5]) + (", …" if len(drifted) > 5 else "")
    what = f"features {shown}" if drifted else "its answers"
    return f"{who}: drift ({kind.removeprefix('drift-')} window of {verdict.rows} rows): {what}"
