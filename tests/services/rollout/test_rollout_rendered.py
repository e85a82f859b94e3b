"""Deployment beside versions that somebody applied by hand, as `kubeloop render` prints them."""

from typing import Any

import pytest
import yaml

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES, Call
from components.errors import DeployError
from pipelines.rendering import Wanted, render_service
from tests.kubernetes_api import Cluster
from tests.rollouts import (
    MONITOR,
    NAME,
    NAMESPACE,
    Bundles,
    check_served,
    deploy,
    service_of,
    spec,
)
from tests.serving import wait_for


@pytest.fixture
def rendered(cluster: Cluster) -> dict[str, Any]:
    """The first version, applied as `kubectl apply` does it; its predictor has no name."""
    wanted = Wanted(version=1, storage_uri="s3://mlpipeline/1", runtime="onnx")
    document: dict[str, Any] = yaml.safe_load(render_service(spec(), wanted, NAMESPACE, MONITOR))
    connect()._transport.ask(
        Call("create", INFERENCE_SERVICES, NAMESPACE, NAME),
        "POST",
        INFERENCE_SERVICES.path(NAMESPACE),
        body=document,
        query={"fieldManager": "kubectl-client-side-apply"},
    )
    assert wait_for(lambda: cluster.traffic(NAME) == {1: 100})
    return document


def fail_once_promoted(cluster: Cluster) -> None:
    """Has the next look at pods fail for good, once version 2 was promoted."""

    def fail(_: object) -> None:
        found = service_of(cluster)["spec"]
        if found["predictor"].get("name") == "v2" and "canary" not in found:
            cluster.api.on_call(None)
            cluster.api.fail("list", "/pods", status=403)

    cluster.api.on_call(fail, moment="done", verbs=["patch"])


def test_rendered_version_that_was_replaced_comes_back_under_the_name_of_the_other(
    cluster: Cluster, bundles: Bundles, rendered: dict[str, Any]
) -> None:
    """It has no name of its own by which it could come back as a candidate."""
    assert "name" not in rendered["spec"]["predictor"]
    fail_once_promoted(cluster)
    with pytest.raises(DeployError, match="version 2 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(2))
    check_served(cluster, 1)
    found = service_of(cluster)["spec"]["predictor"]
    assert found == rendered["spec"]["predictor"] | {"name": "v2"}
    # Nothing of that stands in the way of the next one.
    deploy(bundles.release(3))
    check_served(cluster, 3)


def test_rendered_version_whose_candidate_fails_stays_as_it_was_applied(
    cluster: Cluster, bundles: Bundles, rendered: dict[str, Any]
) -> None:
    cluster.behave(2, "erring")
    with pytest.raises(DeployError, match="version 2 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(2))
    check_served(cluster, 1)
    assert service_of(cluster)["spec"]["predictor"] == rendered["spec"]["predictor"]
