"""Every way in which a run starts gives it what the pipeline requires, and nothing else.

A run that lacks a parameter is refused by Kubeflow, at night, where nobody looks.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitor.retraining.kubeflow import KubeflowRunner
from components.monitor.retraining.options import add_options, read_options
from components.monitor.retraining.runner import Order
from components.spec import parse
from pipelines.compile import Pipeline, compile_pipeline
from pipelines.kubeflow.place import Place
from pipelines.run_parameters import find_addresses
from pipelines.schedule import create_schedule
from pipelines.submission import Submission
from pipelines.submit import submit_run
from tests.kubeflow_api import KubeflowApi, running
from tests.manifests import production
from tests.manifests.rendered import OVERLAYS, Document, needs_kubectl, overlay
from tests.manifests.test_monitor import container_of, expanded
from tests.pipelines.laptop import SPEC

TRAINED = parse(SPEC.replace("rows.csv", "s3://bucket/rows.csv"))


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture(scope="module")
def taken() -> dict[str, Any]:
    """The pipeline's parameters."""
    text = compile_pipeline(Pipeline.TRAINING, "revision")
    pipeline = next(yaml.safe_load_all(text))
    found: dict[str, Any] = pipeline["root"]["inputDefinitions"]["parameters"]
    return found


def complaints(run: dict[str, Any], taken: dict[str, Any]) -> list[str]:
    given = run["runtime_config"]["parameters"]
    required = {name for name, about in taken.items() if not about.get("isOptional")}
    return [
        *(f"{name} is missing" for name in sorted(required - set(given))),
        *(f"{name} is unknown" for name in sorted(set(given) - set(taken))),
        *(f"{name} is empty" for name in sorted(required) if given.get(name) in ("", [])),
    ]


def submission(api: KubeflowApi) -> Submission:
    return Submission(Place(api.address), find_addresses("", "", ""))


def test_pipeline_requires_what_no_default_could_be(taken: dict[str, Any]) -> None:
    required = {name for name, about in taken.items() if not about.get("isOptional")}
    assert required == {"spec", "candidates", "registry", "serving", "monitor"}


def test_submit_sends_what_the_pipeline_requires(api: KubeflowApi, taken: dict[str, Any]) -> None:
    submit_run(TRAINED, submission(api), wait=False)
    assert complaints(api.runs["run-0"], taken) == []


def test_schedule_sends_what_the_pipeline_requires(api: KubeflowApi, taken: dict[str, Any]) -> None:
    create_schedule(TRAINED, submission(api), "@daily")
    (schedule,) = api.schedules.values()
    assert complaints(schedule, taken) == []


def retrained(documents: list[Document], folder: Path) -> dict[str, Any]:
    """The run that the monitor's own code starts with the arguments of its manifest."""
    token = folder / "token"
    token.write_text("shown")
    api = KubeflowApi()
    try:
        parser = argparse.ArgumentParser()
        add_options(parser)
        call, _ = parser.parse_known_args(expanded(container_of(documents)[0]))
        call.kubeflow, call.kubeflow_token_file = api.address, token
        cluster = read_options(call, {}).cluster
        assert cluster
        order = Order("20261121-visits-1", "visits", json.loads(TRAINED.to_json()), "")
        return api.runs[KubeflowRunner(cluster, lambda *_: None).start(order)]
    finally:
        api.close()


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_sends_what_the_pipeline_requires(
    name: str, tmp_path: Path, taken: dict[str, Any]
) -> None:
    assert complaints(retrained(overlay(name), tmp_path), taken) == []


@needs_kubectl
def test_monitor_with_a_database_sends_what_the_pipeline_requires(
    tmp_path: Path, taken: dict[str, Any]
) -> None:
    assert complaints(retrained(production.with_database(tmp_path), tmp_path), taken) == []


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_and_submit_name_the_same_addresses(name: str, tmp_path: Path) -> None:
    """What `submit` takes where nobody names any, the manifests make."""
    given = retrained(overlay(name), tmp_path)["runtime_config"]["parameters"]
    ours = find_addresses("", "", "")
    assert given["registry"] == ours.registry
    assert given["serving"] == ours.serving
    assert given["monitor"] == ours.monitor
