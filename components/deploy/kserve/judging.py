"""The judgement of a candidate by its counted requests, held against the spec and chance.

A share of a few requests says little, so a candidate is put back only where chance is no excuse:
where a version that just keeps to the spec would show as much once in a thousand times at most, by
the exact binomial test (C. J. Clopper and E. S. Pearson 1934, doi:10.1093/biomet/26.4.404). What
fails for both alike is no fault of the candidate: where the stable version is beyond the spec in
the same time too, by the same test, the candidate has to be worse than it, by the exact test of
two samples (R. A. Fisher 1935, doi:10.2307/2342435). One failed request excuses nobody.
"""

import math
from typing import TYPE_CHECKING

from components.deploy.kserve.counters import Tally
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

if TYPE_CHECKING:
    from components.spec.sections import Serve

# A watch looks a dozen times at each of a few steps: together they cry wolf in a few percent.
_CHANCE = 0.001
# latency_ms is a 99th percentile: one request in a hundred may take longer.
_SLOW = 0.01
# A request or two may have come in just now, or come from a client that sends slowly.
_HANGING = 3


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
    errors = (candidate.failed, candidate.requests), (stable.failed, stable.requests)
    if _exceeds(*errors, serve.max_error_ratio):
        msg = (
            f"{who} failed {candidate.failed:.0f} of {candidate.requests:.0f} requests, "
            f"serve.max_error_ratio is {serve.max_error_ratio:g}; the stable version failed "
            f"{stable.failed:.0f} of {stable.requests:.0f} in the same time"
        )
        raise DeployError(msg)
    budget_s = serve.latency_ms / 1000
    slow, timed = candidate.slower_than(budget_s)
    others_slow, others_timed = stable.slower_than(budget_s)
    if _exceeds((slow, timed), (others_slow, others_timed), _SLOW):
        msg = (
            f"{who} took longer than serve.latency_ms, {serve.latency_ms:g} ms, for {slow:.0f} of "
            f"{timed:.0f} requests, 1 in 100 may; of the stable version's {others_slow:.0f} of "
            f"{others_timed:.0f} did in the same time"
        )
        raise DeployError(msg)


def judge_hanging(candidate: Tally, in_flight: float, seconds: float, variant: Variant) -> None:
    """Refuses a candidate that takes requests and finishes none, which no other count shows.

    Args:
        candidate: what it answered in the whole step.
        in_flight: requests that it was reading or answering at the end of the step.
        seconds: the step's length.
        variant: the candidate, for the sentence.

    Raises:
        DeployError: it hangs.
    """
    if not candidate.requests and in_flight >= _HANGING:
        msg = (
            f"version {variant.version} of {variant.model!r} hangs: it has {in_flight:.0f} "
            f"requests in flight and finished none in {seconds:g} s"
        )
        raise DeployError(msg)


def _exceeds(candidate: tuple[float, float], stable: tuple[float, float], allowed: float) -> bool:
    """Whether `(events, trials)` of a candidate are beyond what is allowed, and its own fault."""
    mine = round(candidate[0]), round(candidate[1])
    others = round(stable[0]), round(stable[1])
    if chance(*mine, allowed) >= _CHANCE:
        return False
    return chance(*others, allowed) >= _CHANCE or chance_beside(mine, others) < _CHANCE


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
    log_term = (
        _log_ways(trials, events)
        + events * math.log(share)
        + (trials - events) * math.log1p(-share)
    )
    term = total = math.exp(log_term)
    for count in range(events, trials):
        term *= (trials - count) / (count + 1) * share / (1 - share)
        total += term
        if term < total * 1e-9:
            break
    return total


def chance_beside(one: tuple[int, int], other: tuple[int, int]) -> float:
    """The probability that one sample has so many of all events or more, were both alike.

    Args:
        one: events and trials of the sample in question.
        other: events and trials of the one beside it.

    Returns:
        The upper tail of the hypergeometric distribution: Fisher's exact test, one-sided; 1 where
        the sample has no more than its share.
    """
    (events, trials), (more, beside) = one, other
    both = events + more
    if events * (trials + beside) <= both * trials:
        return 1.0
    log_term = (
        _log_ways(trials, events) + _log_ways(beside, more) - _log_ways(trials + beside, both)
    )
    term = total = math.exp(log_term)
    for count in range(events, min(trials, both)):
        left = both - count
        term *= (trials - count) / (count + 1) * left / (beside - left + 1)
        total += term
        if term < total * 1e-9:
            break
    return total


def _log_ways(trials: int, events: int) -> float:
    """The logarithm of the binomial coefficient."""
    return math.lgamma(trials + 1) - math.lgamma(events + 1) - math.lgamma(trials - events + 1)
