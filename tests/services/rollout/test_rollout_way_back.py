"""The way back on KServe, step by step: what each of its waits is there for."""

from dataclasses import replace
from typing import Any

import pytest

from components.deploy.kserve.variants import Variant, stable_of
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    names_of_pods,
    service_of,
)

VERSION = "app.kubernetes.io/version"


def alone(cluster: Cluster) -> int:
    """The version that the InferenceService names without a candidate beside it; else 0."""
    found = service_of(cluster)["spec"]
    return 0 if found.get("canary") else int(found["predictor"]["labels"][VERSION])


def returning(cluster: Cluster, version: int) -> bool:
    """Whether a version has come back as a candidate that is to take all of the traffic."""
    entries = service_of(cluster)["spec"].get("canary") or []
    labels = [entry["predictor"]["labels"][VERSION] for entry in entries]
    return labels == [str(version)] and entries[0]["trafficPercent"] == 100


def pod_of(cluster: Cluster) -> dict[str, Any]:
    """The only pod that there is."""
    (found,) = cluster.api.list("Pod", NAMESPACE)
    return found


def put_pod(cluster: Cluster, like: dict[str, Any], name: str, variant: Variant) -> None:
    """Puts a ready pod of a variant there, which no controller looks after."""
    labels = like["metadata"]["labels"] | dict(
        pair.split("=") for pair in variant.selector.split(",")
    )
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    cluster.api.put(like | {"metadata": metadata})


class Failure:
    """Fails a deployment of version 2 once that was promoted, or updated in place.

    Attributes:
        is_over: whether it has begun; version 1 is put back then.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.is_over = False
        self._cluster = cluster
        if cluster.gateway is None:
            # It fails in the watch, when nothing of version 1 is left.
            cluster.behave(2, "metrics_gone")

    def begin(self) -> bool:
        """Has it begin where version 2 is alone by now; says whether that is news."""
        if self.is_over or alone(self._cluster) != 2:
            return False
        self.is_over = True
        if self._cluster.gateway is not None:
            self._cluster.api.fail("list", "/pods", status=403)
        return True


def test_promoted_version_goes_once_the_route_has_left_it(
    cluster: Cluster, bundles: Bundles
) -> None:
    """KServe deletes what has no name any more before it writes the route anew."""
    deploy(bundles.release(1))
    before, first, failure = pod_of(cluster), stable_of(service_of(cluster)), Failure(cluster)
    held: list[Call] = []
    carried: list[dict[int, int]] = []

    def be_late(call: Call) -> None:
        """The controllers have the version's pod ready long before they write its route."""
        if failure.begin() or not failure.is_over:
            return
        if call.verb == "patch" and returning(cluster, 1) and not held:
            held.append(call)
            cluster.pause()
            put_pod(cluster, before, "fares-v1-at-once", first)
        elif call.resource == "httproutes" and returning(cluster, 1):
            held.append(call)
            if len(held) == 10:
                cluster.api.remove("Pod", "fares-v1-at-once", NAMESPACE)
                cluster.resume()
        elif call.verb == "patch" and alone(cluster) == 1:
            carried.append(cluster.traffic(NAME))
            cluster.resume()

    cluster.api.on_call(be_late, moment="done", verbs=["get", "patch"])
    with pytest.raises(DeployError, match="version 2 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert carried[0] == {1: 100}
    check_served(cluster, 1)


@pytest.mark.parametrize("way", ["cluster", "plain"])
def test_version_is_put_back_once_the_last_pod_of_the_other_is_gone(
    request: pytest.FixtureRequest, bundles: Bundles, way: str
) -> None:
    """Until then a pod of the failed version may answer what was asked of it before."""
    cluster: Cluster = request.getfixturevalue(way)
    deploy(bundles.release(1))
    before, failure = pod_of(cluster), Failure(cluster)
    looks: list[Call] = []
    failed: list[Variant] = []

    def leave(call: Call) -> None:
        if failure.begin():
            failed.append(stable_of(service_of(cluster)))
        if not failure.is_over or alone(cluster) != 1:
            return
        if call.verb == "patch":
            put_pod(cluster, before, "fares-v2-late", *failed)
        elif call.resource == "pods":
            looks.append(call)
            # As a pod whose last requests take their time.
            if len(looks) == 20:
                cluster.api.remove("Pod", "fares-v2-late", NAMESPACE)

    cluster.api.on_call(leave, moment="done", verbs=["list", "patch"])
    with pytest.raises(DeployError, match="version 2 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert len(looks) >= 20
    assert "fares-v2-late" not in names_of_pods(cluster)
    check_served(cluster, 1)


def test_version_that_does_not_come_back_in_place_is_not_called_served(
    plain: Cluster, bundles: Bundles
) -> None:
    """The failed one crashes meanwhile, so that nothing of it is left to be waited for."""
    deploy(bundles.release(1))
    failure = Failure(plain)

    def fail(_: Call) -> None:
        failure.begin()
        if failure.is_over and alone(plain) == 1:
            plain.behave(1, "unpullable")
            plain.behave(2, "crashing")

    plain.api.on_call(fail, moment="done", verbs=["patch"])
    said = "what was served before could not be put back: version 1 of 'fares' does not come up"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2))
    plain.api.on_call(None)
    plain.behave(1, "ready")
    deploy(bundles.release(3))
    assert plain.serving(NAME) == {3}


def test_first_version_that_fails_is_gone_when_that_is_said(
    cluster: Cluster, bundles: Bundles
) -> None:
    """As where KServe's controller, which has to finish it, is down."""
    cluster.behave(1, "unpullable")
    cluster.api.on_call(lambda _: cluster.pause(), moment="done", verbs=["delete"])
    said = "what was served before could not be put back: .*'fares' .* was deleted and is not gone"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(1), pace=replace(PACE, ready_s=0.5))
    cluster.api.on_call(None)
    cluster.resume()
    cluster.behave(1, "ready")
    deploy(bundles.release(1))
    check_served(cluster, 1)
