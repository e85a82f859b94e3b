"""What is there when a deployment begins: newer versions, and what a killed one left half done."""

import logging
from typing import Any

from components.deploy.kserve.journal import Good, Journal
from components.deploy.kserve.pods import is_ready
from components.deploy.kserve.reasons import pods_of
from components.deploy.kserve.restoring import put_back
from components.deploy.kserve.site import Site
from components.deploy.kserve.variants import candidate_of, good_of, stable_of
from components.errors import DeployError

logger = logging.getLogger(__name__)

Document = dict[str, Any]

_KILLED = "the deployment was ended before its end"


def refuse_older(site: Site, service: Document | None, version: int) -> None:
    """Refuses a version that a newer one has replaced: a run that comes late changes nothing.

    Args:
        site: where, its Lease held.
        service: the InferenceService; None where there is none.
        version: about to be deployed.

    Raises:
        DeployError: a newer version is served, or was, or this one itself was replaced.
    """
    journal = site.lease.journal
    stable = stable_of(service) if service else None
    served = stable.version if stable else 0
    if version == served or (journal.phase and journal.version == version):
        return
    newest = max(journal.newest, served)
    if version > newest:
        return
    name = service["metadata"]["name"] if service else "the model"
    replaced = f"version {newest} was" if version < newest else "it was, and was rolled back,"
    msg = (
        f"version {version} of {name!r} is not deployed: {replaced} in service already, and "
        f"version {served} is now; to go back to version {version}, use `kubeloop rollback`"
    )
    raise DeployError(msg)


def clear(site: Site, service: Document | None, version: int) -> Document | None:
    """Finishes or takes back what another deployment left; one of this version is left as it is.

    Args:
        site: where, its Lease held.
        service: the InferenceService as it was just read; None where there is none.
        version: about to be deployed.

    Returns:
        The InferenceService as it is then; None where there is none.

    Raises:
        DeployError: what was left cannot be taken back.
    """
    journal = site.lease.journal
    if service is None:
        if journal.phase and journal.phase != "first":
            # It was deleted by hand; there is nothing to go on with.
            site.lease.keep(Journal(version=journal.version, newest=journal.newest))
        return None
    own = journal.version == version
    if journal.phase in ("first", "rolling", "moving") and own:
        return service
    if journal.phase == "":
        if candidate_of(service) is None:
            return service
        # The Lease was deleted, or the candidate was added by hand.
        journal = Journal(
            phase="rolling", version=version, newest=journal.newest, good=_unraised(service)
        )
        site.lease.keep(journal)
    elif _has_arrived(site, service, journal):
        newest = max(journal.newest, journal.version)
        site.lease.keep(Journal(version=journal.version, newest=newest))
        return service
    logger.info("taking back version=%d phase=%s", journal.version, journal.phase)
    put_back(site, journal.reason or _KILLED)
    return site.service.read()


def _unraised(service: Document) -> Good:
    """What served before a candidate came, whose pods `with_candidate` added to its least number.

    How many it may have at most was raised only as far as needed, and stays so.
    """
    good = good_of(service)
    pods = int(service["spec"]["canary"][0]["predictor"].get("minReplicas") or 1)
    least = int(good.predictor.get("minReplicas") or 1) - pods
    if least < 1 or (least == 1 and pods == 1):
        return good
    return good.model_copy(update={"predictor": good.predictor | {"minReplicas": least}})


def _has_arrived(site: Site, service: Document, journal: Journal) -> bool:
    """Whether another version that was moving, or was the first, serves: then it is the good one.

    One that was updated in place has not been watched yet, and is taken back.
    """
    stable = stable_of(service)
    if stable.version != journal.version:
        return False
    promoted = journal.phase == "moving" and journal.good is not None
    if promoted and journal.good and stable.name == str(journal.good.predictor.get("name") or ""):
        return False
    if not promoted and journal.phase != "first":
        return False
    return any(is_ready(pod) for pod in pods_of(site.api, site.namespace, stable))
