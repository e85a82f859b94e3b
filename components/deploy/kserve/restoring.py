"""The way back: whatever a deployment left, the last good version serves alone again.

Each part may be killed and be done again from its beginning. What the way back needs is in the
journal before anything is changed.
"""

import logging
from typing import Any

from components.deploy.kserve.journal import Good, Journal
from components.deploy.kserve.lease import LeaseLostError
from components.deploy.kserve.pods import is_ready
from components.deploy.kserve.reasons import pods_of
from components.deploy.kserve.site import Site
from components.deploy.kserve.variants import (
    Variant,
    candidate_of,
    good_of,
    stable_of,
    with_candidate,
    with_predictor,
)
from components.errors import DeployError

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def put_back(site: Site, reason: str) -> Good | None:
    """Puts the last good version back, as the journal names it.

    Args:
        site: where, its Lease held.
        reason: why; kept on record.

    Returns:
        What is served now; None for nothing, where nothing was served before. What somebody else
        put into the place of a first version stays, and is served.

    Raises:
        DeployError: it could not be put back; the next deployment tries again.
    """
    journal = site.lease.journal.model_copy(update={"phase": "restoring", "reason": reason})
    site.lease.keep(journal)
    service = site.service.read()
    logger.info("putting back good=%s reason=%s", journal.good and journal.good.version, reason)
    good = journal.good
    if service is not None and good is None:
        if stable_of(service).version == journal.version:
            site.service.delete(service)
            site.service.await_absent()
        else:
            good = good_of(service)
    elif service is not None and good is not None:
        _restore(site, service, good)
    record = Journal(
        version=journal.version,
        newest=journal.newest,
        reason=journal.reason,
        since=journal.since if good else None,
    )
    site.lease.keep(record)
    return good if service is not None else None


def _restore(site: Site, service: Document, good: Good) -> None:
    stable, name = stable_of(service), str(good.predictor.get("name") or "")
    if stable.version == good.version and stable.name == name:
        _withdraw(site, service, good)
    elif stable.name == name:
        # Updated in place: back the same way, pod by pod.
        site.service.change(lambda now: with_predictor(now, good.predictor))
        site.waiting.for_pods(Variant(stable.model, name, good.version, 100), _least(good))
        site.waiting.until_gone(stable)
    else:
        _reverse(site, service, good)


def _withdraw(site: Site, service: Document, good: Good) -> None:
    """Takes the traffic from a candidate, and then the candidate away."""
    candidate, stable = candidate_of(service), stable_of(service)
    if candidate and candidate.percent:
        entry = service["spec"]["canary"][0]["predictor"]
        pods = int(entry.get("minReplicas") or 1)
        site.service.change(lambda now: with_candidate(now, good, entry, percent=0, pods=pods))
        try:
            site.waiting.for_route(stable.model, {stable.service: 100})
        except LeaseLostError:
            raise
        except DeployError as exc:
            # KServe writes no route while the stable version is not ready; then the candidate has
            # to go all the same.
            logger.warning("taking the candidate away without waiting: %s", exc)
        else:
            site.watch.drain(candidate)
    site.service.change(lambda now: with_predictor(now, good.predictor))


def _reverse(site: Site, service: Document, good: Good) -> None:
    """Rolls back what was promoted already: the last good version comes as a candidate."""
    promoted = stable_of(service)
    back = Variant(promoted.model, str(good.predictor.get("name") or ""), good.version, 100)
    least = _least(good)
    if not back.name:
        # A candidate must have a name of its own; without one it can only be updated in place.
        predictor = good.predictor | {"name": promoted.name}
        site.service.change(lambda now: with_predictor(now, predictor))
        site.waiting.for_pods(Variant(back.model, promoted.name, good.version, 100), least)
        return
    site.service.change(lambda now: _beside(now, good, least))
    site.waiting.for_pods(back, least)
    if any(is_ready(pod) for pod in pods_of(site.api, site.namespace, promoted)):
        site.waiting.for_route(back.model, {back.service: 100})
        site.watch.drain(promoted)
    site.service.change(lambda now: with_predictor(now, good.predictor))
    site.waiting.until_gone(promoted)
    site.waiting.for_pods(back, least)


def _beside(service: Document, good: Good, pods: int) -> Document:
    """The document in which the last good version stands beside the promoted one, with all traffic.

    Where it stands there already the promoted one was given its pods before, and gets no more.
    """
    there = candidate_of(service)
    if there is not None and there.version == good.version:
        return with_predictor(service, service["spec"]["predictor"], keeping_candidate=True)
    return with_candidate(service, good_of(service), good.predictor, percent=100, pods=pods)


def _least(good: Good) -> int:
    return max(1, int(good.predictor.get("minReplicas") or 1))
