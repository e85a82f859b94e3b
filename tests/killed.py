"""A deployment or a rollback that is killed at one of its calls, and run again, for tests.

A process of its own does it; the API server kills it at its n-th call, by SIGKILL: before the call
is acted upon, and, where it changes something, also after it, before the answer. What it asks again
while it waits counts once between two writes: it has changed nothing in between, and a process that
is killed takes with it what it has read.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest

from components.deploy.kserve.status import observe
from components.errors import DeployError
from tests.children import Child
from tests.kubernetes_api import Call, Cluster
from tests.kubernetes_api.calls import Moment
from tests.kubernetes_api.cluster import Behaviour
from tests.rollouts import NAME, NAMESPACE, Bundles, deploy, expire_lease, go_back

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
        sweeps: whether it is killed too while it deletes the autoscalers that are left in the end,
            as it does alike however it went.
        to: the version that is rolled back to; 0 where the next one is deployed.
    """

    before: int
    behaviour: Behaviour = "ready"
    gateway_api: bool = True
    replicas: int = 1
    only_writes: bool = False
    sweeps: bool = False
    to: int = 0

    @property
    def version(self) -> int:
        """What is brought into service."""
        return self.to or self.before + 1

    @property
    def succeeds(self) -> bool:
        """Whether the new version has to be served in the end."""
        return self.behaviour in ("ready", "slow")

    @property
    def served(self) -> set[int]:
        """What has to be served in the end."""
        return {self.version} if self.succeeds else {self.before} - {0}


@dataclass
class Trial:
    """One cluster in which a version is deployed and its deployment killed."""

    scenario: Scenario
    bundles: Bundles
    cluster: Cluster

    @property
    def version(self) -> int:
        """What is deployed."""
        return self.scenario.version

    def prepare(self) -> None:
        """Has the version before served, and says how the new one behaves."""
        self.bundles.put_into(self.cluster)
        # Where one is rolled back to, it has served before.
        for version in sorted({self.scenario.to, self.scenario.before} - {0}):
            self._deploy(version)
        self.cluster.behave(self.version, self.scenario.behaviour)

    def run(self) -> None:
        """Deploys, or rolls back."""
        if not self.scenario.to:
            self._deploy(self.version)
            return
        replicas = self._replicas
        go_back(self.bundles.release(self.version), told=self._expect, replicas=replicas)

    def _deploy(self, version: int) -> None:
        deploy(self.bundles.release(version), replicas=self._replicas)

    def _expect(self, served: int) -> None:
        """Holds what is told to who chooses against what may serve then."""
        assert served in (self.scenario.before, self.version)

    @property
    def _replicas(self) -> dict[str, int]:
        return {"min": self.scenario.replicas, "max": self.scenario.replicas + 2}

    def run_killed(
        self, at: int, moment: Moment, *, repeated: bool = False, sweeping: bool | None = None
    ) -> Call | None:
        """Deploys in a process that is killed at its n-th call; returns which one that was.

        Args:
            at: n, from 1.
            moment: before the call is acted upon, or after.
            repeated: whether what it asks again while it waits counts each time.
            sweeping: whether calls count from the first for autoscalers on, or those before it;
                None for all of them.

        Returns:
            None where the deployment came to its end before.
        """
        seen: list[Call] = []
        asked: set[tuple[str, ...]] = set()
        is_swept = False
        child = Child(self._outcome)

        def kill(call: Call) -> str | None:
            nonlocal is_swept
            is_swept = is_swept or call.resource == "horizontalpodautoscalers"
            if sweeping is not None and is_swept is not sweeping:
                return None
            about = (call.verb, call.resource, call.subresource, call.name)
            if call.verb in WRITES:
                asked.clear()
            elif about in asked and not repeated:
                return None
            else:
                asked.add(about)
            seen.append(call)
            if len(seen) != at:
                return None
            child.send(signal.SIGKILL)
            return "drop"

        verbs = WRITES if self.scenario.only_writes else None
        self.cluster.api.on_call(kill, moment=moment, verbs=verbs)
        child.begin()
        status = child.end()
        self.cluster.api.on_call(None)
        if status == -signal.SIGKILL:
            return seen[at - 1]
        assert status == (0 if self.scenario.succeeds else 1)
        return None

    def _outcome(self) -> int:
        try:
            self.run()
        except DeployError:
            return 1
        return 0

    def run_again(self) -> None:
        """Deploys once more, when the Lease of the killed one has run out."""
        expire_lease(self.cluster)
        try:
            self.run()
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
        there = {kind: self._names(kind) for kind in ("Deployment", "HorizontalPodAutoscaler")}
        assert there["HorizontalPodAutoscaler"] == there["Deployment"], where
        seen = observe(NAME, NAMESPACE)
        assert (seen is not None) == bool(served), where
        if seen is not None:
            assert (seen.version, seen.candidate, seen.phase) == (*served, None, "served"), where
            assert seen.deployer == "", where

    def _names(self, kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in self.cluster.api.list(kind, NAMESPACE)}


@contextmanager
def trials(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> Iterator[Callable[[Scenario], Trial]]:
    """Makes trials; the one before is closed each time."""
    with ExitStack() as stack:

        def make(scenario: Scenario) -> Trial:
            stack.close()
            place = Path(mkdtemp(dir=folder))
            cluster = Cluster(place, namespaces=(NAMESPACE,), gateway_api=scenario.gateway_api)
            stack.callback(cluster.close)
            monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
            made = Trial(scenario, bundles, cluster)
            made.prepare()
            return made

        yield make


def kill_at_each(
    trial: Callable[[Scenario], Trial], scenario: Scenario, *, sweeping: bool
) -> list[str]:
    """Kills a deployment at each call, one trial for each; returns which those were."""
    calls: list[str] = []
    for at in count(1):
        one = trial(scenario)
        killed = one.run_killed(at, "arrived", sweeping=sweeping)
        if killed is None:
            # It came to its end: there is no such call.
            break
        calls.append(f"{killed.verb} {killed.resource}")
        one.run_again()
        one.check(f"killed before call {at}, {calls[-1]}")
        if killed.verb in WRITES:
            one = trial(scenario)
            killed = one.run_killed(at, "done", sweeping=sweeping)
            one.run_again()
            one.check(f"killed after call {at}, {killed}")
    one.check("not killed")
    return calls
