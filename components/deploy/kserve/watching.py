"""The watch over a candidate that takes traffic: its pods are read, and judged at each reading."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.deploy.kserve.cluster_api import ClusterApi, Document
from components.deploy.kserve.counters import Reading, Tally, scrape
from components.deploy.kserve.judging import judge, judge_hanging
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.pods import address, is_leaving, is_ready, restarts
from components.deploy.kserve.reasons import explain, pods_of
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

if TYPE_CHECKING:
    from components.spec.sections import Serve

logger = logging.getLogger(__name__)

# How often pods that could not be read at the end of a step are tried again, `sample_s` apart.
_LAST_LOOKS = 3


@dataclass
class Side:
    """One version under watch.

    Attributes:
        variant: which one.
        tally: what its pods counted since the start.
        readings: each pod's last one, by uid.
        older: uids of the pods that were there at the start; None before the first look.
        unread: why ready pods could not be read in the last look, by uid.
        in_flight: requests that its pods were at in the last look.
    """

    variant: Variant
    tally: Tally = field(default_factory=Tally)
    readings: dict[str, Reading] = field(default_factory=dict)
    older: set[str] | None = None
    unread: dict[str, str] = field(default_factory=dict)
    in_flight: float = 0.0


class Watch:
    """Watches a candidate beside the stable version.

    Args:
        api: the cluster.
        namespace: of the model.
        serve: the spec's section: error ratio, latency, seconds.
        pace: how often to read.
        check: called before each reading; raises where watching has become pointless.
    """

    def __init__(
        self,
        api: ClusterApi,
        namespace: str,
        serve: "Serve",
        *,
        pace: Pace,
        check: Callable[[], None],
    ) -> None:
        """Keeps what to watch with."""
        self._api, self._namespace, self._serve = api, namespace, serve
        self._pace, self._check = pace, check

    def over(self, candidate: Variant, stable: Variant | None, percent: int) -> None:
        """Watches for `serve.watch_s`.

        Args:
            candidate: takes some traffic.
            stable: takes the rest; None where it is gone.
            percent: the candidate's share, for the log.

        Raises:
            DeployError: the candidate fails or is slow beyond doubt, crashes, or cannot be watched.
        """
        sides = [Side(one) for one in (candidate, stable) if one]
        found = [self._read(side) for side in sides]
        born = {pod["metadata"]["uid"]: restarts(pod) for pod in found[0]}
        until, last_looks = time.monotonic() + self._serve.watch_s, 0
        while True:
            left_s = until - time.monotonic()
            time.sleep(
                self._pace.sample_s if last_looks else min(self._pace.sample_s, max(0.0, left_s))
            )
            self._check()
            found = [self._read(side) for side in sides]
            self._stand(candidate, found[0], born)
            judge(sides[0].tally, sides[1].tally if stable else Tally(), self._serve, candidate)
            if time.monotonic() >= until:
                if not sides[0].unread or last_looks == _LAST_LOOKS:
                    break
                last_looks += 1
        self._conclude(sides[0], percent)

    def drain(self, leaving: Variant) -> None:
        """Waits until a version that has no share any more is asked nothing, for `drain_s` at most.

        A route takes a moment to reach all of a gateway's proxies. Some clients may ask the
        version's own Service for ever.
        """
        side, until = Side(leaving), time.monotonic() + self._pace.drain_s
        self._read(side)
        while time.monotonic() < until:
            time.sleep(min(self._pace.sample_s, self._pace.drain_s))
            self._check()
            before = side.tally.requests
            self._read(side)
            if side.tally.requests <= before:
                return
        logger.warning("version=%d is still asked without a share of traffic", leaving.version)

    def _read(self, side: Side) -> list[Document]:
        """Reads every pod of a version that answers; returns all of its pods."""
        pods = pods_of(self._api, self._namespace, side.variant)
        if side.older is None:
            side.older = {pod["metadata"]["uid"] for pod in pods}
        side.unread, side.in_flight = {}, 0.0
        for pod in pods:
            uid, server = pod["metadata"]["uid"], address(pod)
            if not server or not (is_ready(pod) or is_leaving(pod)):
                continue
            try:
                reading = scrape(server, side.variant.model)
            except (OSError, ValueError) as exc:
                if not is_leaving(pod):
                    side.unread[uid] = f"{pod['metadata']['name']}: {exc}"
                continue
            before = side.readings.get(uid)
            # What a pod counted before the watch began is no matter of the watch; one that came
            # since, which no clock is asked about, has counted nothing else.
            if before is not None or uid not in side.older:
                side.tally.add(reading.since(before))
            side.readings[uid] = reading
            side.in_flight += reading.in_flight
        return pods

    def _stand(self, candidate: Variant, found: list[Document], born: dict[str, int]) -> None:
        """Refuses a candidate whose pods crash or are no longer ready."""
        pods = [pod for pod in found if not is_leaving(pod)]
        unready = [pod for pod in pods if not is_ready(pod)]
        crashed = [p for p in pods if restarts(p) > born.get(p["metadata"]["uid"], 0)]
        if crashed or not pods or len(unready) == len(pods):
            why = explain(self._api, self._namespace, candidate, crashed or unready)
            msg = (
                f"version {candidate.version} of {candidate.model!r} did not stand the traffic: "
                f"{why.text or 'a container crashed and began anew'}"
            )
            raise DeployError(msg)

    def _conclude(self, side: Side, percent: int) -> None:
        name = side.variant.model
        if side.unread:
            msg = (
                f"version {side.variant.version} of {name!r} cannot be watched: "
                f"{'; '.join(side.unread.values())}; its pods have to answer /metrics "
                "on the port named http, and a NetworkPolicy has to let deploy in"
            )
            raise DeployError(msg)
        judge_hanging(side.tally, side.in_flight, self._serve.watch_s, side.variant)
        if not side.tally.requests:
            logger.warning(
                "no traffic in %g s at %d %% model=%s version=%d: nothing to judge, going on",
                *(self._serve.watch_s, percent, name, side.variant.version),
            )
