"""The Lease that keeps two deployments of one model apart, on a real HTTP API."""

import os
import signal
import time
from typing import Any

import pytest

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_errors import ApiError
from components.deploy.kserve.cluster_resources import Resource
from components.deploy.kserve.journal import ANNOTATION, Good, Journal
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.lease_document import holder_of
from components.deploy.kserve.pace import Pace, Patience
from components.errors import DeployError
from tests.kubernetes_api import Api, Call
from tests.serving import wait_for

SPACE = "models"
PACE = Pace(poll_s=0.01, lease_s=30, queue_s=30, retry_s=0.01)
GOOD = Good(version=3, predictor={"name": "v3"})


@pytest.fixture
def api(kubernetes_api: Api) -> ClusterApi:
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    return connect(Patience(first_wait_s=0.01))


def lying(kubernetes_api: Api) -> dict[str, Any]:
    found = kubernetes_api.get("Lease", "kubeloop-churn", SPACE)
    assert found is not None
    return found


def held(kubernetes_api: Api, *, renewed: str, duration: int) -> None:
    spec = {"holderIdentity": "other", "renewTime": renewed, "leaseDurationSeconds": duration}
    metadata = {"name": "kubeloop-churn", "namespace": SPACE}
    document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    kubernetes_api.put(document | {"spec": spec})


def test_lease_is_held_and_given_back(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", PACE):
        during = lying(kubernetes_api)
    assert holder_of(during)
    assert during["spec"]["leaseDurationSeconds"] == 30
    assert holder_of(lying(kubernetes_api)) == ""


def test_journal_outlives_its_deployment(api: ClusterApi) -> None:
    kept = Journal(phase="rolling", version=4, newest=3, good=GOOD)
    with Lease(api, SPACE, "churn", PACE) as lease:
        assert lease.journal == Journal()
        lease.keep(kept)
    with Lease(api, SPACE, "churn", PACE) as lease:
        assert lease.journal == kept


def test_journal_that_is_none_names_the_lease(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", PACE):
        pass
    found = lying(kubernetes_api)
    found["metadata"]["annotations"] = {ANNOTATION: '{"phase": "asleep"}'}
    kubernetes_api.put(found)
    said = "'kubeloop/rollout' of the Lease 'kubeloop-churn' is not what deploy wrote"
    with pytest.raises(DeployError, match=said), Lease(api, SPACE, "churn", PACE):
        pass


@pytest.mark.parametrize("refused", [False, True])
def test_lease_whose_journal_is_none_is_given_back(
    api: ClusterApi, kubernetes_api: Api, caplog: pytest.LogCaptureFixture, *, refused: bool
) -> None:
    """Whoever removes it, as the message says, does not wait for a Lease that nobody holds."""
    with Lease(api, SPACE, "churn", PACE):
        pass
    found = lying(kubernetes_api)
    found["metadata"]["annotations"] = {ANNOTATION: "asleep"}
    kubernetes_api.put(found)

    def refuse(_: Call) -> None:
        kubernetes_api.fail("update", "leases", status=403)

    if refused:
        kubernetes_api.on_call(refuse, moment="done", verbs=["update"])
    with (
        pytest.raises(DeployError, match="is not what deploy wrote"),
        Lease(api, SPACE, "churn", PACE),
    ):
        pass
    kubernetes_api.on_call(None)
    assert bool(lying(kubernetes_api)["spec"]["holderIdentity"]) is refused
    assert ("lease not given back, it runs out by itself" in caplog.text) is refused
    assert lying(kubernetes_api)["metadata"]["annotations"] == {ANNOTATION: "asleep"}


@pytest.mark.parametrize("verb", ["create", "update"])
def test_lease_that_was_taken_for_who_is_stopped_meanwhile_is_given_back(
    api: ClusterApi, kubernetes_api: Api, verb: str
) -> None:
    if verb == "update":
        with Lease(api, SPACE, "churn", PACE):
            pass
    said: list[str] = []
    taken: list[str] = []
    # The answer comes when the signal has been raised, so that nobody reads it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def stop(_: Call) -> None:
        if not taken:
            taken.append(lying(kubernetes_api)["spec"]["holderIdentity"])
            os.kill(os.getpid(), signal.SIGINT)

    kubernetes_api.on_call(stop, moment="done", verbs=[verb])
    try:
        with pytest.raises(KeyboardInterrupt), Lease(api, SPACE, "churn", PACE, say=said.append):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
        kubernetes_api.on_call(None)
    assert taken != [""]
    assert said == ["nothing was changed"]
    assert lying(kubernetes_api)["spec"]["holderIdentity"] == ""


def test_lease_that_nobody_renews_is_taken_over(api: ClusterApi, kubernetes_api: Api) -> None:
    """By the own clock: that of the other one may be wrong by minutes."""
    ahead = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 100))
    held(kubernetes_api, renewed=ahead, duration=1)
    with Lease(api, SPACE, "churn", PACE):
        spec = lying(kubernetes_api)["spec"]
        assert spec["holderIdentity"] != "other"
        assert spec["leaseTransitions"] == 1


