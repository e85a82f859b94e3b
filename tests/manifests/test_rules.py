"""The alerts, as promtool sees them: each fires and is silent when it should.

The cases are in `rules/`, a file an alert, named for it; `test_rule_mutations` shows that they
bite.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.rendered import OVERLAYS, ROOT, needs_kubectl, of_kind, overlay
from tests.manifests.rule_cases import (
    CASES,
    alerts,
    case_of,
    groups,
    needed,
    needs_promtool,
    promtool,
    recorded,
    run_case,
    written_groups,
)

pytestmark = [needs_kubectl, needs_promtool]


@pytest.mark.parametrize("name", OVERLAYS)
def test_rules_of_overlay_are_ones_that_prometheus_takes(name: str, tmp_path: Path) -> None:
    done = promtool(tmp_path, groups(name), "check", "rules", "--lint=all", "rules.yaml")
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.parametrize("name", OVERLAYS)
def test_rules_of_overlay_are_those_that_the_cases_test(name: str) -> None:
    assert groups(name) == sorted(written_groups(), key=groups(name).index)
    assert len(groups(name)) == len(written_groups())


def test_rules_with_an_expression_that_is_none_are_refused(tmp_path: Path) -> None:
    broken = groups()
    broken[0]["rules"][0]["expr"] = "absent(kubeloop_monitor_queue_requests"
    assert promtool(tmp_path, broken, "check", "rules", "rules.yaml").returncode != 0


def test_every_alert_has_a_case_and_what_a_person_needs() -> None:
    for alert in alerts():
        assert re.fullmatch(r"Kubeloop\w+", alert["alert"])
        assert set(alert["labels"]) <= {"severity", "retrain"}
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["labels"].get("retrain", "drift") in ("drift", "quality")
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert sorted(case_of(alert["alert"]) for alert in alerts()) == CASES


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    for case in CASES:
        text = case.read_text(encoding="utf-8")
        assert "exp_annotations:" in text, case.name
        assert re.search(r"- name: .*is silent", text), case.name


def test_every_runbook_is_a_heading_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.+)$", readme)
    }
    links = {alert["annotations"]["runbook_url"] for alert in alerts()}
    assert {link for link in links if not link.startswith("README.md#")} == set()
    assert {link.partition("#")[2] for link in links} - anchors == set()


def test_no_two_alerts_share_a_name() -> None:
    """A critical one would silence a warning of its name, of another model too."""
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names))


def test_every_recorded_series_is_read_and_written_once() -> None:
    rules = [rule for group in written_groups() for rule in group["rules"]]
    names = [rule["record"] for rule in rules if "record" in rule]
    assert len(names) == len(set(names))
    assert {name for rule in rules for name in recorded(rule)} == set(names)


def test_series_of_pods_and_jobs_are_put_together() -> None:
    """What Prometheus adds changes with every restart: an alert that kept it would begin anew."""
    for alert in alerts():
        by = re.findall(r"(?:by|on) \(([^)]*)\)", alert["expr"])
        kept = {label.strip() for labels in by for label in labels.split(",") if label.strip()}
        assert kept <= {"namespace", "model_name", "model_version", "metric", "type"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alert_fires_and_is_silent_when_it_should(case: Path, tmp_path: Path) -> None:
    (alert,) = (alert["alert"] for alert in alerts() if case_of(alert["alert"]) == case)
    done = run_case(tmp_path, needed(alert), case)
    assert done.returncode == 0, done.stdout + done.stderr


def configurations() -> dict[str, dict[str, Any]]:
    configs = of_kind(overlay("kind"), "AlertmanagerConfig")
    return {config["metadata"]["name"]: config["spec"] for config in configs}


def taken(route: dict[str, Any], labels: dict[str, str]) -> bool:
    return all(
        re.fullmatch(m["value"], labels.get(m["name"], ""))
        if m["matchType"] == "=~"
        else labels.get(m["name"], "") == m["value"]
        for m in route["matchers"]
    )


def test_alertmanager_hands_what_retrains_to_the_monitor_and_all_to_people() -> None:
    configs = configurations()
    told = {"kubeloop": set(), "kubeloop-people": set()}  # type: dict[str, set[str]]
    for alert in alerts():
        labels = {"alertname": alert["alert"], **alert["labels"]}
        for name, config in configs.items():
            if taken(config["route"], labels):
                told[name].add(alert["alert"])
    assert told["kubeloop-people"] == {alert["alert"] for alert in alerts()}
    assert told["kubeloop"] == {
        "KubeloopFeatureDrift",
        "KubeloopPredictionDrift",
        "KubeloopDatasetDrift",
        "KubeloopLowQuality",
        "KubeloopErrorsMoreOften",
    }
    for config in configs.values():
        names = {receiver["name"] for receiver in config["receivers"]}
        routes = [config["route"], *config["route"].get("routes", [])]
        assert {route["receiver"] for route in routes} == names


def test_alertmanager_calls_the_monitor_where_it_listens() -> None:
    (hook,) = configurations()["kubeloop"]["receivers"][0]["webhookConfigs"]
    (service,) = (
        s for s in of_kind(overlay("kind"), "Service") if s["metadata"]["name"] == "monitor"
    )
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert hook["url"] == f"http://{host}:{service['spec']['ports'][0]['port']}/alerts"


def test_alertmanager_silences_nothing_that_would_retrain_for_what_would_not() -> None:
    """An inhibited alert reaches no receiver, the monitor neither."""
    by_name = {alert["alert"]: alert["labels"] for alert in alerts()}
    rules = configurations()["kubeloop-people"]["inhibitRules"]
    assert rules
    for rule in rules:
        sources = [n for n in by_name if taken({"matchers": rule["sourceMatch"]}, {"alertname": n})]
        targets = [n for n in by_name if taken({"matchers": rule["targetMatch"]}, {"alertname": n})]
        assert len(sources) == 1
        assert targets
        assert not set(sources) & set(targets)
        for target in targets:
            if "retrain" in by_name[target]:
                assert by_name[sources[0]]["retrain"] == by_name[target]["retrain"]
