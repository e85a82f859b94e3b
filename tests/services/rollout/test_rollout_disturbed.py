"""The way back on KServe that is disturbed: told to end, or its Lease in other hands."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.guarding import or_back
from components.deploy.kserve.journal import ANNOTATION
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.newcomer import Newcomer
from components.deploy.kserve.site import site
from components.deploy.kserve.variants import candidate_of, stable_of
from components.errors import DeployError
from components.termination import terminable
from tests.children import Child
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    go_back,
    service_of,
    spec,
)


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
    try:
        with terminable():
            deploy(bundles.release(2))
    except DeployError as exc:
        return 3 if "was put back, version 1 is served" in str(exc) else 1
    return 0


def test_way_back_is_gone_to_its_end_by_who_is_told_to_end_meanwhile(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Argo ends a task at its deadline, which may come while it puts back what failed."""
    deploy(bundles.release(1))
    cluster.behave(2, "erring")
    child = Child(lambda: _outcome(bundles))
    told: list[Call] = []
    withdrawal = Withdrawal(cluster)

    def end(call: Call) -> None:
        if withdrawal.is_over() and not told:
            told.append(call)
            child.send(signal.SIGTERM)

    cluster.api.on_call(end, moment="done", verbs=["patch"])
    child.begin()
    status = child.end()
    cluster.api.on_call(None)
    assert told
    assert status == 3
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


def _rolled_back(bundles: Bundles, said: Path) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with said.open("w", encoding="utf-8") as told:
            go_back(bundles.release(1), say=lambda text: print(text, file=told, flush=True))
    except DeployError as exc:
        return 3 if "version 1 of 'fares' was put back, version 2 is served" in str(exc) else 1
    return 0


def test_way_back_is_gone_to_its_end_by_who_presses_ctrl_c_and_is_told_so_once(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    """It was promoted, and fails: what served before comes back beside it, and is promoted."""
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    child = Child(lambda: _rolled_back(bundles, tmp_path / "said"))
    failed: list[Call] = []
    pressed: list[Call] = []

    def press(call: Call) -> None:
        service = service_of(cluster)
        if failed:
            pressed.append(call)
            child.send(signal.SIGINT)
        elif stable_of(service).version == 1 and candidate_of(service) is None:
            failed.append(call)
            cluster.api.fail("list", "/pods", status=403)

    cluster.api.on_call(press, moment="done", verbs=["patch"])
    child.begin()
    status = child.end()
    cluster.api.on_call(None)
    assert len(pressed) == 2
    assert status == 3
    check_served(cluster, 2)
    assert "canary" not in service_of(cluster)["spec"]
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    begun, again = (text for text in said if "putting version 2 back" in text)
    assert begun.startswith("putting version 2 back: ")
    assert "cannot list pods" in begun
    assert again == "still putting version 2 back; ended now it would be left half done"


def test_deployment_that_is_told_to_end_before_its_first_change_takes_nothing_away(
    plain: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    before = service_of(plain)
    child = Child(lambda: _outcome(bundles))
    told: list[Call] = []

    def end(call: Call) -> None:
        lease = plain.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
        assert lease is not None
        if not told and '"rolling"' in lease["metadata"]["annotations"][ANNOTATION]:
            told.append(call)
            child.send(signal.SIGTERM)

    plain.api.on_call(end, moment="done", verbs=["update"])
    child.begin()
    child.end()
    plain.api.on_call(None)
    assert told
    check_served(plain, 1)
    assert service_of(plain)["spec"] == before["spec"]
    deploy(bundles.release(2))
    check_served(plain, 2)


def test_failure_before_anything_is_on_record_takes_nothing_away(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    api = connect(PACE.patience)
    new = Newcomer(spec(), 2, rendered={}, manifest=None, steps=(), watched=False)
    with Lease(api, NAMESPACE, NAME, PACE) as lease:
        place = site(api, lease, NAMESPACE, spec(), pace=PACE)
        with pytest.raises(ZeroDivisionError), or_back(place, new):
            raise ZeroDivisionError
    check_served(cluster, 1)
