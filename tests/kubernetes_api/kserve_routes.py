"""The way to a model as KServe makes it: HTTPRoutes with weights, or an Ingress without them.

After reconcilers/ingress/{httproute,kube_ingress}_reconciler.go.
"""

from typing import Any

from tests.kubernetes_api.controllers import Desk, condition_of
from tests.kubernetes_api.entrances import Entrances
from tests.kubernetes_api.kserve_status import conditions_with
from tests.kubernetes_api.kserve_variants import DOMAIN, name_of
from tests.kubernetes_api.store import Document

_HEADERS = ("KServe-Isvc-Name", "KServe-Isvc-Namespace")


class Routes:
    """Makes and remakes the way to each model."""

    def __init__(self, desk: Desk, entrances: Entrances, *, gateway_api: bool) -> None:
        """Works at a desk.

        Args:
            desk: to write at.
            entrances: where Services get their addresses.
            gateway_api: whether routes are HTTPRoutes.
        """
        self._desk, self._entrances, self._gateway_api = desk, entrances, gateway_api

    def ensure_service(self, service: Document, isvc: Document) -> None:
        """Makes a variant's Service, or has it as it is wanted."""
        metadata = service["metadata"]
        old = self._desk.get("Service", metadata["namespace"], metadata["name"])
        if old is not None:
            service["spec"] = {**old["spec"], **service["spec"]}
        self._entrances.assign(service)
        self._desk.ensure(service, owner=isvc)

    def reconcile(self, isvc: Document, status: Document) -> None:
        """Makes the way in, and states in the status whether it is there and where."""
        ready = condition_of({"status": status}, "PredictorReady").get("status") == "True"
        if self._gateway_api:
            found = self._http_routes(isvc, status, ready=ready)
        else:
            found = self._ingress(isvc, ready=ready)
        status["conditions"] = conditions_with(status["conditions"], "IngressReady", found)
        if found["status"] == "True":
            metadata = isvc["metadata"]
            service = self._stable(isvc)
            status["url"] = f"http://{_host(metadata['name'], metadata['namespace'])}"
            address = f"http://{service}.{metadata['namespace']}.svc.cluster.local"
            status["address"] = {"url": address}

    def _stable(self, isvc: Document) -> str:
        return name_of(isvc["metadata"]["name"], isvc["spec"]["predictor"].get("name", ""))

    def _http_routes(self, isvc: Document, status: Document, *, ready: bool) -> Document:
        metadata = isvc["metadata"]
        routes = ((name_of(metadata["name"]), "Predictor"), (metadata["name"], "InferenceService"))
        if ready:
            backends = self._backends(isvc, status)
            for name, _ in routes:
                self._desk.ensure(_http_route(isvc, name, backends), owner=isvc)
        for name, component in routes:
            route = self._desk.get("HTTPRoute", metadata["namespace"], name)
            if route is None:
                reason, message = f"{component} Deployment NotReady", "HTTPRoute not created"
                return {"status": "False", "reason": reason, "message": f"{component} {message}"}
            parents = (route.get("status") or {}).get("parents", [])
            if not parents:
                reason = "ParentStatusNotAvailable"
                return {"status": "False", "reason": reason, "message": f"{component} NotReady"}
            for stated in parents[0]["conditions"]:
                if stated["status"] == "False":
                    message = f"{component} {stated['message']}"
                    return {"status": "False", "reason": stated["reason"], "message": message}
        return {"status": "True"}

    def _backends(self, isvc: Document, status: Document) -> list[Document]:
        """Returns where traffic goes; only canaries that are ready get their share."""
        stable = self._backend(isvc, self._stable(isvc))
        canaries = isvc["spec"].get("canary") or []
        if not canaries:
            return [stable]
        ready = {c["name"] for c in status.get("canaryStatuses", []) if c["ready"]}
        weighted = [
            {
                **self._backend(
                    isvc, name_of(isvc["metadata"]["name"], canary["predictor"]["name"])
                ),
                "weight": canary["trafficPercent"],
            }
            for canary in canaries
            if canary["predictor"]["name"] in ready
        ]
        return [{**stable, "weight": 100 - sum(b["weight"] for b in weighted)}, *weighted]

    def _backend(self, isvc: Document, service: str) -> Document:
        namespace = isvc["metadata"]["namespace"]
        port = self._entrances.service_port
        return {"kind": "Service", "name": service, "namespace": namespace, "port": port}

    def _ingress(self, isvc: Document, *, ready: bool) -> Document:
        if not ready:
            return {"status": "False", "reason": "Predictor ingress not created"}
        metadata, service = isvc["metadata"], self._stable(isvc)
        backend = {"service": {"name": service, "port": {"number": self._entrances.service_port}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        hosts = [_host(name, metadata["namespace"]) for name in (metadata["name"], service)]
        ingress = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "spec": {
                "ingressClassName": "envoy",
                "rules": [{"host": host, "http": paths} for host in hosts],
            },
        }
        self._desk.ensure(ingress, owner=isvc)
        return {"status": "True"}


def _host(name: str, namespace: str) -> str:
    return f"{name}-{namespace}.{DOMAIN}"


def _http_route(isvc: Document, name: str, backends: list[Document]) -> Document:
    metadata = isvc["metadata"]
    values = (metadata["name"], metadata["namespace"])
    headers = [{"name": n, "value": v} for n, v in zip(_HEADERS, values, strict=True)]
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}}
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "RegularExpression", "value": "^/.*$"}}],
        "filters": [modifier],
        "backendRefs": backends,
        "timeouts": {"request": "60s"},
    }
    parent = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": "kserve",
        "name": "kserve-ingress-gateway",
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": dict(metadata.get("labels") or {}),
        },
        "spec": {
            "hostnames": [_host(name, metadata["namespace"])],
            "parentRefs": [parent],
            "rules": [rule],
        },
    }
