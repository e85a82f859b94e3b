"""The monitor started as its manifest has it: the real service, on loopback."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import postgres
from tests.manifests import production
from tests.manifests.quantities import quantity
from tests.manifests.rendered import OVERLAYS, Document, needs_kubectl, of_kind, overlay, title

pytestmark = needs_kubectl

PATIENCE_S = 60
NOTIFY = "KUBELOOP_NOTIFY_URL"
SHOWN = "shown-by-alertmanager"
PIPELINES_FILE = "/var/run/secrets/kubeflow/pipelines/token"


def container(name: str) -> tuple[Document, Document]:
    """The monitor's container in an overlay, and its pod's spec."""
    return container_of(overlay(name))


def container_of(documents: list[Document]) -> tuple[Document, Document]:
    (deployment,) = (
        d for d in of_kind(documents, "Deployment") if title(d) == "Deployment/monitor"
    )
    pod: Document = deployment["spec"]["template"]["spec"]
    return pod["containers"][0], pod


def variables(given: Document) -> dict[str, str]:
    """What Kubernetes would set, with no optional Secret there."""
    plain = {v["name"]: v["value"] for v in given["env"] if "value" in v}
    fields = {v["name"]: "kubeloop" for v in given["env"] if "fieldRef" in v.get("valueFrom", {})}
    return {**plain, **fields}


def expanded(given: Document) -> list[str]:
    """The arguments, with `$(NAME)` replaced."""
    known = variables(given)
    return [re.sub(r"\$\((\w+)\)", lambda m: known[m[1]], text) for text in given["args"]]


def parameters(arguments: list[str]) -> dict[str, str]:
    """What the monitor sends of the pipeline's parameters; each is named once."""
    stated = [text.removeprefix("--parameter=") for text in arguments if "--parameter=" in text]
    pairs = [text.split("=", 1) for text in stated]
    assert len(dict(pairs)) == len(pairs), stated
    return dict(pairs)


@dataclass(frozen=True)
class Running:
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes = []

    def run(given: Document, **more: str) -> Running:
        (tmp_path / "token").write_text(f"{SHOWN}\n", encoding="utf-8")
        places = {
            "/var/lib/kubeloop/": f"{tmp_path}/",
            "/etc/kubeloop/alerts/token": str(tmp_path / "token"),
            PIPELINES_FILE: str(tmp_path / "pipelines-token"),
            "http://ml-pipeline.kubeflow.svc:8888": "http://127.0.0.1:9",
        }
        arguments = expanded(given)
        for place, here in places.items():
            arguments = [text.replace(place, here) for text in arguments]
        command = [sys.executable, "-m", "components.monitor.service", "--port", "0", *arguments]
        log = tmp_path / "log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command, env={**os.environ, **variables(given), **more}, stdout=file, stderr=file
            )
        processes.append(process)
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"address=http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        return Running(int(found[1]))

    yield run
    for process in processes:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_starts_with_the_arguments_of_its_manifest(
    name: str, start: Start, tmp_path: Path
) -> None:
    given, _ = container(name)
    monitor = start(given)
    paths = [given[probe]["httpGet"]["path"] for probe in given if probe.endswith("Probe")]
    assert len(paths) == 3
    assert [path for path in paths if monitor.ask("GET", path)[0] != 200] == []
    assert (tmp_path / "monitor.db").exists()


def test_monitor_with_a_database_keeps_its_store_there(start: Start, tmp_path: Path) -> None:
    """Who names a database names no file, neither by an argument nor by leaving all of them out."""
    given, _ = container_of(production.with_database(tmp_path))
    (uri,) = (v["name"] for v in given["env"] if v["name"] not in {*variables(given), NOTIFY})
    with postgres.running() as server:
        url = server.url(server.database())
        assert start(given, **{uri: url}).ask("GET", "/readyz")[0] == 200
        with psycopg.connect(url) as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
            assert connection.execute(f"{tables} AND tablename = 'events'").fetchone() == (1,)
    assert not list(tmp_path.glob("*.db"))


def test_monitor_takes_alerts_with_the_secrets_token_alone(
    start: Start,
) -> None:
    monitor = start(container("kind")[0])
    alerts = {
        "version": "4",
        "groupKey": "{}",
        "status": "firing",
        "receiver": "monitor",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "truncatedAlerts": 0,
        "alerts": [],
    }
    assert monitor.ask("POST", "/alerts", alerts)[0] == 401
    assert monitor.ask("POST", "/alerts", alerts, Authorization="Bearer other")[0] == 401
    status, said = monitor.ask("POST", "/alerts", alerts, Authorization=f"Bearer {SHOWN}")
    assert status == 200, said


@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_keeps_four_fifths_of_its_volume(name: str) -> None:
    given, _ = container(name)
    (claim,) = (
        d
        for d in of_kind(overlay(name), "PersistentVolumeClaim")
        if d["metadata"]["name"] == "monitor"
    )
    size = quantity(claim["spec"]["resources"]["requests"]["storage"])
    assert f"--keep-bytes={int(size * 4 / 5)}" in expanded(given)


@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_names_services_that_are_there(name: str) -> None:
    """Runs reach monitor and registry by the namespace's name; their ports are the Services'."""
    services = {
        f"http://{d['metadata']['name']}.{d['metadata']['namespace']}.svc:{p['port']}"
        for d in of_kind(overlay(name), "Service")
        for p in d["spec"]["ports"]
    }
    given = expanded(container(name)[0])
    (address,) = (text.removeprefix("--address=") for text in given if "--address=" in text)
    assert address in services
    assert parameters(given)["registry"] in services


@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_names_the_namespace_that_runs_deploy_to(name: str) -> None:
    """A role grants the pipelines' account InferenceServices there, and nowhere else."""
    granted = {
        d["metadata"]["namespace"]
        for d in of_kind(overlay(name), "Role")
        for rule in d["rules"]
        if "inferenceservices" in rule["resources"]
    }
    assert granted == {
        parameters(expanded(container(name)[0]))["serving"].removeprefix("kserve://")
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_monitor_with_a_database_has_the_arguments_of_the_one_without(
    name: str, tmp_path: Path
) -> None:
    """A list of arguments cannot be patched but as a whole: what is new in one is lacking there."""
    plain, _ = container(name)
    other, _ = container_of(production.with_database(tmp_path))
    token = f"--kubeflow-token-file={PIPELINES_FILE}"
    assert {text for text in plain["args"] if text != token and "--store=" not in text} == {
        text for text in other["args"] if text != token
    }


@pytest.mark.parametrize(("name", "token"), [("kind", False), ("production", True)])
def test_monitor_shows_pipelines_a_token_in_production_alone(name: str, token: bool) -> None:
    given, pod = container(name)
    option = f"--kubeflow-token-file={PIPELINES_FILE}"
    assert (option in given["args"]) is token
    sources = [
        (source["serviceAccountToken"], mount["mountPath"])
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for mount in given["volumeMounts"]
        if mount["name"] == volume["name"]
    ]
    assert [f"{folder}/{source['path']}" for source, folder in sources] == (
        [PIPELINES_FILE] if token else []
    )
    assert [source["audience"] for source, _ in sources] == (
        ["pipelines.kubeflow.org"] if token else []
    )
