"""Autoscalers that KServe leaves behind: it makes one for each predictor, and deletes none.

What has a predictor's former name KServe deletes itself, but only its Deployment and its Service
(reconcileCanaryDeployments in pkg/controller/v1beta1/inferenceservice/components/predictor.go);
its HorizontalPodAutoscaler stays until the InferenceService goes, and says for ever that it finds
nothing to scale. Each deployment looks at the end for all of them, also for those of a killed one.
"""

import logging
import time
from typing import Any

from components.deploy.kserve.cluster_resources import AUTOSCALERS, DEPLOYMENTS
from components.deploy.kserve.site import Site
from components.deploy.kserve.variants import candidate_of, stable_of
from components.errors import DeployError

logger = logging.getLogger(__name__)

Document = dict[str, Any]

# constants.InferenceServicePodLabelKey and KServiceComponentLabel of KServe.
_LABELS = "serving.kserve.io/inferenceservice={model},component=predictor"


def sweep_autoscalers(site: Site) -> None:
    """Deletes the autoscalers of a model's predictors that are there no more.

    What serves does not need them gone: where they cannot be deleted, the log says why, and the
    next deployment tries again.

    Args:
        site: where, its Lease held and its deployment ended, well or not.
    """
    if site.lease.journal.phase:
        # It could not be put back; a candidate may stand still.
        return
    try:
        service = site.service.read()
        if service is None:
            # Kubernetes deletes what it owned.
            return
        labels = _LABELS.format(model=service["metadata"]["name"])
        found = site.api.list(AUTOSCALERS, site.namespace, labels=labels)
        for left in _left(service, found):
            _delete(site, left)
    except DeployError as exc:
        logger.warning("autoscalers of earlier versions may be left: %s", exc)


def _left(service: Document, found: list[Document]) -> list[Document]:
    """Those that KServe made for this InferenceService, and for no predictor that it has now."""
    own, variants = service["metadata"]["uid"], (stable_of(service), candidate_of(service))
    named = {variant.service for variant in variants if variant}
    return [
        one
        for one in found
        if one["metadata"]["name"] not in named
        and not one["metadata"].get("deletionTimestamp")
        and any(
            owner.get("uid") == own and owner.get("controller")
            for owner in one["metadata"].get("ownerReferences") or []
        )
    ]


def _delete(site: Site, left: Document) -> None:
    """Deletes one once its Deployment is gone: until KServe has seen that, it makes it again."""
    name, until = left["metadata"]["name"], time.monotonic() + site.pace.grace_s
    while site.api.get(DEPLOYMENTS, site.namespace, name) is not None:
        site.lease.check()
        if time.monotonic() > until:
            logger.warning("Deployment is not gone after %g s name=%s", site.pace.grace_s, name)
            return
        time.sleep(site.pace.poll_s)
    site.lease.renew()
    uid = left["metadata"]["uid"]
    site.api.delete(AUTOSCALERS, site.namespace, name, uid, again=site.lease.check)
    logger.info("deleted the autoscaler of a version that is gone name=%s", name)
