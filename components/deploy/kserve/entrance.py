"""The way to one variant alone: its own Service, which no route leads to while it is at 0 %.

In a pod the Service is asked itself. From elsewhere, where a rollback may be started, its address
leads nowhere, or to somebody else's machine, which must not get the rows: there the API server
passes them on, with the rights of who asks. Only where a Service is at one of this machine's own
loopback addresses, as in a cluster that is one process here, is it asked itself from outside too.
"""

import ipaddress
import socket
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from components.deploy import model_server
from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import in_a_pod
from components.deploy.kserve.cluster_errors import ApiError
from components.deploy.kserve.cluster_resources import SERVICES
from components.deploy.kserve.pods import address
from components.deploy.kserve.variants import Variant
from components.deploy.proving import Ask
from components.errors import DeployError

Document = dict[str, Any]

_HERE_S = 2.0
# How an API server answers whose way to the pod is blocked: by its own sentence
# (k8s.io/apimachinery, pkg/util/proxy), by the status of a proxy before it, or not at all.
_DIALLED = "error trying to reach service"
_UNREACHED = (0, 502, 504)
_BLOCKED = (
    "the rows go through the API server, whose address the NetworkPolicy 'predictors' does not "
    "admit: where the cluster holds its control plane to policies, add a NetworkPolicy that admits "
    "its address as an ipBlock, or run this in a pod of the pipeline runs"
)


def entrance(
    api: ClusterApi, namespace: str, variant: Variant, ready: list[Document]
) -> tuple[Ask, bool]:
    """Finds how a variant is asked.

    Args:
        api: the cluster.
        namespace: of the InferenceService.
        variant: which one.
        ready: its ready pods, for where KServe is told to make Services without an address.

    Returns:
        What asks it, and whether that is as quick as a client of the cluster would be.

    Raises:
        DeployError: it has no Service.
    """
    service = api.get(SERVICES, namespace, variant.service)
    if service is None:
        msg = (
            f"version {variant.version} of {variant.model!r} has no Service {variant.service!r} in "
            f"namespace {namespace!r}: KServe makes one for each predictor; see its controller's "
            "log"
        )
        raise DeployError(msg)
    spec = service["spec"]
    host = str(spec.get("clusterIP") or "None")
    ports = [port for port in spec["ports"] if "grpc" not in str(port.get("name") or "")]
    shown = f"[{host}]" if ":" in host else host
    server = address(ready[0]) if host == "None" else f"http://{shown}:{ports[0]['port']}"
    if in_a_pod() or _is_here(server):
        return partial(model_server.infer, server, variant.model), True
    return partial(_through_api, api, namespace, variant, ports[0]["port"]), False


def _is_here(server: str) -> bool:
    """Whether somebody listens there, on this machine: nobody else has a loopback address."""
    place = urlsplit(server)
    try:
        if not ipaddress.ip_address(place.hostname or "").is_loopback:
            return False
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=_HERE_S):
            return True
    except (OSError, ValueError):
        return False


def _through_api(
    api: ClusterApi, namespace: str, variant: Variant, port: int, rows: list[dict[str, Any]]
) -> list[Any]:
    path = f"/v1/models/{variant.model}:predict"
    try:
        answer = api.ask(namespace, f"{variant.service}:{port}", path, {"instances": rows})
    except ApiError as exc:
        if exc.status not in _UNREACHED and _DIALLED not in str(exc):
            raise
        msg = f"{exc}; {_BLOCKED}"
        raise ApiError(msg, status=exc.status, reason=exc.reason, causes=exc.causes) from exc
    asked = f"service {variant.service!r} through the Kubernetes API"
    return model_server.read_predictions(answer, len(rows), asked)
