"""Every workload of every overlay keeps the rules, and each rule is shown to bite."""

from typing import Any

import pytest

from tests.manifests import workloads
from tests.manifests.rendered import (
    GONE,
    OVERLAYS,
    Invariant,
    changed,
    needs_kubectl,
    overlay,
)

pytestmark = needs_kubectl

INVARIANTS = (
    workloads.images_are_pinned,
    workloads.containers_are_probed,
    workloads.sizes_are_bounded,
    workloads.pods_are_restricted,
    workloads.labels_are_complete,
    workloads.ports_are_named,
    workloads.tokens_are_withheld,
    workloads.secrets_are_elsewhere,
)
POD = "spec/template/spec"
CONTAINER = f"{POD}/containers/0"
SECURITY = f"{CONTAINER}/securityContext"
VERSION = "app.kubernetes.io~version"
MONITOR, RUNTIME = "Deployment/monitor", "ServingRuntime/kubeloop"
STORAGE = "ClusterStorageContainer/kubeloop"
SERVICE, PREDICTOR = "InferenceService/model-name", "spec/predictor"


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_workloads_of_overlay_keep_the_rule(name: str, invariant: Invariant) -> None:
    assert invariant(overlay(name)) == []


# The rule, what is changed, how, and what the rule has to say then.
MUTATIONS: tuple[tuple[Invariant, str, str, Any, str], ...] = (
    (workloads.images_are_pinned, MONITOR, f"{CONTAINER}/image", "kubeloop/monitor", "expected a"),
    (workloads.images_are_pinned, MONITOR, f"{CONTAINER}/image", "a/b:latest", "'a/b:latest'"),
    (workloads.images_are_pinned, MONITOR, f"{CONTAINER}/image", "a:5000/b", "'a:5000/b'"),
    (workloads.images_are_pinned, RUNTIME, "spec/containers/0/image", "a/b:main", "'a/b:main'"),
    (workloads.containers_are_probed, MONITOR, f"{CONTAINER}/livenessProbe", GONE, "livenessProbe"),
    (workloads.containers_are_probed, RUNTIME, "spec/containers/0/readinessProbe", GONE, "readi"),
    (
        workloads.containers_are_probed,
        MONITOR,
        f"{CONTAINER}/readinessProbe/httpGet/port",
        9091,
        "port 9091",
    ),
    (workloads.sizes_are_bounded, MONITOR, f"{CONTAINER}/resources/limits/cpu", GONE, "cpu"),
    (
        workloads.sizes_are_bounded,
        MONITOR,
        f"{CONTAINER}/resources/requests/memory",
        GONE,
        "memory",
    ),
    (workloads.sizes_are_bounded, MONITOR, f"{CONTAINER}/resources/requests/cpu", "2", "above"),
    (workloads.sizes_are_bounded, STORAGE, "spec/container/resources/limits", GONE, "storage-init"),
    (workloads.pods_are_restricted, MONITOR, f"{POD}/securityContext", GONE, "root"),
    (workloads.pods_are_restricted, MONITOR, f"{POD}/hostNetwork", True, "hostNetwork"),
    (
        workloads.pods_are_restricted,
        MONITOR,
        f"{POD}/volumes/0",
        {"name": "store", "hostPath": {"path": "/"}},
        "hostPath",
    ),
    (workloads.pods_are_restricted, MONITOR, f"{SECURITY}/runAsUser", 0, "root"),
    (workloads.pods_are_restricted, MONITOR, f"{POD}/securityContext/seccompProfile", GONE, "secc"),
    (workloads.pods_are_restricted, MONITOR, f"{SECURITY}/allowPrivilegeEscalation", GONE, "gain"),
    (
        workloads.pods_are_restricted,
        MONITOR,
        f"{SECURITY}/capabilities/add",
        ["SYS_PTRACE"],
        "capa",
    ),
    (workloads.pods_are_restricted, MONITOR, f"{SECURITY}/readOnlyRootFilesystem", False, "write"),
    (
        workloads.pods_are_restricted,
        STORAGE,
        "spec/container/securityContext",
        GONE,
        "storage-init",
    ),
    (workloads.pods_are_restricted, STORAGE, "metadata/name", "other", "storage-initializer"),
    # A ServingRuntime has no place for these; the template of the InferenceService has.
    (
        workloads.pods_are_restricted,
        SERVICE,
        f"{PREDICTOR}/storageContainerName",
        GONE,
        "privileges",
    ),
    (
        workloads.tokens_are_withheld,
        SERVICE,
        f"{PREDICTOR}/automountServiceAccountToken",
        GONE,
        "kube",
    ),
    (workloads.tokens_are_withheld, SERVICE, f"{PREDICTOR}/serviceAccountName", GONE, "default"),
    (
        workloads.sizes_are_bounded,
        SERVICE,
        f"{PREDICTOR}/model/resources/limits",
        GONE,
        "kserve-cont",
    ),
    (
        workloads.labels_are_complete,
        SERVICE,
        "metadata/labels/app.kubernetes.io~part-of",
        GONE,
        "lacks",
    ),
    (workloads.labels_are_complete, MONITOR, f"metadata/labels/{VERSION}", GONE, "lacks"),
    (
        workloads.labels_are_complete,
        MONITOR,
        f"spec/template/metadata/labels/{VERSION}",
        GONE,
        "pod lacks",
    ),
    (workloads.labels_are_complete, RUNTIME, f"spec/labels/{VERSION}", GONE, "pod lacks"),
    (
        workloads.labels_are_complete,
        MONITOR,
        f"spec/selector/matchLabels/{VERSION}",
        "0.1.0",
        "fixes a version",
    ),
    (
        workloads.labels_are_complete,
        "StatefulSet/postgresql",
        "spec/volumeClaimTemplates",
        [{"metadata": {"labels": {"app.kubernetes.io/version": "0.1.0"}}}],
        "fixes a version",
    ),
    (workloads.ports_are_named, MONITOR, f"{CONTAINER}/ports/0/name", GONE, "has ports"),
    (workloads.ports_are_named, RUNTIME, "spec/containers/0/ports/1/name", "http", "has ports"),
    (workloads.ports_are_named, "Service/monitor", "spec/ports/0/name", GONE, "has port"),
    (workloads.ports_are_named, "Service/monitor", "spec/ports/0/targetPort", 9091, "has port"),
    (workloads.tokens_are_withheld, MONITOR, f"{POD}/automountServiceAccountToken", GONE, "mounts"),
    (workloads.tokens_are_withheld, MONITOR, f"{POD}/serviceAccountName", GONE, "default account"),
    (
        workloads.tokens_are_withheld,
        "ServiceAccount/predictor",
        "automountServiceAccountToken",
        True,
        "hands out",
    ),
    (
        workloads.tokens_are_withheld,
        "Deployment/mlflow",
        f"{POD}/volumes/0",
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        "token for 'Kubernetes'",
    ),
    (
        workloads.tokens_are_withheld,
        MONITOR,
        f"{POD}/volumes/0",
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"audience": "a"}}]}},
        "token for 'a'",
    ),
    (workloads.secrets_are_elsewhere, "Secret/object-store", "data", {"a": "Yg=="}, "holds data"),
    (
        workloads.secrets_are_elsewhere,
        "Secret/object-store",
        "stringData",
        {"a": "b"},
        "holds stringData",
    ),
    (
        workloads.secrets_are_elsewhere,
        "Deployment/mlflow",
        f"{CONTAINER}/args/0",
        "--backend-store-uri=postgresql://mlflow:mlflow@postgresql/mlflow",
        "password at",
    ),
    (
        workloads.secrets_are_elsewhere,
        "StatefulSet/postgresql",
        f"{CONTAINER}/env/2",
        {"name": "POSTGRES_PASSWORD", "value": "mlflow"},
        "POSTGRES_PASSWORD",
    ),
)


@pytest.mark.parametrize(
    ("invariant", "name", "path", "value", "said"),
    MUTATIONS,
    ids=[f"{i}-{mutation[0].__name__}" for i, mutation in enumerate(MUTATIONS)],
)
def test_workload_changed_breaks_the_rule(
    invariant: Invariant, name: str, path: str, value: Any, said: str
) -> None:
    problems = invariant(changed(overlay("kind"), name, path, value))
    assert [problem for problem in problems if said in problem], problems
