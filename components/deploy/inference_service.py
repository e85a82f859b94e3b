"""The InferenceService of one model: the template of the manifests, completed for one version.

The template holds what all models share. What differs comes from the spec (name, sizes, replicas)
and from the registry (version, bundle, runtime); nothing else is written into it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from components.errors import DeployError, SpecError
from components.object_store import by_s3

if TYPE_CHECKING:
    from components.spec import Spec
    from components.spec.sections import Serve

NAMESPACE = "kubeloop"
VERSION_ANNOTATION = "kubeloop/version"
# The ServingRuntimes of manifests/base/serving, by how a bundle's model is run.
RUNTIMES = {"onnx": "kubeloop", "skops": "kubeloop-skops"}
_FILE = "inference-service.yaml"
_VERSION_LABEL = "app.kubernetes.io/version"
_AUTOSCALER = "serving.kserve.io/autoscalerClass"
# What KServe's storage container fetches and what a pod can reach (SupportedStorageURIPrefixList
# in pkg/controller/v1beta1/inferenceservice/utils/utils.go).
_STORES = ("gs://", "hf://", "http://", "https://", "oci://", "pvc://", "s3://")
# The percentage of its CPU request at which KServe's autoscaler adds a replica, by default.
_CPU_TARGET = 80


def render(
    spec: "Spec",
    *,
    version: int,
    storage_uri: str,
    runtime: str,
    namespace: str = NAMESPACE,
    monitor: str = "",
) -> dict[str, Any]:
    """Completes the template.

    Args:
        spec: name, CPU, memory and replicas.
        version: as registered, from 1.
        storage_uri: where the bundle's folder lies; KFP's `minio://` is rewritten to `s3://`, the
            only name by which KServe knows such a store.
        runtime: the bundle's: onnx or skops.
        namespace: where it is to be applied.
        monitor: base URL that events go to; empty for the runtime's own.

    Returns:
        An InferenceService as `kubectl apply` takes it.

    Raises:
        SpecError: no pod could serve that: version, place or runtime is none.
        DeployError: this installation lacks the template.
    """
    if version < 1:
        msg = f"version {version!r} is none: expected the registry's number, from 1"
        raise SpecError(msg)
    if runtime not in RUNTIMES:
        msg = f"runtime {runtime!r} is none: expected one of {', '.join(RUNTIMES)}"
        raise SpecError(msg)
    service = _read_template()
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    placeholder = metadata["name"]
    named = {k: spec.name if v == placeholder else v for k, v in metadata["labels"].items()}
    metadata |= {"name": spec.name, "namespace": namespace, "labels": named}
    # On the predictor, so that during a canary each pod says what it is. On the InferenceService
    # itself KServe would copy it to the pods of every variant, and a new one would restart them.
    predictor["labels"] = {**predictor.get("labels", {}), _VERSION_LABEL: str(version)}
    predictor["annotations"] = {
        **predictor.get("annotations", {}),
        VERSION_ANNOTATION: str(version),
    }
    _scale(spec.serve, metadata, predictor)
    model = predictor["model"]
    model["runtime"] = RUNTIMES[runtime]
    model["storageUri"] = _reachable(storage_uri)
    size = {"cpu": spec.serve.cpu, "memory": spec.serve.memory}
    model["resources"] = {"requests": size, "limits": dict(size)}
    model["args"] = _arguments(model.get("args", []), version, monitor)
    return service


def _scale(serve: "Serve", metadata: dict[str, Any], predictor: dict[str, Any]) -> None:
    """Has KServe make the autoscaler, or hold the one number of replicas that the spec names."""
    least, most = serve.replicas.min, serve.replicas.max
    predictor |= {"minReplicas": least, "maxReplicas": most}
    metadata["annotations"][_AUTOSCALER] = "hpa" if most > least else "none"
    if most > least:
        predictor |= {"scaleMetric": "cpu", "scaleTarget": _CPU_TARGET}


def _arguments(given: list[str], version: int, monitor: str) -> list[str]:
    """The server's arguments; KServe puts them after the runtime's, and the last one counts."""
    kept = [a for a in given if not a.startswith("--version=")]
    return [*kept, f"--version={version}", *([f"--monitor={monitor}"] if monitor else [])]


def _reachable(storage_uri: str) -> str:
    if (address := by_s3(storage_uri)).startswith(_STORES):
        return address
    msg = (
        f"no predictor can read the bundle at {storage_uri!r}: expected an address that begins "
        f"with one of {', '.join(_STORES)}; put it into the object store"
    )
    raise SpecError(msg)


def _read_template() -> dict[str, Any]:
    """Reads the template: beside this module where it is installed, else in the checkout."""
    here = Path(__file__)
    places = (here.with_name(_FILE), here.parents[2] / "manifests" / "base" / "serving" / _FILE)
    for place in places:
        if place.is_file():
            template: dict[str, Any] = yaml.safe_load(place.read_text(encoding="utf-8"))
            return template
    msg = f"{str(places[0])!r} is missing: this installation is incomplete; install Kubeloop anew"
    raise DeployError(msg)
