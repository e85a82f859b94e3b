"""One model's InferenceService, written under the Lease and by nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_errors import CONFLICT, ApiError
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import PART_OF, VERSION_LABEL
from components.errors import DeployError
from tests.kubernetes_api import Api

SPACE = "default"
PACE = Pace(poll_s=0.005, ready_s=30, retry_s=0.01)


def document(version: int, **metadata: Any) -> dict[str, Any]:
    about = {"name": "churn", "namespace": SPACE, "labels": {PART_OF: "kubeloop"}}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": about | metadata,
        "spec": {"predictor": {"labels": {VERSION_LABEL: str(version)}}},
    }


@pytest.fixture
def api(kubernetes_api: Api) -> ClusterApi:
    kubernetes_api.register("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
    return connect(PACE.patience)


@pytest.fixture
def service(api: ClusterApi) -> Iterator[KServeService]:
    """The model's, whose Lease is held."""
    with Lease(api, SPACE, "churn", PACE) as lease:
        yield KServeService(api, SPACE, "churn", lease=lease, pace=PACE)


def steal_lease(kubernetes_api: Api) -> None:
    lease = kubernetes_api.get("Lease", "kubeloop-churn", SPACE)
    assert lease is not None
    lease["spec"]["holderIdentity"] = "somebody else"
    kubernetes_api.put(lease)


def uid_of(kubernetes_api: Api) -> str:
    found = kubernetes_api.get("InferenceService", "churn", SPACE)
    return str(found["metadata"]["uid"]) if found else ""


def write(service: KServeService, verb: str, uid: str) -> None:
    if verb == "create":
        service.create(document(1))
    elif verb == "change":
        service.change(lambda now: document(2))
    else:
        service.delete(document(1, uid=uid))


@pytest.mark.parametrize("verb", ["create", "change", "delete"])
def test_nothing_is_written_by_who_lost_the_lease_without_knowing(
    service: KServeService, kubernetes_api: Api, verb: str
) -> None:
    if verb != "create":
        kubernetes_api.put(document(1))
    found = kubernetes_api.get("InferenceService", "churn", SPACE)
    uid = uid_of(kubernetes_api)
    steal_lease(kubernetes_api)
    with pytest.raises(LeaseLostError, match="its holder is 'somebody else' now"):
        write(service, verb, uid)
    assert kubernetes_api.get("InferenceService", "churn", SPACE) == found


@pytest.mark.parametrize(
    ("version", "is_leaving", "said"),
    [
        (1, False, ""),
        (2, False, "came to be while version 1 .*, and serves version 2"),
        (1, True, "came to be while version 1 was to be its first one"),
    ],
    ids=["own", "anothers", "own-that-is-being-deleted"],
)
def test_first_apply_whose_answer_was_lost_takes_its_own_alone(
    service: KServeService,
    api: ClusterApi,
    kubernetes_api: Api,
    version: int,
    is_leaving: bool,
    said: str,
) -> None:
    there = document(version, finalizers=["inferenceservice"])
    kubernetes_api.put(there)
    if is_leaving:
        api.delete(INFERENCE_SERVICES, SPACE, "churn", uid_of(kubernetes_api))
    kubernetes_api.cut("patch", "inferenceservices", acted=False)
    if not said:
        assert service.create(document(1))["spec"] == there["spec"]
        return
    with pytest.raises(LeaseLostError, match=said):
        service.create(document(1))
    found = kubernetes_api.get("InferenceService", "churn", SPACE)
    assert found is not None
    assert found["spec"] == there["spec"]


def test_candidate_that_kserve_does_not_know_and_leaves_out_is_no_candidate(
    service: KServeService, kubernetes_api: Api
) -> None:
    """A server prunes what its schema does not know, without a word to who asks for none."""
    kubernetes_api.put(document(1))
    admissions = kubernetes_api.server.resources.admissions
    admissions.append(lambda kind, old, new, options: new.get("spec", {}).pop("canary", None))
    entry = {"predictor": {"name": "v2"}, "trafficPercent": 0}
    with pytest.raises(DeployError, match=r"knows no spec.canary: .*; KServe 0.21 or newer"):
        service.change(
            lambda now: document(1) | {"spec": now["spec"] | {"canary": [entry]}},
        )


def test_delete_takes_that_very_resource_alone(api: ClusterApi, kubernetes_api: Api) -> None:
    """One of the same name that came since is somebody else's."""
    kubernetes_api.put(document(1))
    uid = uid_of(kubernetes_api)
    with pytest.raises(ApiError) as refused:
        api.delete(INFERENCE_SERVICES, SPACE, "churn", "another-uid")
    assert refused.value.reason == CONFLICT
    assert uid_of(kubernetes_api) == uid
    api.delete(INFERENCE_SERVICES, SPACE, "churn", uid)
    assert uid_of(kubernetes_api) == ""
    api.delete(INFERENCE_SERVICES, SPACE, "churn", uid)
