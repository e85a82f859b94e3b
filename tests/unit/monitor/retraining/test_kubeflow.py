"""Runs on a cluster: against an HTTP server that speaks the shapes of KFP's v2beta1 API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.monitor.retraining.kubeflow import Cluster, KubeflowRunner
from components.monitor.retraining.runner import (
    Ending,
    Order,
    RunnerError,
    RunnerUnavailableError,
)
from tests.kubeflow_api import KubeflowApi

SPEC = {"name": "churn", "candidates": ["logistic", "random_forest"], "source": ["s3://b/a"]}
ORDER = Order("20261120-churn-1", "churn", SPEC, "http://monitor:9091/fresh?since=a&until=b")


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    made = KubeflowApi()
    yield made
    made.close()


def runner(api: KubeflowApi, *, version: int | None = None, **changes: Any) -> KubeflowRunner:
    values: dict[str, Any] = {"address": api.address, "monitor": "http://monitor:9091"}
    parameters = {"registry": "http://mlflow:5000", "serving": "http://s"}
    cluster = Cluster(**(values | {"parameters": parameters} | changes))
    return KubeflowRunner(cluster, lambda model, run: version if run == ORDER.id else None)


def test_run_of_the_newest_version_is_created_with_its_parameters(api: KubeflowApi) -> None:
    made = runner(api, namespace="team", service_account="pipeline", experiment="e1").start(ORDER)
    run = api.runs[made]
    assert run["pipeline_version_reference"] == {"pipeline_id": "p1", "pipeline_version_id": "v3"}
    assert (run["service_account"], run["experiment_id"]) == ("pipeline", "e1")
    parameters = run["runtime_config"]["parameters"]
    assert json.loads(parameters.pop("spec")) == SPEC
    assert parameters == {
        "candidates": ["logistic", "random_forest"],
        "monitor": "http://monitor:9091",
        "fresh": ORDER.fresh,
        "run_id": ORDER.id,
        "registry": "http://mlflow:5000",
        "serving": "http://s",
    }
    assert any(path.endswith("kubeloop-training?namespace=team") for _, path, _ in api.asked)


def test_parameters_are_those_of_the_pipeline() -> None:
    import inspect

    from pipelines.training import training

    known = inspect.signature(training.pipeline_func).parameters
    sent = {"spec", "candidates", "monitor", "fresh", "run_id", "registry", "serving"}
    assert sent <= known.keys()


def test_second_start_finds_the_first(api: KubeflowApi) -> None:
    first = runner(api).start(ORDER)
    assert runner(api).start(ORDER) == first
    assert len(api.runs) == 1


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "PAUSED", "CANCELING", None])
def test_run_under_way_has_no_ending(api: KubeflowApi, state: str | None) -> None:
    made = runner(api).start(ORDER)
    api.runs[made]["state"] = state
    if state is None:
        del api.runs[made]["state"]
    assert runner(api).follow(ORDER.id, made, "churn") is None


def test_success_is_promoted_by_the_version_that_the_run_registered(api: KubeflowApi) -> None:
    made = runner(api).start(ORDER)
    api.runs[made]["state"] = "SUCCEEDED"
    ending = runner(api, version=4).follow(ORDER.id, made, "churn")
    assert ending == Ending("promoted", f"run {made} put version 4 into service", 4)
    refused = runner(api).follow(ORDER.id, made, "churn")
    assert refused
    assert refused.outcome == "not_approved"


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "SKIPPED"])
def test_other_ends_are_failures_in_the_apis_own_words(api: KubeflowApi, state: str) -> None:
    made = runner(api, version=4).start(ORDER)
    api.runs[made] |= {"state": state, "error": {"code": 9, "message": "pod evicted"}}
    ending = runner(api, version=4).follow(ORDER.id, made, "churn")
    why = f"run {made} of kubeloop-training is {state}: pod evicted"
    assert ending == Ending("failed", why)


def test_run_that_was_deleted_has_failed(api: KubeflowApi) -> None:
    ending = runner(api).follow(ORDER.id, "gone", "churn")
    assert ending
    assert (ending.outcome, "answered 404" in ending.why) == ("failed", True)


def test_token_is_read_for_each_request_and_stands_in_no_error(
    api: KubeflowApi, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    made = runner(api, token_file=token)
    made.start(ORDER)
    token.write_text("second")
    api.failures = [(401, b'{"message": "expired"}')]
    with pytest.raises(RunnerUnavailableError, match="the token is missing or has expired") as exc:
        made.follow(ORDER.id, "run-0", "churn")
    assert {given for _, _, given in api.asked} == {"Bearer first", "Bearer second"}
    assert "second" not in str(exc.value)
    token.unlink()
    with pytest.raises(RunnerUnavailableError, match="cannot be read"):
        made.follow(ORDER.id, "run-0", "churn")


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (403, b'{"message": "no right"}', RunnerError, "lacks the right to it: no right"),
        (404, b'{"message": "none"}', RunnerError, "is the pipeline uploaded"),
        (400, b"<html>", RunnerError, "answered 400"),
        (429, b"{}", RunnerUnavailableError, "answered 429"),
        (500, b'{"error": "db"}', RunnerUnavailableError, "answered 500: db"),
        (503, b"[]", RunnerUnavailableError, "answered 503"),
        (200, b"<html>", RunnerUnavailableError, "something else than JSON"),
    ],
)
def test_error_of_the_api_is_a_sentence(
    api: KubeflowApi, status: int, body: bytes, error: type[Exception], said: str
) -> None:
    api.failures = [(status, body)]
    with pytest.raises(error) as raised:
        runner(api).start(ORDER)
    assert said in str(raised.value)


def test_pipeline_without_a_version_says_what_to_do(api: KubeflowApi) -> None:
    api.versions = []
    with pytest.raises(RunnerError, match="has no version: upload one by kubeloop compile"):
        runner(api).start(ORDER)


def test_nobody_there_is_tried_again(api: KubeflowApi) -> None:
    with pytest.raises(RunnerUnavailableError, match="does not answer"):
        runner(api, address="http://127.0.0.1:9").start(ORDER)
