"""The judgement of a candidate by its counted requests, held against the spec and chance.

A share of a few requests says little, so a candidate is put back only where chance is no excuse:
where a version that just keeps to the spec would show as much once in a thousand times at most, by
the exact binomial test. What fails for both alike is no fault of the candidate: where the stable
version is beyond the spec in the same time too, by the same test, the candidate has to be worse
than it, by the exact test of two samples. One failed request excuses nobody.

With `max_error_ratio` 0 a version that keeps to the spec never fails, so that chance excuses no
failed request: one of the candidate's is enough to put it back. Two or more of the stable version's
are the only excuse, and then too the candidate must not be worse by the exact test of two samples.

A request that is not finished may be its client's fault, who sends it slowly. But the route draws
lots for each request, so that of those which are in flight at both versions the candidate has no
more than its percentage, whoever sent them. Where it has more beyond doubt, by the exact binomial
test again, or where nothing else takes traffic and they last for longer than the server lets a
client send, they are its own fault.
"""

from typing import TYPE_CHECKING

from components.deploy.kserve.chances import chance, chance_beside
from components.deploy.kserve.tally import Tally
from components.deploy.kserve.unfinished import Unfinished
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

if TYPE_CHECKING:
    from components.spec.sections import Serve

# A watch looks a dozen times at each of a few steps: together they cry wolf in a few percent.
_CHANCE = 0.001
# latency_ms is a 99th percentile: one request in a hundred may take longer.
_SLOW = 0.01
# One event shows no share: beside an `allowed` of nearly 0 it would excuse whoever has hundreds.
_EXCUSING = 2
# A request or two may have come in just now, or come from a client that sends slowly.
_HANGING = 3
# The server waits for the rest of a body for 30 s (`body_seconds` in components/serve/limits.py)
# and then refuses it; what lasts half as long again is not waiting for its client any more.
HANGING_S = 45.0


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


def judge_unfinished(
    candidate: Unfinished, stable: Unfinished, serve: "Serve", variant: Variant
) -> None:
    """Refuses a candidate that leaves requests unfinished beyond doubt.

    Args:
        candidate: what it took and has not finished, and what it has.
        stable: the same of the stable version.
        serve: max_error_ratio and latency_ms.
        variant: the candidate, with its percentage of the traffic; 100 where the stable version is
            gone, or cannot be asked.

    Raises:
        DeployError: it does; says how many and for how long.
    """
    taken, others = round(candidate.taken), round(stable.taken)
    budget_s = serve.latency_ms / 1000
    slow = round(candidate.longer_than(budget_s))
    # Each one of the stable version's counts, however new: it may excuse, and must not accuse.
    both = slow + round(stable.in_flight)
    by_lot = chance(slow, both, variant.percent / 100)
    if by_lot < _CHANCE and chance(slow, taken, _SLOW) < _CHANCE:
        raise DeployError(_hanging(slow, budget_s, candidate, stable, variant))
    stuck, others_stuck = (round(side.longer_than(HANGING_S)) for side in (candidate, stable))
    if stuck >= _HANGING and _exceeds(
        (stuck, taken), (others_stuck, others), serve.max_error_ratio
    ):
        raise DeployError(_hanging(stuck, HANGING_S, candidate, stable, variant))


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


def _hanging(
    count: int, seconds: float, candidate: Unfinished, stable: Unfinished, variant: Variant
) -> str:
    return (
        f"version {variant.version} of {variant.model!r} hangs: of {candidate.taken:.0f} requests "
        f"{count} or more are not finished after {seconds:g} s; of the stable version's "
        f"{stable.taken:.0f} there are {stable.in_flight:.0f} in flight"
    )


def _exceeds(candidate: tuple[float, float], stable: tuple[float, float], allowed: float) -> bool:
    """Whether `(events, trials)` of a candidate are beyond what is allowed, and its own fault."""
    mine = round(candidate[0]), round(candidate[1])
    others = round(stable[0]), round(stable[1])
    if chance(*mine, allowed) >= _CHANCE:
        return False
    if others[0] < _EXCUSING or chance(*others, allowed) >= _CHANCE:
        return True
    return chance_beside(mine, others) < _CHANCE
