"""What the manifests refer to is there, and each rule that says so is shown to bite."""

from typing import Any

import pytest

from tests.manifests import references, rights
from tests.manifests.rendered import (
    GONE,
    OVERLAYS,
    Invariant,
    changed,
    needs_kubectl,
    overlay,
    without,
)

pytestmark = needs_kubectl

INVARIANTS = (
    references.services_select_workloads,
    references.monitors_select_ports,
    references.policies_select_pods,
    references.namespaces_deny_by_default,
    references.budgets_select_pods,
    references.bindings_have_subjects,
    references.pods_find_their_parts,
    references.namespaces_are_labelled,
    rights.roles_grant_no_more,
)
MLFLOW, MONITOR = "Deployment/mlflow", "Deployment/monitor"
POD_LABELS = "spec/template/metadata/labels"
NAME = "app.kubernetes.io~name"
ROLE = "Role/model-deployer"


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_references_of_overlay_lead_somewhere(name: str, invariant: Invariant) -> None:
    assert invariant(overlay(name)) == []


SERVICES = references.services_select_workloads
MONITORS = references.monitors_select_ports
POLICIES = references.policies_select_pods
BUDGETS = references.budgets_select_pods
BINDINGS = references.bindings_have_subjects
PARTS = references.pods_find_their_parts
SPACES = references.namespaces_are_labelled
RIGHTS = rights.roles_grant_no_more

# The rule, what is changed, how, and what the rule has to say then.
MUTATIONS: tuple[tuple[Invariant, str, str, Any, str], ...] = (
    (SERVICES, MONITOR, f"{POD_LABELS}/{NAME}", "other", "Service/monitor selects no pod"),
    (SERVICES, "Service/mlflow", f"spec/selector/{NAME}", "mlfow", "Service/mlflow selects no pod"),
    (SERVICES, "Service/mlflow", "spec/ports/0/targetPort", "web", "port 'web'"),
    (SERVICES, "Service/mlflow", "spec/ports/0/protocol", "UDP", "port 'http'"),
    (MONITORS, "PodMonitor/monitor", f"spec/selector/matchLabels/{NAME}", "x", "selects no pod"),
    (MONITORS, "PodMonitor/monitor", "spec/podMetricsEndpoints/0/port", "metrics", "'metrics'"),
    (MONITORS, "PodMonitor/predictors", "spec/selector/matchLabels/component", "x", "no pod"),
    (
        MONITORS,
        "ServingRuntime/kubeloop",
        "spec/containers/0/ports/0/name",
        "http1",
        "ServingRuntime/kubeloop lacks",
    ),
    (POLICIES, MONITOR, f"{POD_LABELS}/{NAME}", "other", "NetworkPolicy/monitor selects no pod"),
    (
        POLICIES,
        "NetworkPolicy/predictors",
        "spec/podSelector/matchLabels/component",
        "predictors",
        "selects no pod",
    ),
    # Peers: the gateway's proxies, pipeline tasks, the object store, the DNS, our own pods.
    (
        POLICIES,
        "NetworkPolicy/predictors",
        "spec/ingress/0/from/0/podSelector/matchLabels/gateway.envoyproxy.io~owning-gateway-name",
        "ingress-gateway",
        "is no pod",
    ),
    (
        POLICIES,
        "NetworkPolicy/predictors",
        "spec/ingress/1/from/0/podSelector/matchLabels/pipelines.kubeflow.org~v2_component",
        "True",
        "is no pod",
    ),
    (
        POLICIES,
        "NetworkPolicy/mlflow",
        "spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~metadata.name",
        "kubeflow-user",
        "is no pod",
    ),
    (
        POLICIES,
        "NetworkPolicy/monitor",
        "spec/ingress/0/from/2/podSelector/matchExpressions/0/values",
        ["prom"],
        "is no pod",
    ),
    (
        POLICIES,
        "NetworkPolicy/database",
        f"spec/egress/0/to/0/podSelector/matchLabels/{NAME}",
        "postgres",
        "is no pod",
    ),
    # The Service's port instead of the pods'.
    (POLICIES, "NetworkPolicy/object-store", "spec/egress/0/ports/0/port", 9000, "port 9000"),
    (POLICIES, "NetworkPolicy/predictors", "spec/ingress/0/ports/1/port", "h2c", "port 'h2c'"),
    (POLICIES, "NetworkPolicy/dns", "spec/egress/0/ports/0/protocol", "SCTP", "port 53"),
    (
        references.namespaces_deny_by_default,
        "NetworkPolicy/default-deny",
        "spec/policyTypes",
        ["Ingress"],
        "'kubeloop'",
    ),
    (
        references.namespaces_deny_by_default,
        "NetworkPolicy/default-deny",
        "spec/egress",
        [{}],
        "'kubeloop'",
    ),
    (
        references.namespaces_deny_by_default,
        "NetworkPolicy/default-deny",
        "spec/podSelector/matchLabels",
        {"a": "b"},
        "'kubeloop'",
    ),
    (BUDGETS, "PodDisruptionBudget/monitor", f"spec/selector/matchLabels/{NAME}", "x", "no pod"),
    (BUDGETS, "PodDisruptionBudget/mlflow", f"spec/selector/matchLabels/{NAME}", "x", "no budget"),
    (BUDGETS, "PodDisruptionBudget/monitor", "spec/maxUnavailable", 0, "drained"),
    (
        BUDGETS,
        "PodDisruptionBudget/predictors",
        "spec/unhealthyPodEvictionPolicy",
        "IfHealthyBudget",
        "PodDisruptionBudget/predictors keeps a node whose pod is broken",
    ),
    (BINDINGS, "RoleBinding/model-deployer", "roleRef/name", "deployer", "role"),
    (BINDINGS, "RoleBinding/model-deployer", "subjects/0/namespace", "kubeloop", "pipeline-runner"),
    (BINDINGS, "RoleBinding/model-deployer", "subjects/0/namespace", GONE, "pipeline-runner"),
    (BINDINGS, "RoleBinding/model-deployer", "subjects", [], "nobody"),
    (BINDINGS, "RoleBinding/prometheus", "subjects/0/name", "prometheus", "'prometheus'"),
    (PARTS, MLFLOW, "spec/template/spec/serviceAccountName", "ml", "'ml'"),
    (
        PARTS,
        "InferenceService/model-name",
        "spec/predictor/serviceAccountName",
        "kubeloop",
        "ServingRuntime/kubeloop runs as 'kubeloop'",
    ),
    (
        PARTS,
        "StatefulSet/postgresql",
        "spec/template/spec/volumes/0/persistentVolumeClaim/claimName",
        "data",
        "'data'",
    ),
    (PARTS, MLFLOW, f"spec/selector/matchLabels/{NAME}", "ml", "its own pods"),
    (SPACES, "Namespace/kubeloop", "metadata/labels/app.kubernetes.io~part-of", "kubeloop", "part"),
    (
        SPACES,
        "Namespace/kubeloop",
        "metadata/labels/pod-security.kubernetes.io~enforce",
        "baseline",
        "'restricted'",
    ),
    (SPACES, "Namespace/kubeloop", "metadata/name", "serving", "'kubeloop' is not made"),
    (RIGHTS, ROLE, "rules/0/verbs/0", "*", "grants *"),
    (RIGHTS, ROLE, "rules/0/resources/0", "*", "grants create ('serving.kserve.io', '*')"),
    (RIGHTS, ROLE, "rules/3/resources/2", "secrets", "grants list ('', 'secrets')"),
    (RIGHTS, ROLE, "rules/2/verbs/1", "delete", "grants delete ('apps', 'deployments')"),
    (RIGHTS, ROLE, "rules/0/verbs", ["get"], "lacks create ('serving.kserve.io'"),
    (RIGHTS, ROLE, "kind", "ClusterRole", "beyond a namespace"),
    (RIGHTS, ROLE, "metadata/name", "another", "Role/another grants get"),
)


