"""What is granted and what is scraped are what is written down, and each change is noticed."""

import copy
from typing import Any

import pytest

from tests.manifests import grants
from tests.manifests.rendered import (
    GONE,
    OVERLAYS,
    Invariant,
    changed,
    needs_kubectl,
    of_kind,
    overlay,
    title,
    without,
)

pytestmark = needs_kubectl

BINDINGS = grants.bindings_are_the_ones_written_down
MONITORS = grants.monitors_scrape_the_ones_written_down
RULES: dict[Invariant, str] = {BINDINGS: "RoleBinding", MONITORS: "PodMonitor"}


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_grants_of_overlay_are_what_is_written_down(name: str, rule: Invariant) -> None:
    assert rule(overlay(name)) == []


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_grants_each_taken_away_or_doubled_are_noticed(name: str, rule: Invariant) -> None:
    documents = overlay(name)
    kept = list(of_kind(documents, RULES[rule]))
    assert kept
    for document in kept:
        assert rule(without(documents, title(document))) != []
        more = copy.deepcopy(document)
        more["metadata"]["name"] = "more"
        assert rule([*documents, more]) != []


DEPLOYER, SCRAPER = "RoleBinding/model-deployer", "RoleBinding/prometheus"
PREDICTORS, MONITOR = "PodMonitor/predictors", "PodMonitor/monitor"
MUTATIONS: tuple[tuple[Invariant, str, str, Any], ...] = (
    (BINDINGS, DEPLOYER, "roleRef/kind", "ClusterRole"),
    (BINDINGS, DEPLOYER, "roleRef/name", "prometheus"),
    (BINDINGS, DEPLOYER, "roleRef/apiGroup", "rbac"),
    (BINDINGS, DEPLOYER, "metadata/namespace", "kubeflow"),
    (BINDINGS, DEPLOYER, "subjects/0/namespace", "kubeloop"),
    (BINDINGS, DEPLOYER, "subjects/0/name", "default"),
    (BINDINGS, DEPLOYER, "subjects/0/kind", "Group"),
    (BINDINGS, DEPLOYER, "subjects/1", {"kind": "Group", "name": "system:authenticated"}),
    (BINDINGS, SCRAPER, "subjects", []),
    (MONITORS, PREDICTORS, "spec/selector/matchExpressions", GONE),
    (MONITORS, PREDICTORS, "spec/selector/matchLabels", GONE),
    (MONITORS, PREDICTORS, "spec/selector/matchExpressions/0/operator", "DoesNotExist"),
    (MONITORS, PREDICTORS, "spec/namespaceSelector", {"any": True}),
    (MONITORS, PREDICTORS, "spec/namespaceSelector", {"matchNames": ["elsewhere"]}),
    (MONITORS, PREDICTORS, "spec/podMetricsEndpoints/0/port", "grpc"),
    (MONITORS, PREDICTORS, "spec/podMetricsEndpoints/0/path", "/v2/health/live"),
    (MONITORS, MONITOR, "spec/selector", {}),
    (MONITORS, MONITOR, "spec/selector/matchLabels/app.kubernetes.io~name", "mlflow"),
    (MONITORS, MONITOR, "spec/podMetricsEndpoints/1", {"port": "http", "path": "/other"}),
    (MONITORS, MONITOR, "metadata/namespace", "monitoring"),
)


@pytest.mark.parametrize("overlay_name", OVERLAYS)
@pytest.mark.parametrize(
    ("rule", "name", "path", "value"),
    MUTATIONS,
    ids=[f"{i}-{mutation[1]}" for i, mutation in enumerate(MUTATIONS)],
)
def test_grant_changed_is_noticed(
    overlay_name: str, rule: Invariant, name: str, path: str, value: Any
) -> None:
    assert rule(changed(overlay(overlay_name), name, path, value)) != []
