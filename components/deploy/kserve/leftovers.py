"""What is there when a deployment begins: newer versions, and what a killed one left half done."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from components.deploy.kserve.journal import Good, Journal
from components.deploy.kserve.pace import CROWNING_S
from components.deploy.kserve.pods import is_ready
from components.deploy.kserve.reasons import pods_of
from components.deploy.kserve.restoring import put_back
from components.deploy.kserve.site import Site
from components.deploy.kserve.variants import candidate_of, good_of, stable_of
from components.errors import DeployError

if TYPE_CHECKING:
    from components.champion import Champion

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
    begun = journal.phase != "" and journal.version == version
    if version == served or (begun and not _is_foreign(service, journal)):
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


def refuse_overtaken(
    site: Site, service: Document | None, version: int, compared: "Champion | None"
) -> None:
    """Refuses a version that was never held against what is served.

    Another run, or a rollback, has put that into service after this run had looked up its champion,
    or so shortly before that it was not champion yet. What has served for longer, and never became
    champion, was left by a run that ended in between: any version may replace it.

    Args:
        site: where, its Lease held and cleared.
        service: the InferenceService; None where there is none.
        version: about to be deployed.
        compared: the champion that it was held against, or that there was none; None where that is
            not known.

    Raises:
        DeployError: another one serves, whose run could not have made it that champion.
    """
    since = site.lease.journal.since
    if service is None or since is None or compared is None or compared.at is None:
        return
    served, crowned = stable_of(service).version, since + timedelta(seconds=CROWNING_S)
    if served in (version, compared.version) or crowned <= compared.at:
        return
    against = f"version {compared.version}" if compared.version else "none"
    when = "after" if since > compared.at else "just before"
    msg = (
        f"version {version} of {service['metadata']['name']!r} is not deployed: version {served} "
        f"came into service at {since:%Y-%m-%d %H:%M:%S} UTC, by another run or a rollback, {when} "
        f"this run had looked up its champion ({against}); the two were never compared. Run the "
        "pipeline again"
    )
    raise DeployError(msg)


def clear(site: Site, service: Document | None, version: int, *, most: int) -> Document | None:
    """Finishes or takes back what another deployment left; one of this version is left as it is.

    Args:
        site: where, its Lease held.
        service: the InferenceService as it was just read; None where there is none.
        version: about to be deployed.
        most: how many pods that one may have at most.

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
    if _is_foreign(service, journal):
        site.lease.keep(Journal(version=journal.version, newest=journal.newest))
        return clear(site, service, version, most=most)
    own = journal.version == version
    if journal.phase in ("first", "rolling", "moving") and own:
        return service
    if journal.phase == "":
        if candidate_of(service) is None:
            return service
        # The Lease was deleted, or the candidate was added by hand.
        journal = Journal(
            phase="rolling",
            version=version,
            newest=journal.newest,
            good=_unraised(service, most),
            since=journal.since,
        )
        site.lease.keep(journal)
    elif _has_arrived(site, service, journal):
        newest = max(journal.newest, journal.version)
        since = journal.at or datetime.now(UTC)
        arrived = Journal(version=journal.version, newest=newest, since=since)
        site.lease.keep(arrived)
        return service
    logger.info("taking back version=%d phase=%s", journal.version, journal.phase)
    site.say(f"taking back what a killed deployment of version {journal.version} left")
    put_back(site, journal.reason or _KILLED)
    return site.service.read()


def _is_foreign(service: Document | None, journal: Journal) -> bool:
    """Whether somebody made a model's first InferenceService after a deployment of it was killed.

    That one had not come to make its own; it has nothing to take back.
    """
    if journal.phase != "first" or service is None:
        return False
    return stable_of(service).version != journal.version


def _unraised(service: Document, most: int) -> Good:
    """What served before a candidate came, whose pods `with_candidate` added to its least number.

    How many it may have at most was raised where that number went beyond it, and nothing says from
    what: both are alike then, and it is what the next version may have, as far as that is possible.
    """
    good = good_of(service)
    pods = int(service["spec"]["canary"][0]["predictor"].get("minReplicas") or 1)
    least = int(good.predictor.get("minReplicas") or 1) - pods
    if least < 1 or (least == 1 and pods == 1):
        return good
    found: dict[str, int] = {"minReplicas": least}
    if good.predictor.get("maxReplicas") == least + pods:
        found["maxReplicas"] = min(max(least, most), least + pods)
    return good.model_copy(update={"predictor": good.predictor | found})


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
