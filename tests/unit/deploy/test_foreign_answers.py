"""What a proxy or a load balancer answers in place of the API server, in JSON of its own form."""

import json
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_errors import (
    ApiError,
    names_what_is_missing,
    refusal,
    retry_after,
)
from components.deploy.kserve.cluster_resources import PODS, Call
from components.deploy.kserve.pace import DEPLOYMENT
from tests.foreign_answers import UNHEALTHY, answer
from tests.kubernetes_api import Api

GET = Call("get", PODS, "default", "a")
FOREIGN = {
    "details-of-text": UNHEALTHY,
    "details-of-a-list": {"message": "upstream down", "details": ["no healthy upstream"]},
    "causes-of-text": {"message": "upstream down", "details": {"causes": ["no upstream"]}},
    "causes-of-a-number": {"message": "upstream down", "details": {"causes": 3}},
    "message-of-fields": {"message": {"upstream": "down"}, "reason": ["upstream"], "code": "x"},
    "message-of-null": {"message": None, "details": None, "upstream": "down"},
    "a-list": [{"message": "upstream down"}],
    "a-text": "upstream down",
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_foreign_answer_is_asked_again(kubernetes_api: Api, body: Any) -> None:
    answer(kubernetes_api, body, times=2)
    waits: list[float] = []
    assert connect(DEPLOYMENT, waits.append).get(PODS, "default", "a") is None
    assert len(waits) == 2


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_foreign_answer_that_stays_ends_in_a_sentence(kubernetes_api: Api, body: Any) -> None:
    answer(kubernetes_api, body, times=-1)
    waits: list[float] = []
    said = "cannot get pods 'a' in .*'default': .*upstream.*down"
    with pytest.raises(ApiError, match=said) as caught:
        connect(DEPLOYMENT, waits.append).get(PODS, "default", "a")
    error = caught.value
    assert (error.status, error.reason, error.causes) == (503, "", ())
    assert len(waits) == DEPLOYMENT.tries - 1


@pytest.mark.parametrize("body", ["null", "3", "[" * 100_000, f'{{"code": {"9" * 5000}}}'])
def test_refusal_of_json_that_holds_no_fields_quotes_its_beginning(body: str) -> None:
    assert f"an answer that is none of Kubernetes: '{body[:50]}" in str(refusal(GET, 403, body))


@pytest.mark.parametrize(
    "body",
    [
        {"message": "upstream down"},
        {"items": "upstream down"},
        {"items": ["upstream down"]},
        {"items": [], "metadata": "upstream down"},
    ],
    ids=["no-items", "text-for-items", "items-of-text", "text-for-metadata"],
)
def test_foreign_answer_is_no_list(kubernetes_api: Api, body: Any) -> None:
    answer(kubernetes_api, body, code=200)
    with pytest.raises(ApiError, match="cannot list pods .*: .*upstream down"):
        connect(DEPLOYMENT).list(PODS, "default")


def test_refusal_keeps_the_causes_that_are_some() -> None:
    causes = ["x", None, {"field": 3, "message": ["x"]}, {"field": ".spec", "message": "conflict"}]
    body = {"message": "no", "reason": "Conflict", "details": {"causes": causes}}
    assert refusal(GET, 409, json.dumps(body)).causes == (".spec: conflict",)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("soon", 0),
        ([7], 0),
        ({"seconds": 7}, 0),
        (None, 0),
        (True, 0),
        (-7, 0),
        (float("nan"), 0),
        (1e308, 1e308),
        (10**400, float("inf")),
    ],
    ids=repr,
)
def test_wait_that_is_no_length_is_none(said: Any, expected: float) -> None:
    body = json.dumps({"details": {"retryAfterSeconds": said}})
    assert retry_after(503, body, None) == expected


@pytest.mark.parametrize("details", ["churn", ["name"], {"name": ["churn"]}, {"name": {}}])
def test_foreign_404_names_nothing_that_is_missing(details: Any) -> None:
    assert not names_what_is_missing(json.dumps({"message": "no route", "details": details}))
