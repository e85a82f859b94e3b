"""The alerts, as promtool sees them: each fires and is silent when it should.

A case is worth what a wrong threshold does to it, so every duration is changed and its case has to
fail. The cases are in `rules/`, a file an alert, named for it.
"""

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitor.metrics import Metrics
from tests.manifests.rendered import OVERLAYS, needs_kubectl, of_kind, overlay

pytestmark = [
    needs_kubectl,
    pytest.mark.skipif(
        shutil.which("promtool") is None,
        reason="promtool is not installed (Debian: prometheus): no alert is tested",
    ),
]

CASES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
FIRST = "kubeloop-monitor-absent"


def groups(name: str = "kind") -> list[dict[str, Any]]:
    rules = of_kind(overlay(name), "PrometheusRule")
    return [group for rule in rules for group in rule["spec"]["groups"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def promtool(
    folder: Path, given: list[dict[str, Any]], *command: str
) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": given}), encoding="utf-8")
    return subprocess.run(
        ["promtool", *command], cwd=folder, capture_output=True, text=True, check=False
    )


def run_case(
    folder: Path, given: list[dict[str, Any]], case: Path
) -> subprocess.CompletedProcess[str]:
    shutil.copy(case, folder / "case.yaml")
    return promtool(folder, given, "test", "rules", "case.yaml")


@pytest.mark.parametrize("name", OVERLAYS)
def test_rules_of_overlay_are_ones_that_prometheus_takes(name: str, tmp_path: Path) -> None:
    done = promtool(tmp_path, groups(name), "check", "rules", "--lint=all", "rules.yaml")
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


def test_rules_with_an_expression_that_is_none_are_refused(tmp_path: Path) -> None:
    broken = groups()
    broken[0]["rules"][0]["expr"] = "absent(kubeloop_monitor_queue_requests"
    assert promtool(tmp_path, broken, "check", "rules", "rules.yaml").returncode != 0


def test_every_alert_has_a_case_and_what_a_person_needs() -> None:
    for alert in alerts():
        assert re.fullmatch(r"Kubeloop\w+", alert["alert"])
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        assert alert["annotations"]["runbook_url"] == f"README.md#{alert['alert'].lower()}"
    names = [re.sub(r"(?<!^)(?=[A-Z])", "-", alert["alert"]).lower() for alert in alerts()]
    assert sorted(names) == [case.stem for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alert_fires_and_is_silent_when_it_should(case: Path, tmp_path: Path) -> None:
    done = run_case(tmp_path, groups(), case)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("for", "4m"),
        ("for", "6m"),
        ("expr", "absent(kubeloop_monitor_queue_requests > 0)"),
        ("expr", 'absent(kubeloop_monitor_queue_requests{job="monitor"})'),
        ("expr", "absent(kubeloop_monitor_held_bytes)"),
    ],
    ids=["sooner", "later", "value", "job", "other-metric"],
)
def test_alert_on_absence_with_another_threshold_fails_its_case(
    key: str, value: str, tmp_path: Path
) -> None:
    changed = copy.deepcopy(groups())
    rule = next(r for g in changed for r in g["rules"] if r["alert"] == "KubeloopMonitorAbsent")
    rule[key] = value
    case = next(case for case in CASES if case.stem == FIRST)
    done = run_case(tmp_path, changed, case)
    assert done.returncode != 0
    assert "FAILED" in done.stdout + done.stderr


def test_alerts_read_metrics_that_the_services_expose() -> None:
    metrics = Metrics()
    metrics.observe_process(waiting=lambda: 0, held=lambda: 0)
    exposed = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    read = {name for a in alerts() for name in re.findall(r"kubeloop_\w+", a["expr"])}
    assert read
    assert read <= exposed


def test_alertmanager_hands_every_alert_to_the_monitor() -> None:
    (config,) = of_kind(overlay("kind"), "AlertmanagerConfig")
    (matcher,) = config["spec"]["route"]["matchers"]
    assert (matcher["name"], matcher["matchType"]) == ("alertname", "=~")
    assert [a["alert"] for a in alerts() if not re.fullmatch(matcher["value"], a["alert"])] == []
    assert config["spec"]["route"]["receiver"] in [r["name"] for r in config["spec"]["receivers"]]
    (hook,) = config["spec"]["receivers"][0]["webhookConfigs"]
    (service,) = (
        s for s in of_kind(overlay("kind"), "Service") if s["metadata"]["name"] == "monitor"
    )
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert hook["url"] == f"http://{host}:{service['spec']['ports'][0]['port']}/alerts"
