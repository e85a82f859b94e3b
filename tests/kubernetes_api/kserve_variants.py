"""What KServe makes of one predictor variant: Deployment, Service and autoscaler.

After pkg/controller/v1beta1/inferenceservice/components/predictor.go and its reconcilers.
"""

import math
from typing import Any

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.kubelet import SOURCE
from tests.kubernetes_api.patches import strategic
from tests.kubernetes_api.pod_status import FETCHER
from tests.kubernetes_api.store import Document

ISVC = "serving.kserve.io/inferenceservice"
CLASS = "serving.kserve.io/autoscalerClass"
DOMAIN = "models.localhost"
_LONGEST_LABEL = 63
# constants.ServiceAnnotationDisallowedList.
_NOT_COPIED = {
    "autoscaling.knative.dev/min-scale",
    "autoscaling.knative.dev/max-scale",
    SOURCE,
    "kubectl.kubernetes.io/last-applied-configuration",
    "internal.serving.kserve.io/model-format",
}
# Of a predictor, what is the component's and not the pod's.
_COMPONENT = {
    *("name", "model", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"),
    *("scaleMetricType", "labels", "annotations", "deploymentStrategy", "storageContainerName"),
    *(
        "storageUris",
        "canaryTrafficPercent",
        "containerConcurrency",
        "timeout",
        "logger",
        "batcher",
    ),
    *("workerSpec", "containers"),
}
# Of a model, what is no container's.
_EXTENSION = {
    "modelFormat",
    "runtime",
    "runtimeVersion",
    "storageUri",
    "storage",
    "protocolVersion",
}


class UnmakeableError(Exception):
    """KServe makes nothing of a variant as it is, and says so in an event."""


def name_of(isvc: str, variant: str = "") -> str:
    """Returns the name of a variant's Deployment and Service (constants.PredictorServiceName)."""
    return f"{isvc}-{variant}-predictor" if variant else f"{isvc}-predictor"


def check_host(isvc: Document, predictor: Document) -> None:
    """Refuses what KServe can make no host of (createRawURL of raw_kube_reconciler.go).

    Raises:
        UnmakeableError: name, variant and namespace are too long together for a DNS label.
    """
    metadata = isvc["metadata"]
    label = f"{name_of(metadata['name'], predictor.get('name', ''))}-{metadata['namespace']}"
    if len(label) > _LONGEST_LABEL:
        msg = (
            f'failed creating host name: invalid domain name "{label}.{DOMAIN}": url: Invalid '
            f'value: "{label}": must be no more than {_LONGEST_LABEL} characters'
        )
        raise UnmakeableError(msg)


def canary_replicas(spec: Document, canary: Document) -> int:
    """Returns how many pods a canary has (canaryReplicaCount)."""
    least = canary["predictor"].get("minReplicas")
    if least is not None:
        return int(least)
    stable = spec["predictor"].get("minReplicas", 1)
    return math.ceil(int(stable) * int(canary["trafficPercent"]) / 100)


def canary_predictor(stable: Document, canary: Document, replicas: int) -> Document:
    """Returns the stable predictor overlaid with a canary's own fields (mergo.WithOverride)."""
    predictor = _overridden(stable, canary["predictor"])
    for field in ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"):
        predictor.pop(field, None)
    return {**predictor, "minReplicas": replicas}


def _overridden(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return copied(over)
    # What is empty in the overlay overrides nothing.
    given = {key: value for key, value in over.items() if value not in (None, "", 0, [], {}, False)}
    return {**copied(under), **{k: _overridden(under.get(k), v) for k, v in given.items()}}


def resources(
    isvc: Document, predictor: Document, runtime: Document, ports: tuple[int, int]
) -> tuple[Document, Document, Document | None]:
    """Returns Deployment, Service and autoscaler of a variant.

    Args:
        isvc: the InferenceService.
        predictor: the variant's, whole.
        runtime: the ServingRuntime it names.
        ports: at which Services listen, and pods in place of 8080.

    Returns:
        The documents; no autoscaler where the class is none or external.
    """
    metadata = _metadata(isvc, predictor, runtime)
    template = {
        "metadata": _template_metadata(metadata),
        "spec": _pod(isvc, predictor, runtime, ports),
    }
    name, least = metadata["name"], predictor.get("minReplicas")
    scaled = metadata["annotations"].get(CLASS, "hpa")
    spec: Document = {
        "selector": {"matchLabels": {"app": f"isvc.{name}"}},
        "template": template,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
        },
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
    }
    if least is not None and scaled == "none":
        spec["replicas"] = least
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    scaler = _scaler(metadata, predictor) if scaled == "hpa" else None
    return deployment, _service(metadata, template["spec"], ports), scaler


def _metadata(isvc: Document, predictor: Document, runtime: Document) -> Document:
    meta, given = isvc["metadata"], runtime["spec"]
    name = name_of(meta["name"], predictor.get("name", ""))
    copied = {k: v for k, v in (meta.get("annotations") or {}).items() if k not in _NOT_COPIED}
    uri = (predictor.get("model") or {}).get("storageUri")
    return {
        "name": name,
        "namespace": meta["namespace"],
        "labels": {
            **given.get("labels", {}),
            **(meta.get("labels") or {}),
            **predictor.get("labels", {}),
            ISVC: meta["name"],
            "component": "predictor",
            "app": f"isvc.{name}",
        },
        "annotations": {
            **given.get("annotations", {}),
            **copied,
            **({SOURCE: uri} if uri else {}),
            **predictor.get("annotations", {}),
        },
    }


def _template_metadata(metadata: Document) -> Document:
    return {k: copied(metadata[k]) for k in ("labels", "annotations")}


def _pod(
    isvc: Document, predictor: Document, runtime: Document, ports: tuple[int, int]
) -> Document:
    given = runtime["spec"]
    model = predictor.get("model") or {}
    [container] = [c for c in given["containers"] if c["name"] == "kserve-container"]
    own = {k: v for k, v in model.items() if k not in (*_EXTENSION, "args")}
    merged = strategic(copied(container), own)
    merged["args"] = [*container.get("args", []), *model.get("args", [])]
    merged = _replaced(merged, isvc["metadata"]["name"])
    for port in merged.get("ports", []):
        port["containerPort"] = ports[1] if port["containerPort"] == 8080 else port["containerPort"]
    env = [{"name": "INFERENCE_SERVICE_NAME", "value": isvc["metadata"]["name"]}]
    merged["env"] = [*merged.get("env", []), *env]
    pod = {k: v for k, v in predictor.items() if k not in _COMPONENT}
    if "volumes" in given:
        pod["volumes"] = copied(given["volumes"])
    return {"restartPolicy": "Always", **pod, "containers": [merged]}


def _replaced(value: Any, name: str) -> Any:
    """Fills in the placeholders of a runtime."""
    if isinstance(value, dict):
        return {key: _replaced(inner, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, name) for inner in value]
    return value.replace("{{.Name}}", name) if isinstance(value, str) else value


def _service(metadata: Document, pod: Document, ports: tuple[int, int]) -> Document:
    listed = []
    for index, port in enumerate(pod["containers"][0]["ports"]):
        number = port["containerPort"]
        entry = {
            "name": port.get("name"),
            "port": ports[0] if index == 0 else number,
            "targetPort": number,
            "protocol": port.get("protocol", "TCP"),
        }
        grpc = "grpc" in str(port.get("name")) or "h2c" in str(port.get("name"))
        listed.append({**entry, **({"appProtocol": "kubernetes.io/h2c"} if grpc else {})})
    spec = {"selector": {"app": f"isvc.{metadata['name']}"}, "ports": listed, "type": "ClusterIP"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": copied(metadata), "spec": spec}


def _scaler(metadata: Document, predictor: Document) -> Document:
    least = max(predictor.get("minReplicas", 1), 1)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]}
    utilization = {"type": "Utilization", "averageUtilization": predictor.get("scaleTarget", 80)}
    resource = {"name": predictor.get("scaleMetric", "cpu"), "target": utilization}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": copied(metadata),
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": least,
            "maxReplicas": max(predictor.get("maxReplicas", 0), least),
            "metrics": [{"type": "Resource", "resource": resource}],
            "behavior": {},
        },
    }


def inject_fetcher(pod: Document) -> None:
    """Adds the container that fetches the bundle, as KServe's webhook for pods does."""
    uri = pod["metadata"].get("annotations", {}).get(SOURCE)
    if uri and ISVC in pod["metadata"].get("labels", {}):
        fetcher = {
            "name": FETCHER,
            "image": "kserve/storage-initializer:v0.21.0",
            "args": [uri, "/mnt/models"],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
        pod["spec"] = {**pod["spec"], "initContainers": [fetcher]}
