"""From a spec to an endpoint on a real cluster, and from one version to the next."""

import json
import time
import uuid

import httpx
import pytest

from tests.cluster.installation import SCRAPED, SPEC, Installation
from tests.cluster.kubernetes import forwarded, secret

_SCRAPED_S = 180


def a_name() -> str:
    """Of a model nobody else has: Kubeflow's store of runs is shared by all tests."""
    return f"visits-{uuid.uuid4().hex[:6]}"


def test_run_ends_in_an_endpoint_that_answers_and_is_scraped(installation: Installation) -> None:
    name = a_name()
    done = installation.submit(name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert installation.served(name) == "1"
    with httpx.Client(timeout=30) as client:
        row = installation.example(name, client)
        first = installation.ask(
            name, f"/v1/models/{name}:predict", {"instances": [row, row]}, client
        )
        assert first.status_code == 200, first.text
        assert len(first.json()["predictions"]) == 2
        inputs = [
            {"name": key, "shape": [1], "datatype": "FP32", "data": [value]}
            for key, value in row.items()
        ]
        second = installation.ask(name, f"/v2/models/{name}/infer", {"inputs": inputs}, client)
        assert second.status_code == 200, second.text
        (label,) = next(o["data"] for o in second.json()["outputs"] if o["name"] == "label")
    assert label == first.json()["predictions"][0]
    for metric in SCRAPED:
        await_metric(f'{metric}{{namespace="{installation.namespace}"}}')
    status = installation.kubeloop(
        "status", name, "--serving", f"kserve://{installation.namespace}"
    )
    assert status.returncode == 0, status.stderr
    assert name in status.stdout


def await_metric(query: str) -> None:
    """Waits until Prometheus has scraped what the query names."""
    until = time.monotonic() + _SCRAPED_S
    with forwarded("monitoring", "service/prometheus-k8s", 9090) as prometheus:
        while time.monotonic() < until:
            answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=30)
            if answer.json()["data"]["result"]:
                return
            time.sleep(1)
    pytest.fail(f"Prometheus has nothing of {query} after {_SCRAPED_S} s")


def test_second_version_takes_over_under_load_without_a_failed_request(
    installation: Installation,
) -> None:
    name = a_name()
    first = installation.submit(name)
    assert first.returncode == 0, first.stdout + first.stderr
    with httpx.Client(timeout=30) as client:
        row = installation.example(name, client)
    # Another seed makes another model; whichever is better, this one is to be served.
    changes = ("search.seed=8", "gates.champion.min_gain=-1")
    with installation.load(name, row) as answers:
        second = installation.submit(name, *changes)
    assert second.returncode == 0, second.stdout + second.stderr
    assert installation.served(name) == "2"
    assert set(answers) == {200}, f"answers under load: {dict(answers)}"
    labels = [pod["metadata"]["labels"] for pod in installation.pods(name)]
    assert {found["app.kubernetes.io/version"] for found in labels} == {"2"}
    assert not installation.service(name)["spec"].get("canary")


def test_broken_version_is_put_back_by_itself(installation: Installation) -> None:
    name = a_name()
    first = installation.submit(name)
    assert first.returncode == 0, first.stdout + first.stderr
    before = installation.service(name)["spec"]["predictor"]
    with httpx.Client(timeout=30) as client:
        row = installation.example(name, client)
    # The server alone takes several times as much, so it is killed as it starts.
    changes = ("search.seed=8", "gates.champion.min_gain=-1", "serve.memory=24Mi")
    with installation.load(name, row) as answers:
        second = installation.submit(name, *changes)
    said = second.stdout + second.stderr
    assert second.returncode == 1, said
    assert "OOMKilled" in said or "CrashLoopBackOff" in said or "137" in said
    assert installation.served(name) == "1"
    assert installation.service(name)["spec"]["predictor"]["model"] == before["model"]
    assert set(answers) == {200}, f"answers under load: {dict(answers)}"


def test_rollback_from_outside_of_the_cluster_proves_the_version_through_the_api_server(
    installation: Installation,
) -> None:
    """Fails where the NetworkPolicy of the predictors keeps the control plane out; README: why."""
    name = a_name()
    first = installation.submit(name)
    assert first.returncode == 0, first.stdout + first.stderr
    second = installation.submit(name, "search.seed=8", "gates.champion.min_gain=-1")
    assert second.returncode == 0, second.stdout + second.stderr
    assert installation.served(name) == "2"
    keys = secret("kubeloop-bundles", "kubeflow")
    with (
        # MLflow answers to this name alone.
        forwarded(installation.namespace, "service/mlflow", 5000, local=5000),
        forwarded("kubeflow", "service/seaweedfs", 9000) as store,
    ):
        place = ("--serving", f"kserve://{installation.namespace}")
        done = installation.kubeloop(
            *("rollback", name, *place, "--registry", "http://localhost:5000"),
            **{**keys, "AWS_ENDPOINT_URL": store},
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name} version 1 is champion and served, replacing version 2" in done.stdout
    assert installation.served(name) == "1"


def test_schedule_is_made_listed_and_deleted(installation: Installation) -> None:
    name = a_name()
    place = ("--host", installation.pipelines)
    served = ("--serving", f"kserve://{installation.namespace}")
    made = installation.kubeloop(
        "schedule", str(SPEC), "--set", f"name={name}", "--cron", "0 3 1 1 *", *place, *served
    )
    try:
        assert made.returncode == 0, made.stderr
        assert name in installation.kubeloop("schedule", "--list", *place).stdout
    finally:
        gone = installation.kubeloop("schedule", "--delete", name, *place)
    assert gone.returncode == 0, gone.stderr
    assert name not in installation.kubeloop("schedule", "--list", *place).stdout


def test_doctor_finds_nothing_wrong_with_a_new_namespace(installation: Installation) -> None:
    done = installation.kubeloop("doctor", "--namespace", installation.namespace, "--json")
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "wrong"]
    assert (done.returncode, wrong) == (0, [])
