"""An InferenceService's status as KServe derives it (inference_service_status.go)."""

from tests.kubernetes_api.controllers import condition, condition_of
from tests.kubernetes_api.deployments import ready
from tests.kubernetes_api.pod_status import FETCHER
from tests.kubernetes_api.store import Document

_DEPENDENT = ("PredictorReady", "IngressReady")


def predictor_condition(deployment: Document) -> Document:
    """Returns PredictorReady, from a Deployment's conditions (PropagateRawStatus)."""
    available = condition_of(deployment, "Available")
    progressing = condition_of(deployment, "Progressing")
    failure = condition_of(deployment, "ReplicaFailure")
    found: Document = {"status": "False"}
    if available.get("status") == "True":
        found = _like(available, "True")
    if progressing.get("status") == "False" and progressing.get("message"):
        found = _like(progressing, "False")
    elif progressing.get("status") == "True":
        if progressing.get("reason") == "NewReplicaSetAvailable":
            found = _like(progressing, "True")
        elif available.get("status") != "True":
            found = _like(progressing, "Unknown")
    if available.get("status") == "False":
        found = _like(available, "False")
    if failure.get("status") == "True":
        found = _like(failure, "False")
    return found


def _like(other: Document, status: str) -> Document:
    return {
        "status": status,
        "reason": other.get("reason", ""),
        "message": other.get("message", ""),
    }


def conditions_with(conditions: list[Document], word: str, found: Document) -> list[Document]:
    """Returns conditions with one set, and Ready as it follows (a knative condition set)."""
    conditions = condition(
        conditions, word, found["status"], found.get("reason", ""), found.get("message", "")
    )
    stated = {c["type"]: c for c in conditions}
    on = [stated[name] for name in _DEPENDENT if name in stated]
    for status in ("False", "Unknown"):
        bad = [c for c in on if c["status"] == status]
        if bad:
            text = (bad[0].get("reason", ""), bad[0].get("message", ""))
            return condition(conditions, "Ready", status, *text)
    return condition(conditions, "Ready", "True")


def model_status(status: Document, pods: list[Document]) -> Document:
    """Returns modelStatus, from the stable variant's pods (PropagateModelStatus)."""
    old = status.get("modelStatus") or {}
    active = old.get("states", {}).get("activeModelState", "")
    copies = {"failedCopies": 0, "totalCopies": sum(map(ready, pods))}
    kept = {k: v for k, v in old.items() if k == "lastFailureInfo"}

    def state(word: str, transition: str, failure: Document | None = None) -> Document:
        states = {
            "activeModelState": "Loaded" if word == "Loaded" else active,
            "targetModelState": word,
        }
        shown = {**kept, **({"lastFailureInfo": failure} if failure else {})}
        return {**shown, "copies": copies, "states": states, "transitionStatus": transition}

    if not pods:
        return state("Pending", "InProgress")
    found = pods[0].get("status", {})
    for container in found.get("initContainerStatuses", []):
        if container["name"] == FETCHER:
            failure = _failure(container)
            if failure:
                return state("FailedToLoad", "BlockedByFailedLoad", failure)
            if "running" in container["state"]:
                return state("Loading", "InProgress")
    if condition_of({"status": status}, "Ready").get("status") == "True":
        return state("Loaded", "UpToDate")
    for container in found.get("containerStatuses", []):
        failure = _failure(container)
        if failure:
            return state("FailedToLoad", "BlockedByFailedLoad", failure)
    return state("Pending", "InProgress")


def _failure(container: Document) -> Document | None:
    """Returns how a container failed; an Error or a crash loop, but not the first OOM kill."""
    ended = container["state"].get("terminated", {})
    if container["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
        ended = container["lastState"]["terminated"]
    elif ended.get("reason") != "Error":
        return None
    message = {"message": ended["message"]} if "message" in ended else {}
    return {"reason": "ModelLoadFailed", "exitCode": ended["exitCode"], **message}
