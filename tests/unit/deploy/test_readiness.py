"""What is waited for of a route: its weights, and that every gateway has taken them."""

from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.readiness import Waiting
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.rollouts import NAMESPACE

PACE = Pace(poll_s=0.005, ready_s=0.02, retry_s=0.01)


def route(*rules: dict[str, int | None], accepted: str = "True", seen: int = 1) -> dict[str, Any]:
    ends = [
        [
            {"name": name} | ({} if weight is None else {"weight": weight})
            for name, weight in rule.items()
        ]
        for rule in rules
    ]
    condition = {"type": "Accepted", "status": accepted, "observedGeneration": seen}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "churn", "namespace": NAMESPACE, "generation": 1},
        "spec": {"rules": [{"backendRefs": end} for end in ends]},
        "status": {"parents": [{"conditions": [condition]}]},
    }


@pytest.fixture
def routes(kubernetes_api: Api) -> Api:
    """An API server without a gateway, which would have its own say."""
    kubernetes_api.register("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return kubernetes_api


def waiting() -> Waiting:
    return Waiting(connect(0.01), NAMESPACE, PACE, lambda: None)


@pytest.mark.parametrize(
    ("found", "shares"),
    [
        (route({"a": 90, "b": 10}), {"a": 90, "b": 10}),
        (route({"a": 100, "b": 0}, {"a": 100, "b": 0}), {"a": 100, "b": 0}),
        (route({"a": None}), {"a": 100}),
        (route({"a": 9, "b": 1}), {"a": 90, "b": 10}),
    ],
    ids=["weights", "two-rules", "no-weight", "other-sum"],
)
def test_route_that_gives_the_shares_is_enough(
    routes: Api, found: dict[str, Any], shares: dict[str, int]
) -> None:
    routes.put(found)
    waiting().for_route("churn", shares)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "there is none"),
        (route({"a": 90, "b": 10}), "it has {'a': 90, 'b': 10}"),
        (route({"a": 50, "b": 50}, {"a": 100}), "it has {}"),
        (route({"a": 50, "b": 50}, accepted="False"), "not accepted yet"),
        (route({"a": 50, "b": 50}, seen=0), "not accepted yet"),
    ],
    ids=["absent", "others", "rules-differ", "refused", "not-seen-yet"],
)
def test_route_that_does_not_is_told(routes: Api, found: dict[str, Any] | None, said: str) -> None:
    if found is not None:
        routes.put(found)
    with pytest.raises(DeployError) as told:
        waiting().for_route("churn", {"a": 50, "b": 50})
    assert said in str(told.value)
