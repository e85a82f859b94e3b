"""What stands before an InferenceService is stored: its schema's pruning and KServe's webhook.

After config/crd/full and pkg/apis/serving/v1beta1/inference_service_validation.go.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.refusals import RefusalError, denied, invalid
from tests.kubernetes_api.resources import Options
from tests.kubernetes_api.store import Document

WEBHOOK = "inferenceservice.kserve-webhook-server.validator"
MODE = "serving.kserve.io/deploymentMode"
_CLASS = "serving.kserve.io/autoscalerClass"
_CLASSES = ("hpa", "external", "keda", "none")
_MODELS = (
    *("sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml"),
    *("lightgbm", "paddle", "model", "containers"),
)
_SPEC = {"predictor", "canary", "explainer", "transformer"}
_PREDICTOR = {
    *_MODELS,
    *("activeDeadlineSeconds", "affinity", "annotations", "autoScaling"),
    *("automountServiceAccountToken", "batcher", "canaryTrafficPercent", "containerConcurrency"),
    *("deploymentStrategy", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases"),
    *("hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride"),
    *("imagePullSecrets", "initContainers", "labels", "logger", "maxReplicas", "minReplicas"),
    *("name", "nodeName", "nodeSelector", "os", "overhead", "preemptionPolicy", "priority"),
    *("priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy"),
    *("runtimeClassName", "scaleMetric", "scaleMetricType", "scaleTarget", "schedulerName"),
    *("schedulingGates", "securityContext", "serviceAccount", "serviceAccountName"),
    *("setHostnameAsFQDN", "shareProcessNamespace", "storageContainerName", "storageUris"),
    *("subdomain", "terminationGracePeriodSeconds", "timeout", "tolerations"),
    *("topologySpreadConstraints", "volumes", "workerSpec"),
}
_MODEL = {
    *("args", "command", "confidential", "env", "envFrom", "image", "imagePullPolicy"),
    *("lifecycle", "livenessProbe", "modelFormat", "name", "ports", "protocolVersion"),
    *("readinessProbe", "resizePolicy", "resources", "restartPolicy", "restartPolicyRules"),
    *("runtime", "runtimeVersion", "securityContext", "startupProbe", "stdin", "stdinOnce"),
    *("storage", "storageUri", "terminationMessagePath", "terminationMessagePolicy", "tty"),
    *("volumeDevices", "volumeMounts", "workingDir"),
}
_INTEGERS = ("minReplicas", "maxReplicas", "scaleTarget", "timeout", "canaryTrafficPercent")
_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"


def admit(kind: Kind, old: Document | None, new: Document, options: Options) -> None:
    """Prunes what the schema does not know, then refuses what KServe refuses.

    An applied configuration is pruned before it is merged, which is a call of its own without a
    whole spec; the webhook judges what the merge has come to.

    Raises:
        RefusalError: 400, an unknown field where the client asked for strictness; 422, against the
            schema; 403, refused by the webhook.
    """
    if kind.kind != "InferenceService" or "deletionTimestamp" in new.get("metadata", {}):
        return
    unknown = list(_prune(new.get("spec")))
    if unknown and options.validation == "Strict":
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        msg = (
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: strict '
            f"decoding error: {listed}"
        )
        raise RefusalError(400, msg)
    if unknown and options.validation == "Warn":
        options.warnings += tuple(f'unknown field \\"{path}\\"' for path in unknown)
    if "uid" not in new.get("metadata", {}):
        return
    _check_schema(kind, new)
    try:
        _judge(old, new)
    except ValueError as exc:
        raise denied(WEBHOOK, str(exc)) from exc


def _prune(spec: Any) -> Iterator[str]:
    if not isinstance(spec, dict):
        return
    yield from _cut(spec, _SPEC, "spec")
    places = [("spec.predictor", spec.get("predictor"))]
    canaries = spec.get("canary")
    for index, canary in enumerate(canaries if isinstance(canaries, list) else []):
        if isinstance(canary, dict):
            yield from _cut(canary, {"predictor", "trafficPercent"}, f"spec.canary[{index}]")
            places.append((f"spec.canary[{index}].predictor", canary.get("predictor")))
    for path, predictor in places:
        if isinstance(predictor, dict):
            yield from _cut(predictor, _PREDICTOR, path)
            if isinstance(predictor.get("model"), dict):
                yield from _cut(predictor["model"], _MODEL, f"{path}.model")


def _cut(document: Document, known: set[str], path: str) -> Iterator[str]:
    for name in [name for name in document if name not in known]:
        del document[name]
        yield f"{path}.{name}"


def _check_schema(kind: Kind, new: Document) -> None:
    causes: list[tuple[str, str, str]] = []
    spec = new.get("spec") or {}
    if "predictor" not in spec:
        causes.append(("spec.predictor", "FieldValueRequired", "Required value"))
    places = [("spec.predictor", spec.get("predictor") or {})]
    for index, canary in enumerate(spec.get("canary") or []):
        path = f"spec.canary[{index}]"
        places.append((f"{path}.predictor", canary.get("predictor") or {}))
        for field in {"predictor", "trafficPercent"} - set(canary):
            causes.append((f"{path}.{field}", "FieldValueRequired", "Required value"))
        causes += _whole(f"{path}.trafficPercent", canary.get("trafficPercent", 0), (0, 100))
    for path, predictor in places:
        for field in _INTEGERS:
            causes += _whole(f"{path}.{field}", predictor.get(field, 0), None)
        name = predictor.get("name")
        if name is not None and not re.match(_NAME, str(name)):
            text = f"Invalid value: \"{name}\": spec.predictor.name in body should match '{_NAME}'"
            causes.append((f"{path}.name", "FieldValueInvalid", text))
    if causes:
        raise invalid(kind.group, kind.kind, new["metadata"]["name"], causes)


def _whole(path: str, value: Any, bounds: tuple[int, int] | None) -> list[tuple[str, str, str]]:
    if isinstance(value, bool) or not isinstance(value, int):
        text = f'Invalid value: "{type(value).__name__}": {path} in body must be of type integer'
        return [(path, "FieldValueTypeInvalid", text)]
    if bounds and not bounds[0] <= value <= bounds[1]:
        word = "less than or equal to 100" if value > bounds[1] else "greater than or equal to 0"
        return [
            (path, "FieldValueInvalid", f"Invalid value: {value}: {path} in body should be {word}")
        ]
    return []


def _judge(old: Document | None, new: Document) -> None:
    """Says what validateInferenceService says.

    Raises:
        ValueError: it refuses.
    """
    annotations, predictor = new["metadata"].get("annotations") or {}, new["spec"]["predictor"]
    if old is not None:
        mode = (old.get("status") or {}).get("deploymentMode", "")
        if mode and annotations.get(MODE, mode) != mode:
            msg = (
                f"update rejected: deploymentMode cannot be changed from '{mode}' to "
                f"'{annotations[MODE]}'"
            )
            raise ValueError(msg)
        before = old["spec"]["predictor"]
        if before.get("name") != predictor.get("name") and _uri(before) == _uri(predictor):
            msg = "predictor.name change requires a model change (e.g. storageUri)"
            raise ValueError(msg)
    if not re.match(_NAME, new["metadata"]["name"]):
        msg = f'the InferenceService "{new["metadata"]["name"]}" is invalid'
        raise ValueError(msg)
    if annotations.get(_CLASS, "hpa") not in _CLASSES:
        msg = f"[{annotations[_CLASS]}] is not a supported autoscaler class type"
        raise ValueError(msg)
    _check_predictor(predictor)
    _check_canaries(new["spec"], annotations)


def _uri(predictor: Document) -> Any:
    return (predictor.get("model") or {}).get("storageUri")


def _check_predictor(predictor: Document) -> None:
    if sum(name in predictor for name in _MODELS) < 1:
        msg = "exactly one of [SKLearn, XGBoost, …, Model] must be specified in PredictorSpec"
        raise ValueError(msg)
    least, most = predictor.get("minReplicas", 1), predictor.get("maxReplicas", 0)
    if least < 0:
        msg = "'MinReplicas' cannot be less than 0"
        raise ValueError(msg)
    if most < 0:
        msg = "'MaxReplicas' cannot be less than 0"
        raise ValueError(msg)
    if least > most != 0:
        msg = "'MinReplicas' cannot be greater than MaxReplicas"
        raise ValueError(msg)


def _check_canaries(spec: Document, annotations: dict[str, str]) -> None:
    """Says what validateCanarySpecs says."""
    canaries = spec.get("canary") or []
    if canaries and annotations.get(MODE) != "Standard":
        msg = "canary is only supported in Standard deployment mode"
        raise ValueError(msg)
    names: set[str] = set()
    for index, canary in enumerate(canaries):
        predictor = canary["predictor"]
        name = predictor.get("name")
        if not name:
            msg = f"canary[{index}] predictor.name is required"
            raise ValueError(msg)
        if name in names:
            msg = f'canary predictor.name "{name}" is duplicated'
            raise ValueError(msg)
        names.add(name)
        if name == spec["predictor"].get("name"):
            msg = f'canary predictor.name "{name}" conflicts with stable predictor name'
            raise ValueError(msg)
        _check_canary(name, predictor, spec["predictor"])
    total = sum(canary["trafficPercent"] for canary in canaries)
    if total > 100:
        msg = f"sum of canary trafficPercent values ({total}) must be <= 100"
        raise ValueError(msg)


def _check_canary(name: str, predictor: Document, stable: Document) -> None:
    try:
        _check_predictor(predictor)
    except ValueError as exc:
        msg = f'canary "{name}" predictor: {exc}'
        raise ValueError(msg) from exc
    for field in ("workerSpec", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"):
        if predictor.get(field):
            msg = f'canary "{name}" must not set {field} (canary uses fixed replicas)'
            raise ValueError(msg)
    least, most = predictor.get("minReplicas", 0), stable.get("minReplicas", 1)
    if least > most:
        msg = (
            f'canary "{name}" minReplicas ({least}) must not exceed stable predictor '
            f"minReplicas ({most})"
        )
        raise ValueError(msg)
