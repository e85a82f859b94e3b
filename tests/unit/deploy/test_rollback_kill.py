"""A rollback is killed at every single call that it makes, and run again.

How, says tests/killed.py. The end is always the version that was chosen or, where that one does not
come up, the one that served before.
"""

from collections.abc import Callable

import pytest

from tests.killed import Scenario, Trial, kill_at_each

SCENARIOS = {
    "back": Scenario(2, to=1, sweeps=True),
    "back-crashing": Scenario(2, to=1, behaviour="crashing"),
    "back-in-place": Scenario(2, to=1, gateway_api=False),
}


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_roll_back_killed_at_any_call_and_run_again_ends_well(
    trial: Callable[[Scenario], Trial], name: str
) -> None:
    scenario = SCENARIOS[name]
    calls = kill_at_each(trial, scenario, sweeping=False)
    assert {"patch inferenceservices", "update leases", "list pods"} <= set(calls)
    if scenario.sweeps:
        swept = kill_at_each(trial, scenario, sweeping=True)
        assert swept[0] == "list horizontalpodautoscalers"
