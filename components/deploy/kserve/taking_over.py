"""How a version takes over: as the first one, step by step, in place, or not at all.

Each way may be killed at any call and be gone again from its beginning: what is done already is
found done. From the first write on a failure puts the last good version back.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from components.deploy.hosts import variant_name
from components.deploy.kserve.cluster_resources import ROUTES
from components.deploy.kserve.guarding import or_back
from components.deploy.kserve.journal import Good, Journal, Phase
from components.deploy.kserve.newcomer import Newcomer, proof_of, prove_alone
from components.deploy.kserve.pods import is_ready
from components.deploy.kserve.reasons import pods_of
from components.deploy.kserve.site import Site
from components.deploy.kserve.variants import (
    Variant,
    candidate_of,
    good_of,
    is_settled,
    least_beside,
    pods_for,
    settled,
    stable_of,
    with_candidate,
    with_predictor,
)
from components.proof import Proof

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def first(site: Site, new: Newcomer, service: Document | None) -> Proof:
    """Brings a model's first version into service; where it fails, nothing is left of it."""
    _keep(site, new, "first", None)
    with or_back(site, new):
        if service is None:
            known, _ = site.api.find(ROUTES, site.namespace, new.spec.name)
            # Where routes carry the traffic the next version has a Service of its own. Where they
            # do not, clients know the one Service by the name that KServe gives by default.
            predictor = new.named(variant_name(new.version) if known else "")
            service = site.service.create(new.rendered | {"spec": {"predictor": predictor}})
        variant = stable_of(service)
        ready = site.waiting.for_pods(variant, new.least)
        latency = prove_alone(site, new, variant, ready)
        service = site.waiting.for_endpoint(site.service.read)
    _done(site, new)
    return proof_of(new, service, latency, None)


def confirm(site: Site, new: Newcomer, service: Document) -> Proof:
    """Shows that a version is in service which was found so; nothing is changed."""
    variant = stable_of(service)
    ready = site.waiting.for_pods(variant, 1)
    latency = prove_alone(site, new, variant, ready)
    return proof_of(new, service, latency, new.version)


def step_by_step(site: Site, new: Newcomer, service: Document) -> Proof:
    """Moves traffic by `spec.canary` and promotes the candidate without a restart."""
    good = _good(site, new, service)
    old = Variant(new.spec.name, str(good.predictor.get("name") or ""), good.version, 0)
    stable, latency = stable_of(service), 0.0
    if stable.version == new.version:
        # Promoted already, and ended before it was on record.
        candidate = stable
    else:
        candidate = Variant(old.model, variant_name(new.version, old.name), new.version, 0)
        _keep(site, new, "rolling", good, carrying=_ready(site, old))
        with or_back(site, new):
            latency = _bring_up(site, new, good, candidate, service)
            _shift(site, new, good, (candidate, old), service)
            site.watch.drain(old)
            _keep(site, new, "moving", good)
            site.service.change(lambda now: with_predictor(now, new.named(candidate.name)))
    with or_back(site, new):
        site.watch.know(site.waiting.for_pods(candidate, new.least))
        whole = {candidate.service: 100}
        site.waiting.for_route(old.model, whole, lambda: site.watch.stand(candidate))
        site.waiting.until_gone(old)
    return proof_of(new, _settle(site, new), latency, good.version)


def in_place(site: Site, new: Newcomer, service: Document) -> Proof:
    """Proves the candidate in the dark, then updates the stable predictor pod by pod."""
    good = _good(site, new, service)
    name = str(good.predictor.get("name") or "")
    old = Variant(new.spec.name, name, good.version, 0)
    taken = Variant(old.model, name, new.version, 100)
    begun = stable_of(service).version == new.version
    if not begun:
        _keep(site, new, "rolling", good)
    with or_back(site, new):
        if not begun:
            candidate = Variant(old.model, variant_name(new.version, name), new.version, 0)
            _bring_up(site, new, good, candidate, service)
            _keep(site, new, "moving", good)
            site.service.change(lambda now: with_predictor(now, new.named(name)))
        ready = site.waiting.for_pods(taken, new.least)
        site.watch.know(ready)
        site.waiting.until_gone(old)
        latency = prove_alone(site, new, taken, ready)
        if new.watched:
            site.watch.over(taken, None, 100)
    return proof_of(new, _settle(site, new), latency, good.version)


