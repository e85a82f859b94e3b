"""The watch over a candidate that takes traffic: its errors and latency, held against the spec.

A share of a few requests says little, so a candidate is put back only where chance is no excuse:
where a version that just keeps to the spec, or is as good as the stable one in the same time, would
show as much once in a thousand times at most, by the exact binomial test (C. J. Clopper and E. S.
Pearson 1934, doi:10.1093/biomet/26.4.404). What fails for both alike is no fault of the candidate.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.deploy.kserve.cluster_api import ClusterApi, Document
from components.deploy.kserve.counters import Reading, Tally, scrape
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.pods import address, is_leaving, is_ready, restarts
from components.deploy.kserve.reasons import explain, pods_of
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

if TYPE_CHECKING:
    from components.spec.sections import Serve

logger = logging.getLogger(__name__)

# A watch looks a dozen times at each of a few steps: together they cry wolf in a few percent.
_CHANCE = 0.001
# latency_ms is a 99th percentile: one request in a hundred may take longer.
_SLOW = 0.01


@dataclass
class Side:
    """One version under watch: its pods' last readings, and what they counted since the start."""

    variant: Variant
    tally: Tally
    readings: dict[str, Reading]
    began: bool = False
    unread: str = ""


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
        sides = [Side(one, Tally(), {}) for one in (candidate, stable) if one]
        found = [self._read(side) for side in sides]
        born = {pod["metadata"]["uid"]: restarts(pod) for pod in found[0]}
        until = time.monotonic() + self._serve.watch_s
        while True:
            time.sleep(min(self._pace.sample_s, max(0.0, until - time.monotonic())))
            self._check()
            found = [self._read(side) for side in sides]
            self._stand(candidate, found[0], born)
            judge(sides[0].tally, sides[1].tally if stable else Tally(), self._serve, candidate)
            if time.monotonic() >= until:
                break
        self._conclude(sides[0], percent)

    def drain(self, leaving: Variant) -> None:
        """Waits until a version that has no share any more is asked nothing, for `drain_s` at most.

        A route takes a moment to reach all of a gateway's proxies. Some clients may ask the
        version's own Service for ever.
        """
        side, until = Side(leaving, Tally(), {}), time.monotonic() + self._pace.drain_s
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
        for pod in pods:
            server = address(pod)
            if not server or not (is_ready(pod) or is_leaving(pod)):
                continue
            try:
                reading = scrape(server, side.variant.model)
            except (OSError, ValueError) as exc:
                if not is_leaving(pod):
                    side.unread = f"{pod['metadata']['name']}: {exc}"
                continue
            uid = pod["metadata"]["uid"]
            before = side.readings.get(uid)
            if before is not None or side.began:
                side.tally.add(reading.since(before))
            side.readings[uid] = reading
        side.began = True
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
        if not side.readings:
            msg = (
                f"version {side.variant.version} of {name!r} cannot be watched: "
                f"{side.unread or 'none of its pods is ready'}; its pods have to answer /metrics "
                "on the port named http, and a NetworkPolicy has to let deploy in"
            )
            raise DeployError(msg)
        if not side.tally.requests:
            logger.warning(
                "no traffic in %g s at %d %% model=%s version=%d: nothing to judge, going on",
                *(self._serve.watch_s, percent, name, side.variant.version),
            )


def judge(candidate: Tally, stable: Tally, serve: "Serve", variant: Variant) -> None:
    """Refuses a candidate that fails or is slow beyond doubt.

    Args:
        candidate: what it was asked.
        stable: what the stable version was asked in the same time.
        serve: max_error_ratio and latency_ms.
        variant: the candidate, for the sentence.

    Raises:
        DeployError: it is; says by how much.
    """
    who = f"version {variant.version} of {variant.model!r}"
    if _exceeds(candidate.failed, candidate.requests, serve.max_error_ratio, stable):
        msg = (
            f"{who} failed {candidate.failed:.0f} of {candidate.requests:.0f} requests, "
            f"serve.max_error_ratio is {serve.max_error_ratio:g}; the stable version failed "
            f"{stable.failed:.0f} of {stable.requests:.0f} in the same time"
        )
        raise DeployError(msg)
    budget_s = serve.latency_ms / 1000
    slow, timed = candidate.slower_than(budget_s)
    others_slow, others_timed = stable.slower_than(budget_s)
    if _exceeds(slow, timed, _SLOW, Tally(others_timed, others_slow)):
        msg = (
            f"{who} took longer than serve.latency_ms, {serve.latency_ms:g} ms, for {slow:.0f} of "
            f"{timed:.0f} requests, 1 in 100 may; of the stable version's {others_slow:.0f} of "
            f"{others_timed:.0f} did in the same time"
        )
        raise DeployError(msg)


def _exceeds(events: float, trials: float, allowed: float, stable: Tally) -> bool:
    others = stable.failed / stable.requests if stable.requests else 0.0
    return chance(round(events), round(trials), max(allowed, others)) < _CHANCE


def chance(events: int, trials: int, share: float) -> float:
    """The probability of so many events or more, where each trial has one with that share.

    Args:
        events: from 0 to `trials`.
        trials: independent of each other.
        share: from 0 to 1.

    Returns:
        The upper tail of the binomial distribution; 1 where no more came than is to be expected.
    """
    if events <= trials * share or not 0 < share < 1:
        return 1.0 if events <= trials * share else 0.0
    # The first term by logarithms, since factorials overflow; each further one by its ratio.
    ways = math.lgamma(trials + 1) - math.lgamma(events + 1) - math.lgamma(trials - events + 1)
    term = math.exp(ways + events * math.log(share) + (trials - events) * math.log1p(-share))
    total = term
    for count in range(events, trials):
        term *= (trials - count) / (count + 1) * share / (1 - share)
        total += term
        if term < total * 1e-9:
            break
    return total
