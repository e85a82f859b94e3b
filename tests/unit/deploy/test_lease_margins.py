"""How much time a Lease leaves its holder, and what it forgives: counted on the safe side.

Whoever waits for a Lease counts from what it saw last, so its holder has to count from before its
own call: an answer that comes late must not make it believe that it may write for longer.
"""

import time

import pytest

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.pace import Pace, Patience
from components.errors import DeployError
from tests.kubernetes_api import Api, Call
from tests.serving import wait_for

SPACE = "models"
NAME = "kubeloop-churn"
# Renewed by the test alone: a third of it is longer than any test takes.
LONG = Pace(poll_s=0.01, lease_s=600, queue_s=30, retry_s=0.01)
# Two thirds of it are over before any server has answered.
HASTY = Pace(poll_s=0.01, lease_s=1e-6, queue_s=30, retry_s=0.01)


@pytest.fixture
def api(kubernetes_api: Api) -> ClusterApi:
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    return connect(Patience(first_wait_s=0.01))


def arrivals(kubernetes_api: Api, verb: str) -> list[float]:
    """When such calls for the Lease came to the server, on the clock that its holder counts by."""
    seen: list[float] = []
    kubernetes_api.on_call(lambda _: seen.append(time.monotonic()), moment="arrived", verbs=[verb])
    return seen


def updates(kubernetes_api: Api) -> list[int]:
    """How the server answered the updates."""
    return [call.status for call in kubernetes_api.calls if call.verb == "update"]


def edit(kubernetes_api: Api, annotation: str) -> None:
    """Annotates the Lease, as a person with kubectl may at any time."""
    found = kubernetes_api.get("Lease", NAME, SPACE)
    assert found is not None
    found["metadata"].setdefault("annotations", {})[annotation] = "seen"
    kubernetes_api.put(found)


def annotations_of(kubernetes_api: Api) -> set[str]:
    found = kubernetes_api.get("Lease", NAME, SPACE)
    assert found is not None
    return set(found["metadata"].get("annotations") or {})


def lose(lease: Lease, kubernetes_api: Api) -> None:
    """Has another deployment take the Lease over, and its former holder learn of it."""
    found = kubernetes_api.get("Lease", NAME, SPACE)
    assert found is not None
    found["spec"]["holderIdentity"] = "other"
    kubernetes_api.put(found)
    with pytest.raises(LeaseLostError, match="its holder is 'other' now"):
        lease.renew()


@pytest.mark.parametrize("verb", ["create", "update"])
def test_lease_that_is_taken_counts_from_before_its_call(
    api: ClusterApi, kubernetes_api: Api, verb: str
) -> None:
    """Made where there is none yet, taken where somebody gave it back."""
    if verb == "update":
        with Lease(api, SPACE, "churn", LONG):
            pass
    arrived = arrivals(kubernetes_api, verb)
    with Lease(api, SPACE, "churn", LONG) as lease:
        assert len(arrived) == 1
        assert lease._renewed <= arrived[0]


def test_renewal_counts_from_before_its_call(api: ClusterApi, kubernetes_api: Api) -> None:
    with Lease(api, SPACE, "churn", LONG) as lease:
        arrived = arrivals(kubernetes_api, "update")
        taken = lease._renewed
        lease.renew()
        assert len(arrived) == 1
        assert taken < lease._renewed <= arrived[0]


def test_renewals_that_each_take_too_long_stop_their_holder(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    """Each succeeds, and the time that it gives is over by its answer."""
    said = "it could not be renewed in time"
    with Lease(api, SPACE, "churn", HASTY) as lease, pytest.raises(LeaseLostError, match=said):
        lease.check()
    assert len(updates(kubernetes_api)) > 3
    # The server notes the last one's status after it has answered.
    assert wait_for(lambda: set(updates(kubernetes_api)) == {200})


def test_renewal_that_took_too_long_is_made_again(api: ClusterApi, kubernetes_api: Api) -> None:
    """One slow answer is no reason to give a deployment up."""
    pace = Pace(poll_s=0.01, lease_s=1.5, queue_s=30, retry_s=0.01)
    slow: list[float] = []

    def be_slow(_: Call) -> None:
        if slow:
            return
        slow.append(time.monotonic())
        # Nobody is answered meanwhile: the server is busy, until the holder's time is over.
        while time.monotonic() - slow[0] <= pace.lease_s * 2 / 3:
            time.sleep(0.01)

    with Lease(api, SPACE, "churn", pace) as lease:
        kubernetes_api.on_call(be_slow, moment="done", verbs=["update"])
        lease._renewed -= 50
        lease.check()
        kubernetes_api.on_call(None)
        assert lease._renewed > slow[0]


def test_lease_that_others_annotate_meanwhile_is_renewed_nevertheless(
    api: ClusterApi, kubernetes_api: Api
) -> None:
    edits: list[str] = []

    def be_quicker(_: Call) -> None:
        if len(edits) < 4:
            edits.append(f"seen-by-{len(edits)}")
            edit(kubernetes_api, edits[-1])

    with Lease(api, SPACE, "churn", LONG) as lease:
        kubernetes_api.on_call(be_quicker, moment="arrived", verbs=["update"])
        lease.renew()
        kubernetes_api.on_call(None)
        assert wait_for(lambda: updates(kubernetes_api) == [409] * 4 + [200])
        assert annotations_of(kubernetes_api) == set(edits)


def test_lease_that_never_stops_changing_is_told(api: ClusterApi, kubernetes_api: Api) -> None:
    said = "the Lease 'kubeloop-churn' changes faster than it can be renewed"
    with Lease(api, SPACE, "churn", LONG) as lease:
        kubernetes_api.on_call(
            lambda _: edit(kubernetes_api, f"at-{time.monotonic()}"),
            moment="arrived",
            verbs=["update"],
        )
        with pytest.raises(DeployError, match=said):
            lease.renew()
        kubernetes_api.on_call(None)


def test_lease_in_other_hands_is_not_given_back(
    api: ClusterApi, kubernetes_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has it now is left alone: nothing more is written, as the error says."""
    with Lease(api, SPACE, "churn", LONG) as lease:
        lose(lease, kubernetes_api)
        asked = len(kubernetes_api.calls)
    assert kubernetes_api.calls[asked:] == []
    assert "lease not given back" not in caplog.text
