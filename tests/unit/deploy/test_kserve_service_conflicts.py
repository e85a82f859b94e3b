"""Changes of an InferenceService that somebody else changes too, on a real HTTP API."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES, Call
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import PART_OF
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.serving import wait_for

SPACE = "default"
PACE = Pace(poll_s=0.005, ready_s=30, retry_s=0.01)


@pytest.fixture
def api(kubernetes_api: Api) -> ClusterApi:
    kubernetes_api.register("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
    return connect(PACE.patience)


@pytest.fixture
def service(api: ClusterApi) -> Iterator[KServeService]:
    """The model's, which has two replicas; its Lease is held."""
    with Lease(api, SPACE, "churn", PACE) as lease:
        made = KServeService(api, SPACE, "churn", lease=lease, pace=PACE)
        made.create(with_replicas(2, {}))
        yield made


def with_replicas(count: int, found: dict[str, Any]) -> dict[str, Any]:
    """The document that deploy applies, made from the one that was read."""
    metadata = {"name": "churn", "namespace": SPACE, "labels": {PART_OF: "kubeloop"}}
    if version := found.get("metadata", {}).get("resourceVersion"):
        metadata |= {"resourceVersion": version}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": {"minReplicas": count}},
    }


def lying(kubernetes_api: Api) -> dict[str, Any]:
    found = kubernetes_api.get("InferenceService", "churn", SPACE)
    assert found is not None
    return found


def edit_by_hand(api: ClusterApi, kubernetes_api: Api) -> None:
    """Sets the replicas with `kubectl edit`, which makes kubectl the field's owner."""
    edited = lying(kubernetes_api)
    edited["metadata"].pop("managedFields")
    edited["spec"]["predictor"]["minReplicas"] = 9
    api._transport.ask(
        Call("update", INFERENCE_SERVICES, SPACE, "churn"),
        "PUT",
        INFERENCE_SERVICES.path(SPACE, "churn"),
        body=edited,
        query={"fieldManager": "kubectl-edit"},
    )


def annotate(kubernetes_api: Api, number: int) -> None:
    """Changes the resource, and nothing that deploy has a say in."""
    found = lying(kubernetes_api)
    found["metadata"].setdefault("annotations", {})[f"seen-{number}"] = "yes"
    kubernetes_api.put(found)


def be_quicker(kubernetes_api: Api, at: set[int]) -> list[int]:
    """Has somebody annotate the resource just before some of the patches, counted from 1."""
    patches: list[int] = []

    def meddle(_: object) -> None:
        patches.append(len(patches) + 1)
        if patches[-1] in at:
            annotate(kubernetes_api, patches[-1])

    kubernetes_api.on_call(meddle, moment="arrived", verbs=["patch"])
    return patches


def test_change_that_takes_a_field_over_and_was_overtaken_is_made_again(
    service: KServeService, api: ClusterApi, kubernetes_api: Api
) -> None:
    """The second patch takes kubectl's field over by force; somebody else comes before it."""
    edit_by_hand(api, kubernetes_api)
    patches = be_quicker(kubernetes_api, {2})
    seen: list[int] = []

    def change(found: dict[str, Any]) -> dict[str, Any]:
        seen.append(found["spec"]["predictor"]["minReplicas"])
        return with_replicas(3, found)

    service.change(change)
    kubernetes_api.on_call(None)

    def statuses() -> list[int]:
        return [call.status for call in kubernetes_api.calls if call.verb == "patch"]

    # After its creation: kubectl's field, somebody's change; kubectl's field, taken over.
    assert wait_for(lambda: statuses()[1:] == [409, 409, 409, 200])
    assert len(patches) == 4
    assert seen == [9, 9]
    found = lying(kubernetes_api)
    assert found["spec"]["predictor"]["minReplicas"] == 3
    assert found["metadata"]["annotations"] == {"seen-2": "yes"}


def test_change_that_is_overtaken_each_time_names_how_to_find_out_by_whom(
    service: KServeService, kubernetes_api: Api
) -> None:
    be_quicker(kubernetes_api, set(range(1000)))
    said = "'churn' .* changes faster than it can be written: .* --show-managed-fields"
    with pytest.raises(DeployError, match=said):
        service.change(lambda found: with_replicas(3, found))
    kubernetes_api.on_call(None)
    assert lying(kubernetes_api)["spec"]["predictor"]["minReplicas"] == 2