def test_lease_is_not_taken_from_whose_clock_is_behind(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    held(kubernetes_api, renewed="2026-01-01T00:00:00.000000Z", duration=30)
    said = "'other' holds the Lease"
    with (
        pytest.raises(DeployError, match=said),
        Lease(api, SPACE, "churn", Pace(queue_s=0.05, poll_s=0.01)),
    ):
        pass
    assert lying(kubernetes_api)["spec"]["holderIdentity"] == "other"
    assert holder_of(lying(kubernetes_api)) == ""


def test_lease_that_is_held_is_waited_for_and_left_alone(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    with Lease(api, SPACE, "churn", PACE):
        holder = lying(kubernetes_api)["spec"]["holderIdentity"]
        said = f"another deployment of 'churn' goes on: '{holder}' holds the Lease"
        with (
            pytest.raises(DeployError, match=said),
            Lease(api, SPACE, "churn", Pace(poll_s=0.01, queue_s=0.1)),
        ):
            pass
        assert lying(kubernetes_api)["spec"]["holderIdentity"] == holder


def test_lease_is_renewed_while_it_is_held(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", Pace(lease_s=0.3, poll_s=0.01)):
        first = lying(kubernetes_api)["spec"]["renewTime"]
        assert wait_for(lambda: lying(kubernetes_api)["spec"]["renewTime"] != first)


@pytest.mark.parametrize("verb", ["create", "update"])
def test_lost_answer_to_an_own_write_loses_nothing(
    api: ClusterApi, kubernetes_api: Api, verb: str
) -> None:
    kubernetes_api.cut(verb, "leases", acted=True)
    with Lease(api, SPACE, "churn", PACE) as lease:
        lease.keep(Journal(version=2))
        lease.check()
    assert ANNOTATION in lying(kubernetes_api)["metadata"]["annotations"]


def test_lease_in_other_hands_stops_its_former_holder(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", PACE) as lease:
        held(kubernetes_api, renewed="2026-11-21T10:00:00.000000Z", duration=30)
        with pytest.raises(LeaseLostError, match="its holder is 'other' now"):
            lease.renew()
        with pytest.raises(LeaseLostError):
            lease.check()
    assert lying(kubernetes_api)["spec"]["holderIdentity"] == "other"


def test_overdue_renewal_is_made_up_for(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", Pace(lease_s=60, poll_s=0.01)) as lease:
        first = lying(kubernetes_api)["spec"]["renewTime"]
        lease._renewed -= 50
        lease.check()
        assert lying(kubernetes_api)["spec"]["renewTime"] != first
        lease._renewed -= 50
        held(kubernetes_api, renewed="2026-11-21T10:00:00.000000Z", duration=30)
        with pytest.raises(LeaseLostError, match="its holder is 'other' now"):
            lease.check()


def test_list_that_grows_too_old_each_time_is_given_up(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    for number in range(501):
        metadata = {"name": f"churn-{number}", "namespace": SPACE}
        kubernetes_api.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    secrets = Resource("secrets")
    kubernetes_api.fail("list", "continue=", status=410, times=2)
    assert len(api.list(secrets, SPACE)) == 501
    kubernetes_api.fail("list", "continue=", status=410, times=20)
    with pytest.raises(ApiError) as caught:
        api.list(secrets, SPACE)
    assert caught.value.status == 410


def test_lease_that_cannot_be_renewed_in_time_stops_its_holder(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    with Lease(api, SPACE, "churn", Pace(lease_s=0.3, poll_s=0.01)) as lease:
        kubernetes_api.fail("update", "leases", status=403, times=-1)
        with pytest.raises(LeaseLostError, match="it could not be renewed in time"):
            wait_for(lambda: lease.check(), 20)
        kubernetes_api.release()
