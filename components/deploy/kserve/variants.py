"""The variants of an InferenceService: what stands in it, and the documents that change it.

All is plain data. What KServe 0.21 makes of such documents in Standard mode decides their form:

- Annotations and labels of the InferenceService are copied to all pods; a changed one restarts
  them. So they stay as they are until a new version is alone.
- A candidate is an entry of `spec.canary` with a predictor of its own name and a fixed number of
  pods. Once it is ready, the stable one's least number is lowered by as many, whatever the traffic:
  the stable one is therefore given so many more for the time.
- The candidate is promoted without a restart where `spec.predictor` takes its name and content and
  the entry goes away. What had the old name is deleted before the route is written anew.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

from components.deploy.kserve.journal import Good

Document = dict[str, Any]

PART_OF = "app.kubernetes.io/part-of"
OWNER = "kubeloop"
VERSION_LABEL = "app.kubernetes.io/version"
_SCALING = ("maxReplicas", "scaleMetric", "scaleTarget", "scaleMetricType", "autoScaling")
# What of an InferenceService's metadata is deploy's; all else there is other people's.
ANNOTATIONS = ("serving.kserve.io/autoscalerClass", "serving.kserve.io/deploymentMode")
LABELS = (
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/name",
    PART_OF,
)


@dataclass(frozen=True)
class Variant:
    """A predictor as the InferenceService has it.

    Attributes:
        model: name of the InferenceService.
        name: of the predictor; empty for KServe's default.
        version: as the label of its pods says it; 0 where it says none.
        percent: of traffic that the InferenceService gives it.
    """

    model: str
    name: str
    version: int
    percent: int

    @property
    def service(self) -> str:
        """What KServe calls its Deployment and its Service."""
        return f"{self.model}-{self.name}-predictor" if self.name else f"{self.model}-predictor"

    @property
    def selector(self) -> str:
        """The labels of its pods; a rolling update has two versions under one name."""
        version = f",{VERSION_LABEL}={self.version}" if self.version else ""
        return f"app=isvc.{self.service}{version}"


def is_ours(service: Document) -> bool:
    """Whether an InferenceService is one that deploy made."""
    return (service["metadata"].get("labels") or {}).get(PART_OF) == OWNER


def stable_of(service: Document) -> Variant:
    """The stable predictor of an InferenceService."""
    percent = 100 - sum(int(entry.get("trafficPercent") or 0) for entry in _entries(service))
    return _variant(service, service["spec"]["predictor"], percent)


def candidate_of(service: Document) -> Variant | None:
    """The candidate of an InferenceService; None where it has none."""
    entries = _entries(service)
    if not entries:
        return None
    entry = entries[0]
    return _variant(service, entry["predictor"], int(entry.get("trafficPercent") or 0))


def newest_asked(service: Document) -> int:
    """The newest version that an InferenceService gives traffic, be it all or a candidate's part.

    The stable one counts even where a candidate takes all, just before it is promoted.
    """
    stable, candidate = stable_of(service), candidate_of(service)
    return max(stable.version, candidate.version if candidate and candidate.percent else 0)


def version_of(predictor: Document) -> int:
    """The version of a predictor by its pods' label; 0 where it has none."""
    text = str((predictor.get("labels") or {}).get(VERSION_LABEL, ""))
    return int(text) if text.isdecimal() else 0


def good_of(service: Document) -> Good:
    """What to put back if a deployment fails that begins now."""
    predictor = service["spec"]["predictor"]
    return Good(version=version_of(predictor), predictor=copy.deepcopy(predictor))


def pods_for(percent: int, stable_pods: int) -> int:
    """How many pods a candidate needs for its share: as many as carry that share now."""
    return max(1, math.ceil(stable_pods * percent / 100))


def least_beside(predictor: Document, pods: int) -> int:
    """How many pods a stable version is to have at least while so many of a candidate stand by it.

    Args:
        predictor: of the stable version, as it is without a candidate.
        pods: of the candidate.

    Returns:
        So many more as KServe takes from it; the same where both have a single pod, the least that
        KServe leaves.
    """
    least = int(predictor.get("minReplicas") or 1)
    return least + pods if least > 1 or pods > 1 else least


def with_candidate(
    service: Document, good: Good, candidate: Document, *, percent: int, pods: int
) -> Document:
    """The document in which a candidate stands beside the last good version.

    Args:
        service: the InferenceService as it is.
        good: the last good version.
        candidate: `spec.predictor` of the candidate's own InferenceService, named.
        percent: of traffic for the candidate.
        pods: of the candidate.

    Returns:
        For `ClusterApi.apply`.
    """
    stable = copy.deepcopy(good.predictor)
    least = least_beside(stable, pods)
    if least > int(stable.get("minReplicas") or 1):
        stable["minReplicas"] = least
        if stable.get("maxReplicas"):
            stable["maxReplicas"] = max(int(stable["maxReplicas"]), least)
    predictor = {key: value for key, value in candidate.items() if key not in _SCALING}
    predictor["minReplicas"] = pods
    entry = {"predictor": predictor, "trafficPercent": percent}
    return _document(service, stable, [entry])


def with_predictor(
    service: Document, predictor: Document, *, keeping_candidate: bool = False
) -> Document:
    """The document with another stable predictor: promoted, updated in place, or put back.

    Args:
        service: the InferenceService as it is.
        predictor: the whole of it.
        keeping_candidate: whether the candidate stands on beside it.

    Returns:
        For `ClusterApi.apply`.
    """
    return _document(service, predictor, _entries(service) if keeping_candidate else [])


def settled(service: Document, rendered: Document) -> Document:
    """The document of a version that is alone: annotations and labels are its own now.

    Args:
        service: the InferenceService as it is.
        rendered: the version's own InferenceService.

    Returns:
        For `ClusterApi.apply`.
    """
    document = _document(service, service["spec"]["predictor"], [])
    document["metadata"] |= _metadata(rendered)
    return document


def is_settled(service: Document, rendered: Document) -> bool:
    """Whether an InferenceService has the annotations and labels of its version already."""
    return _metadata(service) == _metadata(rendered)


def _document(service: Document, predictor: Document, entries: list[Document]) -> Document:
    """What deploy owns of an InferenceService; the version read is the one that may be changed."""
    before = service["metadata"]
    metadata = {"name": before["name"], "namespace": before["namespace"]}
    if before.get("resourceVersion"):
        metadata["resourceVersion"] = before["resourceVersion"]
    spec: Document = {"predictor": copy.deepcopy(predictor)}
    if entries:
        spec["canary"] = copy.deepcopy(entries)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata | _metadata(service),
        "spec": spec,
    }


def _metadata(service: Document) -> dict[str, dict[str, str]]:
    """Those annotations and labels that are deploy's."""
    parts = {"annotations": ANNOTATIONS, "labels": LABELS}
    found = {part: service["metadata"].get(part) or {} for part in parts}
    return {
        part: {key: found[part][key] for key in keys if key in found[part]}
        for part, keys in parts.items()
    }


def _entries(service: Document) -> list[Document]:
    return list(service["spec"].get("canary") or [])


def _variant(service: Document, predictor: Document, percent: int) -> Variant:
    model, name = service["metadata"]["name"], str(predictor.get("name") or "")
    return Variant(model, name, version_of(predictor), percent)
