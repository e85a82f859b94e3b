"""Waits for pods, for the route and for what leaves; fails with the cluster's own reason."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_resources import ROUTES
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.pods import has_ended, is_leaving, is_ready, restarts
from components.deploy.kserve.reasons import Reason, clean, explain, pods_of
from components.deploy.kserve.telling import Say, Spell, note
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

logger = logging.getLogger(__name__)

Document = dict[str, Any]

_LOG = re.compile(r"; its log .*?(?=; events: |; its events |\Z)", re.DOTALL)
# Counts, times, addresses, and the names of pods.
_VARYING = re.compile(r"\S*\d\S*")


class Waiting:
    """Waits in one namespace of a cluster.

    Args:
        api: the cluster.
        namespace: of the model.
        pace: how long, and how often to look.
        check: called before each look; raises where waiting has become pointless.
        say: is told what is waited for.
    """

    def __init__(
        self,
        api: ClusterApi,
        namespace: str,
        pace: Pace,
        check: Callable[[], None],
        *,
        say: Say = note,
    ) -> None:
        """Keeps what to wait with."""
        self._api, self._namespace, self._pace, self._check = api, namespace, pace, check
        self._say = say

    def for_pods(self, variant: Variant, count: int) -> list[Document]:
        """Waits until so many pods of a variant are ready.

        Returns:
            The ready ones.

        Raises:
            DeployError: they are not in `ready_s`, or will never be; with the reason.
        """
        until, told = time.monotonic() + self._pace.ready_s, ""
        passing_since: float | None = None
        spell = self._spell()
        while True:
            self._check()
            pods = [p for p in pods_of(self._api, self._namespace, variant) if not is_leaving(p)]
            ready = [pod for pod in pods if is_ready(pod)]
            if len(ready) >= count:
                return ready
            now = time.monotonic()
            # What has ended tells the reason only where there is nothing that may come up yet.
            unready = [p for p in pods if p not in ready]
            coming = [p for p in unready if not has_ended(p)]
            why = explain(self._api, self._namespace, variant, coming or unready)
            if why.text != told:
                logger.info("waiting version=%d ready=%d %s", variant.version, len(ready), why.text)
                told = why.text
            spell.goes_on(_coming(variant, len(ready), count, why), about=_gist(why))
            if why.often_passing:
                passing_since = passing_since or now
            elif not any(restarts(pod) for pod in coming):
                # A container that crashes runs for a moment each time, and is not healed by that.
                passing_since = None
            passed_s = now - passing_since if passing_since is not None else 0.0
            stuck = why.often_passing and passed_s > self._pace.grace_s
            if why.final or stuck or now > until:
                took_s = self._pace.grace_s if stuck else self._pace.ready_s
                raise DeployError(_failure(variant, count, len(ready), why, took_s))
            time.sleep(self._pace.poll_s)

    def for_route(
        self, model: str, shares: dict[str, int], meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Waits until the gateway gives each Service its percentage.

        Args:
            model: the InferenceService, which its route is named as.
            shares: percentage by Service; those of 0 may be absent from the route.
            meanwhile: called after each look that found another route; raises where it never comes,
                as KServe gives no share to a candidate that is not ready.

        Raises:
            DeployError: it does not in `ready_s`.
        """
        wanted = {name: share for name, share in shares.items() if share}
        until, spell = time.monotonic() + self._pace.ready_s, self._spell()
        while True:
            self._check()
            _, route = self._api.find(ROUTES, self._namespace, model)
            if route is not None and _is_accepted(route) and _shares(route) == wanted:
                return
            if time.monotonic() > until:
                found = "there is none" if route is None else f"it has {_shares(route)}"
                state = "" if route is None or _is_accepted(route) else ", not accepted yet"
                msg = (
                    f"the HTTPRoute {model!r} in namespace {self._namespace!r} does not give "
                    f"{wanted} after {self._pace.ready_s:g} s: {found}{state}; see the log of "
                    "KServe's controller and the Gateway's status"
                )
                raise DeployError(msg)
            spell.goes_on(f"the HTTPRoute {model!r} to give {_said(wanted)}")
            meanwhile()
            time.sleep(self._pace.poll_s)

    def for_endpoint(self, read: Callable[[], Document | None]) -> Document:
        """Waits until KServe says that a model is ready: its pods, and the way to them.

        Args:
            read: reads the InferenceService.

        Returns:
            It, as it is then.

        Raises:
            DeployError: it does not in `ready_s`, with KServe's own reason; or somebody deleted it.
        """
        until, spell = time.monotonic() + self._pace.ready_s, self._spell()
        while True:
            self._check()
            service = read()
            if service is None:
                msg = (
                    f"the InferenceService in namespace {self._namespace!r} was deleted while its "
                    "version came up: run the deployment again"
                )
                raise DeployError(msg)
            states = (service.get("status") or {}).get("conditions") or []
            if any(o["type"] == "Ready" and o.get("status") == "True" for o in states):
                return service
            if time.monotonic() > until:
                said = [
                    f"{one['type']}: {one.get('reason', '')} {one.get('message', '')}".strip()
                    for one in states
                    if one.get("status") != "True" and one["type"] != "Stopped"
                ]
                msg = (
                    f"the pods are ready, the InferenceService is not after {self._pace.ready_s:g} "
                    f"s: {clean('; '.join(said)) or 'KServe gives no reason'}"
                )
                raise DeployError(msg)
            spell.goes_on("KServe to say that the InferenceService, whose pods are ready, is too")
            time.sleep(self._pace.poll_s)

    def until_gone(self, variant: Variant) -> None:
        """Waits until no pod of a variant is left; one that hangs is told, and no failure."""
        until, spell = time.monotonic() + self._pace.ready_s, self._spell()
        while True:
            self._check()
            left = [
                pod for pod in pods_of(self._api, self._namespace, variant) if not has_ended(pod)
            ]
            if not left:
                return
            if time.monotonic() > until:
                names = ", ".join(repr(pod["metadata"]["name"]) for pod in left)
                logger.warning("pods do not leave version=%d pods=%s", variant.version, names)
                return
            spell.goes_on(f"{len(left)} pods of version {variant.version} to leave")
            time.sleep(self._pace.poll_s)

    def _spell(self) -> Spell:
        return Spell(self._say, self._pace)


