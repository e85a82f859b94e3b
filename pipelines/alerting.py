"""Prometheus and Alertmanager on one machine, with the rules and routes of the manifests.

The manifests hold them once, as the operator's resources; here they become the two files that the
plain programs read. So what wakes people on a cluster is what the demonstration shows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.errors import StateError

MANIFESTS = Path(__file__).parents[1] / "manifests" / "base" / "monitoring"

_NOBODY = "nobody"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs on this machine, each as `host:port`.

    Attributes:
        targets: what Prometheus scrapes: servers and the monitor.
        monitor: what takes the alerts that are reasons to retrain.
        alertmanager: where Prometheus sends alerts.
        token: a file with what the monitor asks Alertmanager for; None where it asks for nothing.
        people: a file with the address of a Slack-compatible webhook; None for nobody.
    """

    targets: Sequence[str]
    monitor: str
    alertmanager: str
    token: Path | None = None
    people: Path | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """What the two programs are started with, as `--config.file`."""

    prometheus: Path
    alertmanager: Path


def write_configuration(
    folder: Path, machine: Machine, *, interval_s: float = 15.0, hasten: float = 1.0
) -> Files:
    """Writes the configuration of Prometheus and of Alertmanager.

    Args:
        folder: where the files go; it is there.
        machine: what runs where.
        interval_s: seconds between two scrapes, and between two looks at the rules.
        hasten: by what the times are divided that an alert waits before it fires, ends and is
            sent; 1 leaves them, a demonstration has no patience. The times that a rule looks back
            stay, as do thresholds and objectives.

    Returns:
        The files.

    Raises:
        StateError: this installation lacks the manifests.
    """
    rules = [rule for path in _found("prometheus-rule*.yaml") for rule in _groups(path, hasten)]
    _write(folder / "rules.yml", {"groups": rules})
    files = Files(folder / "prometheus.yml", folder / "alertmanager.yml")
    _write(files.prometheus, _prometheus(machine, interval_s))
    _write(files.alertmanager, _alertmanager(machine, hasten))
    return files


def _found(pattern: str) -> list[Path]:
    found = sorted(MANIFESTS.glob(pattern))
    if not found:
        msg = (
            f"no {pattern} in {str(MANIFESTS)!r}: expected the project's manifests there; run from "
            "a copy of the project's repository"
        )
        raise StateError(msg)
    return found


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _groups(path: Path, hasten: float) -> Iterable[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["groups"]:
        for rule in group["rules"]:
            for key in ("for", "keep_firing_for"):
                if key in rule:
                    rule[key] = _sooner(rule[key], hasten)
        yield group


def _sooner(duration: str, hasten: float) -> str:
    parts = re.findall(r"(\d+)(ms|[smhdw])", duration)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    return f"{max(1, round(1000 * seconds / hasten))}ms"


def _prometheus(machine: Machine, interval_s: float) -> dict[str, Any]:
    interval = f"{round(1000 * interval_s)}ms"
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [machine.alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": "kubeloop", "static_configs": [{"targets": list(machine.targets)}]}
        ],
    }


def _alertmanager(machine: Machine, hasten: float) -> dict[str, Any]:
    """What the operator makes of the AlertmanagerConfigs: first-level routes, each continuing."""
    routes, receivers, inhibited = [], [{"name": _NOBODY}], []
    for path in _found("alertmanager-config*.yaml"):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        inhibited += [_inhibition(rule) for rule in spec.get("inhibitRules", [])]
        # As on a cluster without the Secret.
        if machine.people is None and any("slackConfigs" in r for r in spec["receivers"]):
            continue
        routes.append({**_route(spec["route"], hasten), "continue": True})
        receivers += [_receiver(receiver, machine) for receiver in spec["receivers"]]
    return {
        "route": {"receiver": _NOBODY, "routes": routes},
        "receivers": receivers,
        "inhibit_rules": inhibited,
    }


def _route(route: Mapping[str, Any], hasten: float) -> dict[str, Any]:
    made: dict[str, Any] = {
        "receiver": route["receiver"],
        "matchers": _matchers(route["matchers"]),
        "group_by": route["groupBy"],
        "routes": [_route(child, hasten) for child in route.get("routes", [])],
    }
    for key in ("group_wait", "group_interval", "repeat_interval"):
        made[key] = _sooner(route[_camel(key)], hasten)
    return made


def _matchers(matchers: Iterable[Mapping[str, str]]) -> list[str]:
    return [f'{m["name"]} {m["matchType"]} "{m["value"]}"' for m in matchers]


def _inhibition(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source_matchers": _matchers(rule["sourceMatch"]),
        "target_matchers": _matchers(rule["targetMatch"]),
        "equal": rule["equal"],
    }


def _receiver(receiver: Mapping[str, Any], machine: Machine) -> dict[str, Any]:
    made: dict[str, Any] = {"name": receiver["name"]}
    for hook in receiver.get("webhookConfigs", []):
        path = re.sub(r"^https?://[^/]+", "", hook["url"])
        wanted = {"url": f"http://{machine.monitor}{path}", "send_resolved": hook["sendResolved"]}
        if machine.token is not None:
            kind = hook["httpConfig"]["authorization"]["type"]
            shown = {"type": kind, "credentials_file": str(machine.token.resolve())}
            wanted["http_config"] = {"authorization": shown}
        made.setdefault("webhook_configs", []).append(wanted)
    for slack in receiver.get("slackConfigs", []):
        words = {key: slack[key] for key in ("title", "text")}
        address = {"api_url_file": str(machine.people.resolve())} if machine.people else {}
        wanted = {**address, "send_resolved": slack["sendResolved"], **words}
        made.setdefault("slack_configs", []).append(wanted)
    return made


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
