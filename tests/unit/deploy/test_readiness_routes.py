"""A route is waited for until every gateway has taken it, and has found what it leads to."""

from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.readiness import Waiting
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.rollouts import NAMESPACE

PACE = Pace(poll_s=0.005, ready_s=0.02, retry_s=0.01)
TAKEN = {"Accepted": "True", "ResolvedRefs": "True"}


@pytest.fixture
def routes(kubernetes_api: Api) -> Api:
    """An API server without a gateway, which would have its own say."""
    kubernetes_api.register("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return kubernetes_api


def put_route(routes: Api, *gateways: dict[str, str]) -> None:
    """Puts a route that leads to the version, and says of each gateway what it made of that."""
    parents: list[dict[str, Any]] = [
        {
            "conditions": [
                {"type": name, "status": status, "observedGeneration": 1}
                for name, status in states.items()
            ]
        }
        for states in gateways
    ]
    routes.put(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "churn", "namespace": NAMESPACE, "generation": 1},
            "spec": {"rules": [{"backendRefs": [{"name": "churn-v2-predictor"}]}]},
            "status": {"parents": parents},
        }
    )


def wait_for_it() -> None:
    waiting = Waiting(connect(PACE.patience), NAMESPACE, PACE, lambda: None)
    waiting.for_route("churn", {"churn-v2-predictor": 100})


def test_route_that_all_gateways_took_is_enough(routes: Api) -> None:
    """Of other states, which each gateway may add, nothing is asked."""
    put_route(routes, TAKEN, TAKEN | {"PartiallyInvalid": "False"})
    wait_for_it()


@pytest.mark.parametrize(
    "gateways",
    [
        [TAKEN | {"ResolvedRefs": "False"}],
        [TAKEN | {"ResolvedRefs": "Unknown"}],
        [TAKEN, TAKEN | {"ResolvedRefs": "False"}],
        [TAKEN, TAKEN | {"Accepted": "False"}],
        [],
        [{}],
    ],
    ids=[
        "service-not-found",
        "service-not-looked-for",
        "not-found-by-one",
        "refused-by-one",
        "no-gateway",
        "gateway-without-a-word",
    ],
)
def test_route_that_a_gateway_did_not_take_is_waited_for(
    routes: Api, gateways: list[dict[str, str]]
) -> None:
    """A gateway answers 500 for a Service that it has not found (Gateway API, ResolvedRefs)."""
    put_route(routes, *gateways)
    with pytest.raises(DeployError, match="it has {'churn-v2-predictor': 100}, not accepted yet"):
        wait_for_it()