def _bring_up(
    site: Site, new: Newcomer, good: Good, candidate: Variant, service: Document
) -> float:
    """Has the candidate stand at 0 %, or where it stands already, and prove itself."""
    there = candidate_of(service)
    if there is None or there.version != new.version:
        _place(site, new, good, candidate, percent=0, pods=1)
    ready = site.waiting.for_pods(candidate, 1)
    site.watch.know(ready)
    return prove_alone(site, new, candidate, ready)


def _shift(
    site: Site, new: Newcomer, good: Good, sides: tuple[Variant, Variant], service: Document
) -> None:
    """Moves traffic to the candidate, step by step, with as many pods as each share needs."""
    candidate, old = sides
    at, pods = _standing(service, new.version)
    if not _ready(site, old):
        # KServe writes no route while the stable version is down; there is no traffic to lose.
        logger.warning("version=%d is down: moving all at once", old.version)
        _place(site, new, good, candidate, percent=at, pods=max(pods, new.least))
        site.waiting.for_pods(candidate, max(pods, new.least))
        return
    for percent in (*(step for step in new.steps if step >= at), 100):
        carrying = _carrying(site, good, old, pods)
        needed = max(pods, pods_for(percent, carrying))
        if percent == 100:
            needed = max(needed, new.least)
        if needed > pods:
            _place(site, new, good, candidate, percent=at, pods=needed)
            site.watch.know(site.waiting.for_pods(candidate, needed))
        _place(site, new, good, candidate, percent=percent, pods=needed)
        shares = {candidate.service: percent, old.service: 100 - percent}
        site.waiting.for_route(old.model, shares, lambda: site.watch.stand(candidate))
        logger.info("version=%d takes percent=%d", new.version, percent)
        if new.watched:
            site.watch.over(candidate, old, percent)
        at, pods = percent, needed


def _carrying(site: Site, good: Good, old: Variant, pods: int) -> int:
    """How many pods all of the traffic needs: the most that the stable version was seen to have.

    An autoscaler may have given it more than before the candidate came. Fewer say nothing, since
    KServe takes as many from it as the candidate has, and an autoscaler what its part of the
    traffic does not need; nor do those that deploy itself asked for, for the candidate's sake.
    """
    journal, ready = site.lease.journal, _ready(site, old)
    asked = least_beside(good.predictor, pods)
    if ready > max(asked, journal.carrying):
        journal = journal.model_copy(update={"carrying": ready})
        site.lease.keep(journal)
    return max(1, journal.carrying)


def _ready(site: Site, variant: Variant) -> int:
    return sum(is_ready(pod) for pod in pods_of(site.api, site.namespace, variant))


def _standing(service: Document, version: int) -> tuple[int, int]:
    """Which percentage a killed deployment gave the candidate, and how many pods; else 0 and 1."""
    there = candidate_of(service)
    if there is None or there.version != version:
        return 0, 1
    entry = service["spec"]["canary"][0]["predictor"]
    return there.percent, int(entry.get("minReplicas") or 1)


def _place(
    site: Site, new: Newcomer, good: Good, candidate: Variant, *, percent: int, pods: int
) -> None:
    predictor = new.named(candidate.name)
    site.service.change(
        lambda now: with_candidate(now, good, predictor, percent=percent, pods=pods)
    )


def _good(site: Site, new: Newcomer, service: Document) -> Good:
    """What to put back: as the killed deployment of this version noted it, else what is served."""
    journal = site.lease.journal
    if journal.phase and journal.version == new.version and journal.good:
        return journal.good
    return good_of(service)


def _keep(site: Site, new: Newcomer, phase: Phase, good: Good | None, *, carrying: int = 0) -> None:
    """Notes a phase, unless it is on record already."""
    journal = site.lease.journal
    if (journal.version, journal.phase) == (new.version, phase):
        return
    begun = Journal(
        phase=phase,
        version=new.version,
        # What is served may have come by other hands, and is older from now on all the same.
        newest=max(journal.newest, good.version if good else 0),
        good=good,
        carrying=carrying,
        since=journal.since,
        at=datetime.now(UTC),
    )
    site.lease.keep(begun)


def _settle(site: Site, new: Newcomer) -> Document | None:
    """Gives the InferenceService the new version's annotations, which its pods alone take now."""
    service = site.service.read()
    if service is not None and not is_settled(service, new.rendered):
        service = site.service.change(lambda now: settled(now, new.rendered))
    _done(site, new)
    return service


def _done(site: Site, new: Newcomer) -> None:
    newest = max(site.lease.journal.newest, new.version)
    site.lease.keep(Journal(version=new.version, newest=newest, since=datetime.now(UTC)))
    logger.info("deployed model=%s version=%d", new.spec.name, new.version)
