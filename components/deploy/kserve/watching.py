"""The watch over a candidate that takes traffic: its pods are read, and judged at each reading."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from components.deploy.kserve.cluster_api import ClusterApi, Document
from components.deploy.kserve.judging import judge, judge_hanging, judge_unfinished
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.pods import has_ended, is_leaving, is_ready, server_restarts
from components.deploy.kserve.reasons import explain, explain_restart, pods_of
from components.deploy.kserve.side import Side
from components.deploy.kserve.telling import Say, Spell, note
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

if TYPE_CHECKING:
    from components.spec.sections import Serve

logger = logging.getLogger(__name__)

# How often pods that could not be read at the end of a step are tried again, `sample_s` apart.
_LAST_LOOKS = 3


class Watch:
    """Watches a candidate beside the stable version.

    Args:
        api: the cluster.
        namespace: of the model.
        serve: the spec's section: error ratio, latency, seconds.
        pace: how often to read.
        check: called before each reading; raises where watching has become pointless.
        say: is told what is waited for.
    """

    def __init__(
        self,
        api: ClusterApi,
        namespace: str,
        serve: "Serve",
        *,
        pace: Pace,
        check: Callable[[], None],
        say: Say = note,
    ) -> None:
        """Keeps what to watch with."""
        self._say = say
        self._api, self._namespace, self._serve = api, namespace, serve
        self._pace, self._check, self._budget_s = pace, check, serve.latency_ms / 1000
        # Of each pod by uid, how often its server had begun anew when the pod was first ready.
        self._born: dict[str, int] = {}
        self._ready: set[str] = set()

    def know(self, pods: list[Document]) -> None:
        """Takes note of a candidate's pods before they take traffic.

        A server that begins anew from here on has not stood it, be that between the change of a
        route and the first look of a watch. Of a pod that is still to be ready nothing is held
        against the candidate: it takes no traffic, and what it needs may not be there at once.

        Args:
            pods: as they were just read; of those that were ready once nothing changes.
        """
        for pod in pods:
            uid = pod["metadata"]["uid"]
            if uid not in self._ready:
                self._born[uid] = server_restarts(pod)
            if is_ready(pod):
                self._ready.add(uid)

    def stand(self, candidate: Variant) -> None:
        """Looks once whether a candidate, whose pods are known, stands.

        Raises:
            DeployError: a server of it crashed, or none of its pods is ready any more.
        """
        self._stand(candidate, pods_of(self._api, self._namespace, candidate))

    def over(self, candidate: Variant, stable: Variant | None, percent: int) -> None:
        """Watches for `serve.watch_s`.

        Args:
            candidate: takes some traffic.
            stable: takes the rest; None where it is gone.
            percent: of the traffic that the candidate takes.

        Raises:
            DeployError: the candidate fails or is slow beyond doubt, crashes, or cannot be watched.
        """
        side = Side(candidate, self._budget_s)
        beside = Side(stable, self._budget_s, excuses=True) if stable else None
        self.know(self._look(side, beside))
        until, last_looks = time.monotonic() + self._serve.watch_s, 0
        while True:
            left_s = until - time.monotonic()
            time.sleep(
                self._pace.sample_s if last_looks else min(self._pace.sample_s, max(0.0, left_s))
            )
            self._check()
            self._stand(candidate, self._look(side, beside))
            self._judge(side, beside, percent)
            if time.monotonic() >= until:
                if not (side.unread or side.lost) or last_looks == _LAST_LOOKS:
                    break
                last_looks += 1
        self._conclude(side, percent)

    def drain(self, leaving: Variant) -> None:
        """Waits until a version that has no share any more is asked nothing, for `drain_s` at most.

        A route takes a moment to reach all of a gateway's proxies. Some clients may ask the
        version's own Service for ever. Where its pods cannot be read, as from outside of the
        cluster, nobody knows, and all of `drain_s` is waited for.
        """
        side, until = Side(leaving, self._budget_s), time.monotonic() + self._pace.drain_s
        spell = Spell(self._say, self._pace)
        self._look(side)
        while time.monotonic() < until:
            time.sleep(min(self._pace.sample_s, self._pace.drain_s))
            self._check()
            known, before = side.known, side.tally.requests
            pods = self._look(side)
            if all(has_ended(pod) for pod in pods):
                return
            if known and side.known and side.tally.requests <= before:
                return
            spell.goes_on(f"version {leaving.version}, which has no share, to be asked no more")
        if side.known:
            logger.warning("version=%d is still asked without a share of traffic", leaving.version)
        else:
            why = "; ".join(side.unread.values()) or "none of its pods answers"
            logger.warning("version=%d may still be asked: %s", leaving.version, why)

    def _look(self, side: Side, beside: Side | None = None) -> list[Document]:
        """Reads both sides; returns the pods of the first."""
        pods = side.look(self._api, self._namespace)
        if beside is not None:
            beside.look(self._api, self._namespace)
        return pods

    def _judge(self, side: Side, beside: Side | None, percent: int) -> None:
        other = beside or Side(side.variant, self._budget_s)
        judge(side.tally, other.tally, self._serve, side.variant)
        sharing = replace(side.variant, percent=percent if beside and beside.whole else 100)
        judge_unfinished(side.unfinished, other.unfinished, self._serve, sharing)

    def _stand(self, candidate: Variant, found: list[Document]) -> None:
        """Refuses a candidate whose pods crash or are no longer ready."""
        self.know(found)
        pods = [pod for pod in found if not is_leaving(pod)]
        unready = [pod for pod in pods if not is_ready(pod)]
        crashed = [p for p in pods if server_restarts(p) > self._born[p["metadata"]["uid"]]]
        if crashed:
            why = explain_restart(self._api, self._namespace, crashed[0])
        elif len(unready) == len(pods):
            why = explain(self._api, self._namespace, candidate, unready).text
        else:
            return
        msg = f"version {candidate.version} of {candidate.model!r} did not stand the traffic: {why}"
        raise DeployError(msg)

    def _conclude(self, side: Side, percent: int) -> None:
        who = f"version {side.variant.version} of {side.variant.model!r}"
        if side.lost:
            why = explain(self._api, self._namespace, side.variant, side.lost)
            msg = (
                f"{who} did not stand the traffic: pods that answered are not ready any more "
                f"({len(side.lost)}): {why.text}"
            )
            raise DeployError(msg)
        if side.unread:
            msg = (
                f"{who} cannot be watched: {'; '.join(side.unread.values())}; its pods have to "
                "answer /metrics on the port named http, and a NetworkPolicy has to let deploy in"
            )
            raise DeployError(msg)
        in_flight = side.unfinished.in_flight
        judge_hanging(side.tally, in_flight, self._serve.watch_s, side.variant)
        if not side.tally.requests:
            logger.warning(
                "no traffic in %g s at %d %% model=%s version=%d: nothing to judge, going on",
                *(self._serve.watch_s, percent, side.variant.model, side.variant.version),
            )
