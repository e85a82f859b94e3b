"""KServe's controller for InferenceServices in Standard mode, one reconciliation after the other.

After pkg/controller/v1beta1/inferenceservice/controller.go: canaries first, then what is no longer
named is deleted, then the stable variant, then the route, then the status.
"""

from typing import Any

from tests.kubernetes_api.controllers import Desk, condition, condition_of
from tests.kubernetes_api.kserve_routes import Routes
from tests.kubernetes_api.kserve_status import conditions_with, model_status, predictor_condition
from tests.kubernetes_api.kserve_variants import (
    CLASS,
    ISVC,
    UnmakeableError,
    canary_predictor,
    canary_replicas,
    check_host,
    name_of,
    resources,
)
from tests.kubernetes_api.store import Document

FINALIZER = "inferenceservice.finalizers"


class InferenceServices:
    """Makes of each InferenceService what it says."""

    def __init__(self, desk: Desk, routes: Routes, ports: tuple[int, int]) -> None:
        """Works at a desk.

        Args:
            desk: to write at.
            routes: makes the way in.
            ports: of Services, and of pods.
        """
        self._desk, self._routes, self._ports = desk, routes, ports

    def work(self) -> None:
        """Reconciles each InferenceService once."""
        for isvc in self._desk.all("InferenceService"):
            if "deletionTimestamp" in isvc["metadata"]:
                self._finish(isvc)
            else:
                self._reconcile(isvc)

    def _finish(self, isvc: Document) -> None:
        left = [f for f in isvc["metadata"].get("finalizers", []) if f != FINALIZER]
        if left:
            isvc["metadata"]["finalizers"] = left
            self._desk.ensure(isvc)
        else:
            self._desk.store.remove(self._desk.key(isvc))

    def _reconcile(self, isvc: Document) -> None:
        metadata = isvc["metadata"]
        if FINALIZER not in metadata.get("finalizers", []):
            finalizers = [*metadata.get("finalizers", []), FINALIZER]
            isvc = self._desk.store.write(
                self._desk.key(isvc), {**isvc, "metadata": {**metadata, "finalizers": finalizers}}
            )
        status = dict(isvc.get("status") or {})
        if not condition_of(isvc, "Ready"):
            unknown = ("IngressReady", "PredictorReady", "Ready")
            status["conditions"] = []
            for word in unknown:
                status["conditions"] = condition(status["conditions"], word, "Unknown")
        status["deploymentMode"] = "Standard"
        try:
            self._predictors(isvc, status)
        except UnmakeableError as exc:
            text = f"fails to reconcile component: {exc}"
            self._desk.server.upkeep.record_event(isvc, "InternalError", text)
            self._desk.status(isvc, status)
            return
        if not condition_of({"status": status}, "Stopped"):
            status["conditions"] = condition(
                status["conditions"], "Stopped", "False", severity="Info"
            )
        self._routes.reconcile(isvc, status)
        pods = self._pods(isvc)
        status["modelStatus"] = model_status(status, pods)
        self._tell_ready(isvc, status)
        self._desk.status(isvc, status)

    def _predictors(self, isvc: Document, status: Document) -> None:
        stable = isvc["spec"]["predictor"]
        self._runtime(isvc, stable, status)
        self._canaries(isvc, status)
        self._clean(isvc)
        predictor = self._less(isvc, stable, status)
        deployment = self._make(isvc, predictor, status)
        name = deployment["metadata"]["name"]
        ready = predictor_condition(deployment)
        status["conditions"] = conditions_with(status["conditions"], "PredictorReady", ready)
        components = dict(status.get("components") or {})
        known = dict(components.get("predictor") or {})
        if ready["status"] == "True":
            known["url"] = f"http://{name}-{isvc['metadata']['namespace']}.models.localhost"
        status["components"] = {**components, "predictor": known}
        observed = (deployment.get("status") or {}).get("observedGeneration")
        if observed is not None:
            status["observedGeneration"] = observed
        status["servingRuntimeName"] = stable["model"].get("runtime", "")

    def _canaries(self, isvc: Document, status: Document) -> None:
        spec, states = isvc["spec"], []
        for canary in spec.get("canary") or []:
            replicas = canary_replicas(spec, canary)
            predictor = canary_predictor(spec["predictor"], canary, replicas)
            self._make(isvc, predictor, None)
        for canary in spec.get("canary") or []:
            name = canary["predictor"]["name"]
            found = self._variant("Deployment", isvc, name)
            ready = ((found or {}).get("status") or {}).get("availableReplicas", 0) > 0
            states.append(
                {
                    "name": name,
                    "ready": ready,
                    "trafficPercent": canary["trafficPercent"],
                    "modelStatus": {"transitionStatus": ""},
                }
            )
        status.pop("canaryStatuses", None)
        conditions = [c for c in status["conditions"] if c["type"] != "CanaryPredictorReady"]
        if states:
            status["canaryStatuses"] = states
            good = all(state["ready"] for state in states)
            conditions = condition(
                status["conditions"],
                "CanaryPredictorReady",
                "True" if good else "False",
                "AllCanariesReady" if good else "CanariesNotReady",
                severity="Info",
            )
        status["conditions"] = conditions

    def _clean(self, isvc: Document) -> None:
        """Deletes the Deployments, then the Services, of variants that are no longer named.

        Their autoscalers stay, as those of KServe do, until the InferenceService goes.
        """
        spec, name = isvc["spec"], isvc["metadata"]["name"]
        variants = [spec["predictor"], *(c["predictor"] for c in spec.get("canary") or [])]
        wanted = {name_of(name, variant.get("name", "")) for variant in variants}
        for kind in ("Deployment", "Service"):
            for document in self._desk.all(kind, isvc["metadata"]["namespace"]):
                labels = document["metadata"].get("labels", {})
                mine = labels.get(ISVC) == name and labels.get("component") == "predictor"
                if mine and document["metadata"]["name"] not in wanted:
                    self._desk.delete(document)

    def _less(self, isvc: Document, stable: Document, status: Document) -> Document:
        """Takes ready canaries off the stable replicas (adjustStableMinReplicasForCanaries)."""
        ready = {c["name"] for c in status.get("canaryStatuses", []) if c["ready"]}
        canaries = [c for c in isvc["spec"].get("canary") or [] if c["predictor"]["name"] in ready]
        taken = sum(canary_replicas(isvc["spec"], canary) for canary in canaries)
        if not taken or "minReplicas" not in stable:
            return stable
        return {**stable, "minReplicas": max(stable["minReplicas"] - taken, 1)}

    def _make(self, isvc: Document, predictor: Document, status: Document | None) -> Document:
        """Makes what a variant needs and returns its Deployment, as it was before this."""
        runtime = self._runtime(isvc, predictor, status)
        check_host(isvc, predictor)
        deployment, service, scaler = resources(isvc, predictor, runtime, self._ports)
        before = self._desk.get("Deployment", *_place(deployment))
        if before and deployment["metadata"]["annotations"].get(CLASS, "hpa") != "none":
            replicas = before["spec"].get("replicas")
            deployment["spec"] |= {} if replicas is None else {"replicas": replicas}
        made = self._desk.ensure(deployment, owner=isvc)
        self._routes.ensure_service(service, isvc)
        if scaler is not None:
            self._desk.ensure(scaler, owner=isvc)
        elif left := self._desk.get("HorizontalPodAutoscaler", *_place(deployment)):
            # The class of a predictor that stays has changed (shouldDeleteHPA).
            self._desk.delete(left)
        return before or {**made, "status": {}}

    def _runtime(self, isvc: Document, predictor: Document, status: Document | None) -> Document:
        name = (predictor.get("model") or {}).get("runtime", "")
        found = self._desk.get("ServingRuntime", isvc["metadata"]["namespace"], name)
        if found is not None:
            return found
        if status is not None:
            message = "Waiting for runtime to become available"
            failure = {"reason": "RuntimeNotRecognized", "message": message}
            states = {"activeModelState": "", "targetModelState": "FailedToLoad"}
            states |= {"activeModelState": _active(status)}
            kept = status.get("modelStatus", {})
            status["modelStatus"] = {
                **kept,
                "transitionStatus": "InvalidSpec",
                "states": states,
                "lastFailureInfo": failure,
            }
        msg = f"No ServingRuntimes or ClusterServingRuntimes with the name: {name}"
        raise UnmakeableError(msg)

    def _variant(self, kind: str, isvc: Document, variant: str) -> Document | None:
        metadata = isvc["metadata"]
        return self._desk.get(kind, metadata["namespace"], name_of(metadata["name"], variant))

    def _pods(self, isvc: Document) -> list[Document]:
        metadata = isvc["metadata"]
        name = name_of(metadata["name"], isvc["spec"]["predictor"].get("name", ""))
        return [
            pod
            for pod in self._desk.all("Pod", metadata["namespace"])
            if pod["metadata"].get("labels", {}).get("app") == f"isvc.{name}"
        ]

    def _tell_ready(self, isvc: Document, status: Document) -> None:
        was = condition_of(isvc, "Ready").get("status")
        now = condition_of({"status": status}, "Ready").get("status")
        name = isvc["metadata"]["name"]
        if was != "True" and now == "True":
            text = f"InferenceService [{name}] is Ready"
            self._desk.server.upkeep.record_event(isvc, "InferenceServiceReady", text, "Normal")
        elif was == "True" and now == "False":
            text = f"InferenceService [{name}] is no longer Ready because of: PredictorReady"
            self._desk.server.upkeep.record_event(isvc, "InferenceServiceNotReady", text)


def _place(document: Document) -> tuple[str, str]:
    return document["metadata"]["namespace"], document["metadata"]["name"]


def _active(status: Document) -> Any:
    return status.get("modelStatus", {}).get("states", {}).get("activeModelState", "")
