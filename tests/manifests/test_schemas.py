"""Every document is what its reader takes, and the schemas refuse what they should."""

from typing import Any

import pytest

from tests.manifests.rendered import (
    GONE,
    MANIFESTS,
    OVERLAYS,
    changed,
    load,
    needs_kubectl,
    overlay,
    render,
    title,
)
from tests.manifests.schemas import documents_are_valid

pytestmark = needs_kubectl

MONITOR, RUNTIME = "Deployment/monitor", "ServingRuntime/kubeloop"
SERVICE, WEBHOOK = "InferenceService/model-name", "spec/receivers/0/webhookConfigs/0"
CONTAINER = "spec/template/spec/containers/0"


@pytest.mark.parametrize("name", OVERLAYS)
def test_documents_of_overlay_are_valid(name: str) -> None:
    assert documents_are_valid(overlay(name)) == []


def test_gateway_of_platform_is_valid() -> None:
    """The one step of the platform that names nothing remote."""
    documents = load(render(MANIFESTS / "platform" / "06-gateway"))
    assert len(documents) == 3
    assert documents_are_valid(documents) == []


MUTATIONS: tuple[tuple[str, str, Any, str], ...] = (
    (MONITOR, f"{CONTAINER}/livenesProbe", {}, "livenesProbe"),
    (MONITOR, f"{CONTAINER}/ports/0/containerPort", "9091", "9091"),
    (MONITOR, "spec/selector", GONE, "selector"),
    (MONITOR, "apiVersion", "apps/v1beta1", "Couldn't find schema"),
    ("NetworkPolicy/monitor", "spec/policyType", ["Egress"], "policyType"),
    ("Role/model-deployer", "rules/0/verb", ["get"], "verb"),
    ("PodDisruptionBudget/mlflow", "apiVersion", "policy/v1beta1", "Couldn't find schema"),
    (RUNTIME, "spec/containers/0/readynessProbe", {}, "spec.containers[0].readynessProbe"),
    (RUNTIME, "spec/serviceAccountName", "predictor", "spec.serviceAccountName is unknown"),
    (SERVICE, "spec/predictor/canaryPercent", 10, "spec.predictor.canaryPercent is unknown"),
    (SERVICE, "spec/predictor/minReplicas", "one", "one"),
    ("PodMonitor/monitor", "spec/podMetricsEndpoints/0/targetPort", 9091, "targetPort"),
    ("PodMonitor/monitor", "spec/podMetricsEndpoints/0/interval", "15", "interval"),
    ("PrometheusRule/kubeloop", "spec/groups/0/rules/0/expression", "up", "expression"),
    ("AlertmanagerConfig/kubeloop", f"{WEBHOOK}/url", "monitor:9091", "url"),
    ("AlertmanagerConfig/kubeloop", "spec/route/matchers/0/matchType", "~", "matchType"),
    ("ClusterStorageContainer/kubeloop", "spec/supportedUriFormats", [], "supportedUriFormats"),
)


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    MUTATIONS,
    ids=[f"{i}-{mutation[0]}" for i, mutation in enumerate(MUTATIONS)],
)
def test_document_changed_is_refused(name: str, path: str, value: Any, said: str) -> None:
    documents = [d for d in changed(overlay("kind"), name, path, value) if title(d) == name]
    problems = documents_are_valid(documents)
    assert [problem for problem in problems if said in problem], problems


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("Gateway/kserve-ingress-gateway", "spec/listeners/0/protocol", "https"),
        ("Certificate/models", "spec/issuerRef", GONE),
    ],
    ids=["gateway", "certificate"],
)
def test_document_of_production_changed_is_refused(name: str, path: str, value: Any) -> None:
    documents = changed(overlay("production"), name, path, value)
    assert documents_are_valid([d for d in documents if title(d) == name]) != []
