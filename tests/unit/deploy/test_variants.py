"""The documents that change an InferenceService."""

from typing import Any

import pytest

from components.deploy.kserve.variants import (
    Variant,
    candidate_of,
    good_of,
    pods_for,
    settled,
    stable_of,
    with_candidate,
    with_predictor,
)


def predictor(version: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"v{version}",
        "minReplicas": 1,
        "maxReplicas": 3,
        "scaleMetric": "cpu",
        "scaleTarget": 80,
        "labels": {"app.kubernetes.io/version": str(version)},
        "model": {"storageUri": f"s3://bucket/{version}"},
        **changes,
    }


def service(stable: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "churn",
            "namespace": "models",
            "resourceVersion": "7",
            "annotations": {
                "serving.kserve.io/deploymentMode": "Standard",
                "serving.kserve.io/autoscalerClass": "hpa",
                "team": "rides",
            },
            "labels": {"app.kubernetes.io/part-of": "kubeloop", "team": "rides"},
        },
        "spec": {"predictor": stable, **({"canary": list(entries)} if entries else {})},
    }


def placed(least: int, *, percent: int, pods: int, **changes: Any) -> dict[str, Any]:
    found = service(predictor(1, minReplicas=least, **changes))
    document = with_candidate(found, good_of(found), predictor(2), percent=percent, pods=pods)
    spec: dict[str, Any] = document["spec"]
    return spec


def test_variants_of_a_service_with_a_candidate() -> None:
    found = service(predictor(1), {"predictor": predictor(2), "trafficPercent": 10})
    assert stable_of(found) == Variant("churn", "v1", 1, 90)
    candidate = candidate_of(found)
    assert candidate == Variant("churn", "v2", 2, 10)
    assert candidate.service == "churn-v2-predictor"
    assert candidate.selector == "app=isvc.churn-v2-predictor,app.kubernetes.io/version=2"


def test_variants_of_a_service_that_kserve_names_by_default() -> None:
    found = service(predictor(1, name="", labels={}))
    stable = stable_of(found)
    assert (stable.version, stable.percent, stable.service) == (0, 100, "churn-predictor")
    assert stable.selector == "app=isvc.churn-predictor"
    assert candidate_of(found) is None


@pytest.mark.parametrize(
    ("percent", "stable", "expected"),
    [(0, 5, 1), (10, 1, 1), (10, 5, 1), (50, 5, 3), (100, 5, 5), (100, 0, 1)],
)
def test_pods_for_carry_the_share(percent: int, stable: int, expected: int) -> None:
    assert pods_for(percent, stable) == expected


def test_with_candidate_of_one_pod_beside_one_pod_leaves_the_stable_one_as_it_is() -> None:
    spec = placed(1, percent=0, pods=1)
    assert spec["predictor"] == predictor(1)
    entry = spec["canary"][0]
    assert entry["trafficPercent"] == 0
    assert entry["predictor"]["minReplicas"] == 1
    assert {"maxReplicas", "scaleMetric", "scaleTarget"} & set(entry["predictor"]) == set()


@pytest.mark.parametrize(
    ("least", "most", "pods", "expected"),
    [(2, 4, 1, (3, 4)), (2, 2, 1, (3, 3)), (1, 3, 3, (4, 4)), (3, 9, 3, (6, 9))],
)
def test_with_candidate_gives_the_stable_one_what_kserve_takes_from_it(
    least: int, most: int, pods: int, expected: tuple[int, int]
) -> None:
    spec = placed(least, percent=50, pods=pods, maxReplicas=most)
    stable = spec["predictor"]
    assert (stable["minReplicas"], stable["maxReplicas"]) == expected
    # KServe's admission allows a candidate no more than that.
    assert spec["canary"][0]["predictor"]["minReplicas"] <= stable["minReplicas"]


def test_documents_hold_what_is_deploys_and_the_version_that_was_read() -> None:
    document = with_predictor(service(predictor(1)), predictor(2))
    assert document["metadata"] == {
        "name": "churn",
        "namespace": "models",
        "resourceVersion": "7",
        "annotations": {
            "serving.kserve.io/autoscalerClass": "hpa",
            "serving.kserve.io/deploymentMode": "Standard",
        },
        "labels": {"app.kubernetes.io/part-of": "kubeloop"},
    }
    assert document["spec"] == {"predictor": predictor(2)}


def test_settled_takes_the_annotations_of_the_new_version() -> None:
    rendered = service(predictor(2))
    rendered["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] = "none"
    document = settled(service(predictor(2)), rendered)
    annotations = document["metadata"]["annotations"]
    assert annotations["serving.kserve.io/autoscalerClass"] == "none"


def test_documents_share_nothing_with_what_was_read() -> None:
    found = service(predictor(1))
    good = good_of(found)
    document = with_candidate(found, good, predictor(2), percent=0, pods=2)
    document["spec"]["predictor"]["model"]["storageUri"] = "elsewhere"
    assert found == service(predictor(1))
    assert good.predictor == predictor(1)
