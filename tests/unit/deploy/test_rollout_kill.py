"""Deploy is killed at every single call that it makes, and run again.

How, says tests/killed.py. Then somebody deploys again. The end is always the new version or the
last good one, and from the moment that a model was first served until then there is never one
without a ready pod behind its traffic.
"""

import random
from collections.abc import Callable

import pytest

from tests.killed import Scenario, Trial, kill_at_each
from tests.kubernetes_api import Call
from tests.kubernetes_api.calls import Moment
from tests.rollouts import expire_lease

SCENARIOS = {
    "first": Scenario(0),
    "first-crashing": Scenario(0, "crashing"),
    "second": Scenario(1, sweeps=True),
    "second-of-two-pods": Scenario(1, replicas=2, only_writes=True),
    "crashing": Scenario(1, "crashing"),
    "erring-under-traffic": Scenario(1, "erring"),
    "in-place": Scenario(1, gateway_api=False),
    "in-place-erring": Scenario(1, "erring", gateway_api=False, sweeps=True),
}


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_deploy_killed_at_any_call_and_run_again_ends_well(
    trial: Callable[[Scenario], Trial], name: str
) -> None:
    scenario = SCENARIOS[name]
    calls = kill_at_each(trial, scenario, sweeping=False)
    assert len(calls) > 10
    assert {"patch inferenceservices", "update leases"} <= set(calls)
    assert ("list pods" in calls) is not scenario.only_writes
    if scenario.sweeps:
        swept = kill_at_each(trial, scenario, sweeping=True)
        assert swept[0] == "list horizontalpodautoscalers"
        assert swept[-1] == "update leases"


@pytest.mark.parametrize("seed", range(12))
def test_deploy_killed_again_and_again_ends_well(
    trial: Callable[[Scenario], Trial], seed: int
) -> None:
    """Whoever clears up after a killed one may be killed as well."""
    chosen = random.Random(seed)
    one = trial(chosen.choice(list(SCENARIOS.values())))
    killed: list[Call] = []
    for _ in range(3):
        moment: Moment = chosen.choice(["arrived", "done"])
        # How many calls are left differs; the first ones are always made.
        at = chosen.randrange(3, 40) if killed else chosen.randrange(3, 12)
        found = one.run_killed(at, moment, repeated=True)
        killed += [found] if found else []
        expire_lease(one.cluster)
    assert killed, f"seed {seed}: nothing was killed"
    one.run_again()
    one.check(f"seed {seed}")