@pytest.mark.parametrize(
    ("invariant", "name", "path", "value", "said"),
    MUTATIONS,
    ids=[f"{i}-{mutation[0].__name__}" for i, mutation in enumerate(MUTATIONS)],
)
def test_reference_changed_breaks_the_rule(
    invariant: Invariant, name: str, path: str, value: Any, said: str
) -> None:
    problems = invariant(changed(overlay("kind"), name, path, value))
    assert [problem for problem in problems if said in problem], problems


# What nothing else would miss.
ABSENCES = (
    (references.namespaces_deny_by_default, "NetworkPolicy/default-deny", "'kubeloop'"),
    (BUDGETS, "PodDisruptionBudget/predictors", "ServingRuntime/kubeloop has no budget"),
    (BINDINGS, "Role/model-deployer", "role"),
    (PARTS, "ServiceAccount/predictor", "ServingRuntime/kubeloop runs as 'predictor'"),
    (PARTS, "PersistentVolumeClaim/monitor", "claims 'monitor'"),
    (SPACES, "Namespace/kubeloop", "'kubeloop' is not made"),
)


@pytest.mark.parametrize(
    ("invariant", "name", "said"), ABSENCES, ids=[name for _, name, _ in ABSENCES]
)
def test_document_taken_away_breaks_the_rule(invariant: Invariant, name: str, said: str) -> None:
    problems = invariant(without(overlay("kind"), name))
    assert [problem for problem in problems if said in problem], problems
