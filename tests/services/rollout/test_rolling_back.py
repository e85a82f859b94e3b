"""The way back to an earlier version: chosen under the Lease, and told while it lasts."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.rollout import Release
from components.errors import DeployError, StateError
from tests.kubernetes_api import Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    expire_lease,
    go_back,
    strand_at_half,
    writes,
)
from tests.serving import wait_for

TELLING = replace(PACE, told_s=0.0, queue_s=30.0)


def test_roll_back_goes_back_and_a_late_retry_does_not_undo_it(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.load(0)
    proof = go_back(bundles.release(1), canary=[10, 50])
    assert (proof.version, proof.replaced) == (1, 2)
    check_served(cluster, 1)
    with pytest.raises(DeployError, match="it was, and was rolled back, in service already"):
        deploy(bundles.release(2))
    deploy(bundles.release(3))
    check_served(cluster, 3)


def test_roll_back_without_the_bundle_trusts_the_predictors_own_proof(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    known = Release(1, "s3://mlpipeline/1", "onnx")
    proof = go_back(known)
    assert (proof.version, proof.golden_rows, proof.latency_seconds) == (1, 0, 0.0)
    check_served(cluster, 1)


def test_roll_back_to_what_fails_leaves_what_is_served(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.behave(1, "unpullable")
    with pytest.raises(DeployError, match="version 1 of 'fares' was put back, version 2 is served"):
        go_back(bundles.release(1))
    check_served(cluster, 2)


def test_roll_back_of_nothing_says_so(cluster: Cluster, bundles: Bundles) -> None:
    with pytest.raises(DeployError, match="nothing is served of 'fares' in namespace 'models'"):
        go_back(bundles.release(1))


def test_roll_back_whose_way_back_fails_for_whatever_reason_says_so(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.behave(1, "unpullable")

    def refuse(text: str) -> None:
        if text.startswith("putting version 2 back: version 1 of 'fares' does not come up"):
            msg = "nobody listens"
            raise StateError(msg)

    said = "what was served before could not be put back: nobody listens. Run the deployment again"
    with pytest.raises(DeployError, match=said):
        go_back(bundles.release(1), say=refuse)
    cluster.behave(1, "ready")
    go_back(bundles.release(1))
    check_served(cluster, 1)


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Has it done in a thread meanwhile, and to its end."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        yield
        done.result()


def test_roll_back_chooses_by_what_serves_once_it_has_the_lease(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    said: list[str] = []
    told: list[int] = []
    under_way = threading.Event()

    def introduce() -> None:
        # The deployment of version 2 holds the Lease by now.
        under_way.set()
        assert wait_for(lambda: said)

    with beside(lambda: deploy(bundles.release(2), introduce=introduce)):
        assert under_way.wait(60)
        go_back(bundles.release(1), pace=TELLING, say=said.append, told=told.append)
    assert told == [2]
    check_served(cluster, 1)


def test_roll_back_is_told_of_a_stranded_version_that_takes_traffic(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    strand_at_half(cluster, bundles.release(2), {"min": 1, "max": 1})
    expire_lease(cluster)
    said: list[str] = []
    told: list[int] = []
    go_back(bundles.release(1), say=said.append, told=told.append)
    assert told == [2]
    assert said == ["taking back what a killed deployment of version 2 left"]
    check_served(cluster, 1)


def test_roll_back_whose_choice_fails_changes_nothing(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    before = len(cluster.api.calls)

    def refuse(_: int) -> None:
        msg = "there is none"
        raise StateError(msg)

    with pytest.raises(StateError, match="there is none"):
        go_back(bundles.release(2), told=refuse)
    assert writes(cluster.api.calls[before:]) == {"leases"}
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ""


def test_roll_back_tells_once_who_holds_the_lease(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    said: list[str] = []
    with ExitStack() as held:
        held.enter_context(Lease(connect(), NAMESPACE, NAME, PACE))
        lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
        assert lease is not None
        looks = [call for call in cluster.api.calls if call.resource == "leases"]
        with beside(lambda: go_back(bundles.release(1), pace=TELLING, say=said.append)):
            more = len(looks) + 20
            assert wait_for(lambda: sum(c.resource == "leases" for c in cluster.api.calls) > more)
            held.close()
    holder = lease["spec"]["holderIdentity"]
    assert said[0] == (
        f"waiting for another deployment of 'fares' to end: {holder!r} holds the Lease "
        "'kubeloop-fares' in namespace 'models', which is free 30 s after one that was killed"
    )
    assert not [text for text in said[1:] if "Lease" in text]


def test_deployment_logs_who_holds_the_lease(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with ExitStack() as held:
        held.enter_context(Lease(connect(), NAMESPACE, NAME, PACE))
        with beside(lambda: deploy(bundles.release(1), pace=TELLING)):
            assert wait_for(lambda: "waiting for another deployment of 'fares'" in caplog.text)
            held.close()
    check_served(cluster, 1)


def test_roll_back_tells_what_it_waits_for(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.behave(1, "slow")
    # No controller looks after this one, so it stays until that is told.
    (pod,) = cluster.api.list("Pod", NAMESPACE)
    metadata = {"labels": pod["metadata"]["labels"], "namespace": NAMESPACE, "name": "stays"}
    cluster.api.put(pod | {"metadata": metadata})
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.endswith("of version 2 to leave"):
            cluster.api.remove("Pod", "stays", NAMESPACE)

    go_back(bundles.release(1), pace=TELLING, say=say)
    assert said[0].startswith("waiting for the pods of version 1: 0 of 1 are ready")
    about_pods = [text for text in said if "pods of version 1:" in text]
    # Each reason once: there is no Deployment, it has no pods, and its pod is not ready.
    assert len(about_pods) == len(set(about_pods))
    assert [text.endswith("pods of version 2 to leave") for text in said].count(True) == 1


def test_roll_back_that_takes_a_moment_tells_nothing(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    said: list[str] = []
    go_back(bundles.release(1), pace=replace(PACE, told_s=3600.0), say=said.append)
    assert said == []
