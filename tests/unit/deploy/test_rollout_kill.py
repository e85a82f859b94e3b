"""Deploy is killed at every single call that it makes, and run again.

A process of its own deploys; the API server kills it at its n-th call, by SIGKILL: before the call
is acted upon, and, where it changes something, also after it, before the answer. Then somebody
deploys again. The end is always the new version or the last good one, and from the moment that a
model was first served until then there is never one without a ready pod behind its traffic.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest

from components.deploy.kserve.status import observe
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.kubernetes_api.api import Moment
from tests.kubernetes_api.cluster import Behaviour
from tests.rollouts import NAME, NAMESPACE, Bundles, build_bundles, deploy, expire_lease

WRITES = ("create", "update", "patch", "delete")


@dataclass(frozen=True)
class Scenario:
    """What is deployed where, and how it has to end.

    Attributes:
        before: the version that is served; 0 for none.
        behaviour: of the version that is deployed.
        gateway_api: whether the cluster has it.
        replicas: least number of pods.
        only_writes: whether it is killed at what changes something alone; what is asked in between
            leaves everything as it is, and other scenarios are killed there too.
    """

    before: int
    behaviour: Behaviour = "ready"
    gateway_api: bool = True
    replicas: int = 1
    only_writes: bool = False

    @property
    def succeeds(self) -> bool:
        """Whether the new version has to be served in the end."""
        return self.behaviour in ("ready", "slow")

    @property
    def served(self) -> set[int]:
        """What has to be served in the end."""
        return {self.before + 1} if self.succeeds else {self.before} - {0}


SCENARIOS = {
    "first": Scenario(0),
    "first-crashing": Scenario(0, "crashing"),
    "second": Scenario(1),
    "second-of-two-pods": Scenario(1, replicas=2, only_writes=True),
    "crashing": Scenario(1, "crashing"),
    "erring-under-traffic": Scenario(1, "erring"),
    "in-place": Scenario(1, gateway_api=False),
    "in-place-erring": Scenario(1, "erring", gateway_api=False),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build_bundles(tmp_path_factory.mktemp("bundles"), (1, 2))


@dataclass
class Trial:
    """One cluster in which a version is deployed and its deployment killed."""

    scenario: Scenario
    bundles: Bundles
    cluster: Cluster

    @property
    def version(self) -> int:
        """What is deployed."""
        return self.scenario.before + 1

    def prepare(self) -> None:
        """Has the version before served, and says how the new one behaves."""
        self.bundles.put_into(self.cluster)
        if self.scenario.before:
            self.run(self.scenario.before)
        self.cluster.behave(self.version, self.scenario.behaviour)

    def run(self, version: int) -> None:
        """Deploys."""
        least = self.scenario.replicas
        deploy(self.bundles.release(version), replicas={"min": least, "max": least + 2})

    def run_killed(self, at: int, moment: Moment) -> Call | None:
        """Deploys in a process that is killed at its n-th call; returns which one that was.

        Returns:
            None where the deployment came to its end before.
        """
        seen: list[Call] = []
        ready, go = os.pipe()
        child = os.fork()
        if not child:
            os.read(ready, 1)
            os._exit(self._outcome())

        def kill(call: Call) -> str | None:
            seen.append(call)
            if len(seen) != at:
                return None
            os.kill(child, signal.SIGKILL)
            return "drop"

        verbs = WRITES if self.scenario.only_writes else None
        self.cluster.api.on_call(kill, moment=moment, verbs=verbs)
        os.write(go, b".")
        _, status = os.waitpid(child, 0)
        self.cluster.api.on_call(None)
        os.close(ready)
        os.close(go)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == (0 if self.scenario.succeeds else 1)
        return seen[at - 1] if os.WIFSIGNALED(status) else None

    def _outcome(self) -> int:
        """Runs in the child, which must end here whatever comes, and run nothing of the test's."""
        try:
            self.run(self.version)
        except DeployError:
            return 1
        except BaseException:
            return 2
        return 0

    def run_again(self) -> None:
        """Deploys once more, when the Lease of the killed one has run out."""
        expire_lease(self.cluster)
        try:
            self.run(self.version)
        except DeployError:
            assert not self.scenario.succeeds
        else:
            assert self.scenario.succeeds

    def check(self, where: str) -> None:
        """Holds the end against what it has to be."""
        cluster, served = self.cluster, self.scenario.served
        cluster.settle()
        assert cluster.serving(NAME) == served, where
        assert set(cluster.versions(NAME)) == served, where
        assert cluster.traffic(NAME) == dict.fromkeys(served, 100), where
        assert cluster.outages(NAME) == [], where
        seen = observe(NAME, NAMESPACE)
        assert (seen is not None) == bool(served), where
        if seen is not None:
            assert (seen.version, seen.candidate, seen.phase) == (*served, None, "served"), where
            assert seen.deployer == "", where


@pytest.fixture
def trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> Iterator[Callable[[Scenario], Trial]]:
    """Makes trials; the one before is closed each time."""
    with ExitStack() as stack:

        def make(scenario: Scenario) -> Trial:
            stack.close()
            folder = Path(mkdtemp(dir=tmp_path))
            cluster = Cluster(folder, namespaces=(NAMESPACE,), gateway_api=scenario.gateway_api)
            stack.callback(cluster.close)
            monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
            made = Trial(scenario, bundles, cluster)
            made.prepare()
            return made

        yield make


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_deploy_killed_at_any_call_and_run_again_ends_well(
    trial: Callable[[Scenario], Trial], name: str
) -> None:
    scenario = SCENARIOS[name]
    calls: list[str] = []
    for at in count(1):
        one = trial(scenario)
        killed = one.run_killed(at, "arrived")
        if killed is None:
            # It came to its end: there is no such call.
            break
        calls.append(f"{killed.verb} {killed.resource}")
        one.run_again()
        one.check(f"killed before call {at}, {calls[-1]}")
        if killed.verb in WRITES:
            one = trial(scenario)
            killed = one.run_killed(at, "done")
            one.run_again()
            one.check(f"killed after call {at}, {killed}")
    one.check("not killed")
    assert len(calls) > 10
    assert {"patch inferenceservices", "update leases"} <= set(calls)
    assert ("list pods" in calls) is not scenario.only_writes


@pytest.mark.parametrize("seed", range(12))
def test_deploy_killed_again_and_again_ends_well(
    trial: Callable[[Scenario], Trial], seed: int
) -> None:
    """Whoever clears up after a killed one may be killed as well."""
    chosen = random.Random(seed)
    one = trial(chosen.choice(list(SCENARIOS.values())))
    for _ in range(3):
        moment: Moment = chosen.choice(["arrived", "done"])
        one.run_killed(chosen.randrange(3, 40), moment)
        expire_lease(one.cluster)
    one.run_again()
    one.check(f"seed {seed}")
