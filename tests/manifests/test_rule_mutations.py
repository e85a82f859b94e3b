"""Every number and every duration of every alert, made wrong, fails one of its cases.

A case is worth what a wrong threshold does to it. What is recorded for several alerts is made wrong
for the first of them.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.manifests.rule_cases import (
    Case,
    Group,
    alerts,
    case_of,
    needed,
    needs_promtool,
    wrong,
)

pytestmark = needs_promtool

ALERTS = [alert["alert"] for alert in alerts()]
# Beside numbers and durations, what each alert asks at all: a part of it, and another.
OTHER = (
    ("KubeloopMonitorAbsent", "unless on ()", "and on ()"),
    ("KubeloopMonitorAbsent", "absent(kubeloop_monitor_queue_requests)", "absent(up)"),
    ("KubeloopMonitorAbsent", "count by (namespace)", "count by (job)"),
    ("KubeloopModelAbsent", "by (namespace, model_name)", "by (namespace, model_name, pod)"),
    ("KubeloopFeatureDrift", "and kubeloop_feature_drifted == 1", ""),
    ("KubeloopFeatureDrift", "max by (namespace, model_name, model_version, feature)", ""),
    ("KubeloopPredictionDrift", "and kubeloop_prediction_drifted == 1", ""),
    ("KubeloopPredictionDrift", "max by (namespace, model_name, model_version)", ""),
    ("KubeloopDatasetDrift", ">=", ">"),
    ("KubeloopDriftSuspected", "unless max by", "or max by"),
    ("KubeloopDriftSuspected", "unless kubeloop:features_beyond_threshold:count", ""),
    ("KubeloopLowQuality", "upper_bound <", "lower_bound <"),
    ("KubeloopLowQuality", "lower_bound >", "upper_bound <"),
    ("KubeloopLowQuality", "max by (namespace, model_name, model_version, metric)", ""),
    ("KubeloopErrorsMoreOften", ">=", ">"),
    ("KubeloopQualityFalling", "unless", "or"),
    ("KubeloopLabelsStale", "and on (namespace, model_name) kubeloop:predictions", "unless kubel"),
    ("KubeloopLabelsMissing", "unless", "or"),
    ("KubeloopDriftEvaluationStale", "unless max by", "and max by"),
    ("KubeloopRetrainingFailing", "promoted|kept|not_approved", "promoted|kept"),
    ("KubeloopEventsMissing", "or sum by (namespace", "and sum by (namespace"),
    ("KubeloopEventsMissing", "and on (namespace) kubeloop_monitor_queue_requests", ""),
    ("KubeloopEventLoss", 'code="200"', 'code!=""'),
    ("KubeloopEventsRejected", "max by", "sum by"),
    ("KubeloopNoTraffic", "unless", "or"),
    ("KubeloopErrorBudgetBurnsFast", 'code=~"5.."', 'code=~"[45].."'),
    ("KubeloopErrorBudgetBurnsSlowly", 'code=~"5.."', 'code=~"[45].."'),
)


def survives(folder: Path, given: list[Group], case: Case) -> bool:
    folder.mkdir()
    return case.run(folder, given).returncode == 0


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_with_a_wrong_number_or_duration_fails_its_case(alert: str, tmp_path: Path) -> None:
    done, given = zip(*wrong(alert), strict=True)
    folders = [tmp_path / str(number) for number in range(len(done))]
    with ThreadPoolExecutor(2) as pool:
        survived = pool.map(survives, folders, given, [Case(case_of(alert))] * len(done))
        assert [what for what, lives in zip(done, survived, strict=True) if lives] == []


@pytest.mark.parametrize(
    ("alert", "part", "other"), OTHER, ids=[f"{i}-{entry[0]}" for i, entry in enumerate(OTHER)]
)
def test_alert_that_asks_something_else_fails_its_case(
    alert: str, part: str, other: str, tmp_path: Path
) -> None:
    given = needed(alert)
    rules = [rule for group in given for rule in group["rules"]]
    assert any(part in rule["expr"] for rule in rules)
    for rule in rules:
        rule["expr"] = rule["expr"].replace(part, other)
    assert not survives(tmp_path / "changed", given, Case(case_of(alert)))
