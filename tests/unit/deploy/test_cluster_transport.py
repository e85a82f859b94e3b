"""How often an API server is asked that fails, is overloaded or stays silent, and after what waits.

The waits are written down, not waited for.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_errors import ApiError
from components.deploy.kserve.cluster_resources import PODS
from components.deploy.kserve.pace import DEPLOYMENT, PERSON, Pace, Patience
from components.deploy.kserve.rollout import Choice, Release, roll_back, roll_out
from components.deploy.kserve.status import observe, observe_all
from components.errors import DeployError
from tests.kubernetes_api import Api, Call
from tests.rollouts import spec
from tests.serving import wait_for

# No test waits for an answer for as long as anybody else would.
SILENCE = Patience(tries=3, connect_s=5.0, answer_s=0.05, first_wait_s=0.001)


@pytest.fixture
def asked(kubernetes_api: Api) -> list[Call]:
    """The requests that reach the API server."""
    seen: list[Call] = []
    kubernetes_api.register("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
    kubernetes_api.on_call(seen.append, moment="arrived")
    return seen


@pytest.fixture
def waits() -> list[float]:
    """How long was waited between them, in seconds."""
    return []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_status_that_passes_is_asked_again(
    kubernetes_api: Api, asked: list[Call], waits: list[float], status: int
) -> None:
    kubernetes_api.fail("get", "/pods/a", status=status, times=2)
    assert connect(DEPLOYMENT, waits.append).get(PODS, "default", "a") is None
    assert (len(asked), len(waits)) == (3, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 409, 410, 422, 501])
def test_status_that_no_waiting_mends_is_asked_once(
    kubernetes_api: Api, asked: list[Call], waits: list[float], status: int
) -> None:
    kubernetes_api.fail("get", "/pods/a", status=status)
    with pytest.raises(ApiError) as refused:
        connect(DEPLOYMENT, waits.append).get(PODS, "default", "a")
    assert refused.value.status == status
    assert (len(asked), waits) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("patience", "asks", "least", "most"),
    [
        (DEPLOYMENT, 7, 7.0, 7.0),
        (DEPLOYMENT, 60, 60.0, 60.0),
        (DEPLOYMENT, 3600, 60.0, 60.0),
        (DEPLOYMENT, 0, 0.7 * 0.3, 0.3),
        (PERSON, 3600, 5.0, 5.0),
        (Patience(first_wait_s=9.0), 1, 0.7 * 9, 9.0),
    ],
    ids=["few", "minute", "hour", "at-once", "hour-for-a-person", "less-than-its-own"],
)
def test_server_that_asks_to_wait_is_left_alone_for_so_long(
    kubernetes_api: Api,
    waits: list[float],
    status: int,
    patience: Patience,
    asks: int,
    least: float,
    most: float,
) -> None:
    kubernetes_api.fail("get", "/pods/a", status=status, retry_after=asks)
    assert connect(patience, waits.append).get(PODS, "default", "a") is None
    (waited,) = waits
    assert least <= waited <= most


def test_waits_double_up_to_the_longest(kubernetes_api: Api, waits: list[float]) -> None:
    kubernetes_api.fail("get", "/pods/a", status=503, times=-1)
    with pytest.raises(ApiError):
        connect(DEPLOYMENT, waits.append).get(PODS, "default", "a")
    bounds = [0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 10.0, 10.0, 10.0]
    assert [0.7 * most <= wait <= most for wait, most in zip(waits, bounds, strict=True)] == (
        [True] * 9
    )


@pytest.mark.parametrize(
    "look",
    [
        lambda: observe("churn", "default", patience=SILENCE),
        lambda: observe_all("default", patience=SILENCE),
    ],
    ids=["one", "all"],
)
def test_server_that_stays_silent_is_given_up_after_so_many_tries(
    kubernetes_api: Api, asked: list[Call], look: Callable[[], object]
) -> None:
    kubernetes_api.hang("*", ".", times=-1)
    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            assert wait_for(looking.done), "it waits for an answer for longer than it was told to"
        finally:
            kubernetes_api.release()
        with pytest.raises(DeployError, match="cannot .* inferenceservices.* gave no answer"):
            looking.result()
    # The last one may reach the server after its client has given it up.
    wait_for(lambda: len(asked) >= SILENCE.tries)
    assert len(asked) == SILENCE.tries


def test_person_is_asked_for_less_patience_than_a_deployment(
    kubernetes_api: Api, asked: list[Call]
) -> None:
    kubernetes_api.fail("*", ".", status=503, times=-1)
    with pytest.raises(DeployError):
        observe("churn", "default")
    assert len(asked) == PERSON.tries
    asked.clear()
    with pytest.raises(DeployError):
        observe_all("default")
    assert len(asked) == PERSON.tries
    assert PERSON.tries * (PERSON.connect_s + PERSON.answer_s + PERSON.longest_wait_s) < 30


def by_hand(namespace: str, pace: Pace) -> None:
    choice = Choice(spec(), Release(1, "s3://b/1", "onnx"))
    roll_back(choice.spec.name, lambda _: choice, namespace=namespace, pace=pace)


def by_a_run(namespace: str, pace: Pace) -> None:
    release = Release(1, "s3://b/1", "onnx")
    roll_out(spec(), release, namespace=namespace, monitor="", pace=pace)


@pytest.mark.parametrize("begin", [by_a_run, by_hand], ids=["roll-out", "roll-back"])
def test_deployment_outlives_an_api_server_that_restarts(
    kubernetes_api: Api, asked: list[Call], begin: Callable[[str, Pace], None]
) -> None:
    kubernetes_api.fail("*", ".", status=503, times=-1)
    with pytest.raises(DeployError):
        begin("default", Pace(retry_s=0.0001))
    assert len(asked) == DEPLOYMENT.tries == 10
    assert DEPLOYMENT.answer_s > 60