def _failure(variant: Variant, count: int, ready: int, why: Reason, took_s: float) -> str:
    took = "" if why.final else f" after {took_s:g} s"
    return (
        f"version {variant.version} of {variant.model!r} does not come up{took}: {ready} of "
        f"{count} pods are ready; {why.text or 'the cluster gives no reason'}"
    )


def _coming(variant: Variant, ready: int, count: int, why: Reason) -> str:
    found = f"the pods of version {variant.version}: {ready} of {count} are ready"
    return f"{found}; {clean(why.text)}" if why.text else found


def _gist(why: Reason) -> str:
    """What stays the same of a reason for as long as it is the same one.

    A log differs each time that a container ends, and the newest of a pod's events comes first.
    """
    text = _LOG.sub("", why.text).replace("; events: ", "; ")
    return "; ".join(sorted(set(_VARYING.sub("", text).split("; "))))


def _said(shares: dict[str, int]) -> str:
    return ", ".join(f"{service!r} {percent} %" for service, percent in shares.items())


def _shares(route: Document) -> dict[str, int]:
    """The percentage by Service; empty where the rules of a route differ from each other."""
    found = [_rule_shares(rule) for rule in (route.get("spec") or {}).get("rules") or []]
    return found[0] if found and all(one == found[0] for one in found) else {}


def _rule_shares(rule: Document) -> dict[str, int]:
    weights: dict[str, int] = {}
    for end in rule.get("backendRefs") or []:
        # A backend without a weight has 1 (Gateway API, BackendRef).
        weight = end.get("weight")
        weights[end["name"]] = weights.get(end["name"], 0) + (1 if weight is None else int(weight))
    total = sum(weights.values())
    return {name: round(100 * part / total) for name, part in weights.items() if part and total}


def _is_accepted(route: Document) -> bool:
    """Whether every gateway has taken the route as it is now."""
    parents = (route.get("status") or {}).get("parents") or []
    generation = int(route["metadata"].get("generation") or 0)
    states = [
        condition
        for parent in parents
        for condition in parent.get("conditions") or []
        if condition.get("type") in ("Accepted", "ResolvedRefs")
    ]
    return bool(states) and all(
        state.get("status") == "True"
        and int(state.get("observedGeneration", generation)) >= generation
        for state in states
    )
