"""The way back on KServe that is disturbed: told to end, or its Lease in other hands."""

import os
import signal
from dataclasses import replace

import pytest

from components.errors import DeployError
from components.termination import terminable
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import NAME, NAMESPACE, PACE, Bundles, check_served, deploy, service_of


class Withdrawal:
    """Tells when the candidate, which had a share of the traffic, has none any more."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._had_a_share = False

    def is_over(self) -> bool:
        """To be asked at every change of the InferenceService."""
        entries = service_of(self._cluster)["spec"].get("canary") or [{"trafficPercent": 0}]
        share = entries[0]["trafficPercent"]
        self._had_a_share = self._had_a_share or bool(share)
        return self._had_a_share and not share


def _outcome(bundles: Bundles) -> int:
    """Runs in a child, which must end here whatever comes, and run nothing of the test's."""
    try:
        with terminable():
            deploy(bundles.release(2))
    except DeployError as exc:
        return 3 if "was put back, version 1 is served" in str(exc) else 1
    except BaseException:
        return 2
    return 0


def test_way_back_is_gone_to_its_end_by_who_is_told_to_end_meanwhile(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Argo ends a task at its deadline, which may come while it puts back what failed."""
    deploy(bundles.release(1))
    cluster.behave(2, "erring")
    ready, go = os.pipe()
    child = os.fork()
    if not child:
        os.read(ready, 1)
        os._exit(_outcome(bundles))
    told: list[Call] = []
    withdrawal = Withdrawal(cluster)

    def end(call: Call) -> None:
        if withdrawal.is_over() and not told:
            told.append(call)
            os.kill(child, signal.SIGTERM)

    cluster.api.on_call(end, moment="done", verbs=["patch"])
    os.write(go, b".")
    _, status = os.waitpid(child, 0)
    cluster.api.on_call(None)
    os.close(ready)
    os.close(go)
    assert told
    assert os.waitstatus_to_exitcode(status) == 3
    check_served(cluster, 1)
    assert "canary" not in service_of(cluster)["spec"]


def test_way_back_stops_where_its_lease_is_in_other_hands(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever holds it now takes the candidate away, or has it go on."""
    deploy(bundles.release(1))
    cluster.behave(2, "erring")
    withdrawal, after = Withdrawal(cluster), list[Call]()

    def steal(call: Call) -> None:
        if after:
            after.append(call)
        elif withdrawal.is_over():
            after.append(call)
            lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
            assert lease is not None
            lease["spec"]["holderIdentity"] = "somebody else"
            cluster.api.put(lease)
            # Its route still gives it what it had, so that this is waited for.
            cluster.pause()

    cluster.api.on_call(steal, moment="done", verbs=["patch", "update"])
    with pytest.raises(DeployError) as caught:
        deploy(bundles.release(2), pace=replace(PACE, lease_s=1.5))
    cluster.api.on_call(None)
    cluster.resume()
    assert "its holder is 'somebody else' now" in str(caught.value)
    assert {call.verb for call in after[1:]} == {"update"}
    assert "canary" in service_of(cluster)["spec"]
    assert "taking the candidate away" not in caplog.text
