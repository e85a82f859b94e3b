"""The client of a local run against a real model server and a real monitor."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.deploy import model_server
from components.deploy.rollout import register_version
from pipelines.local import counters
from pipelines.local.ports import choose_ports
from pipelines.local.traffic import Traffic, send_holdout
from tests.bundles import Fitted, build, reseal
from tests.serving import ROOT, ServerProcess, wait_for
from tests.tables import write_part

ROWS = 12


@dataclass
class Loop:
    """A model in service, a monitor that knows it, and a hold-out."""

    server: ServerProcess
    monitor: str
    monitor_process: "subprocess.Popen[bytes]"
    fitted: Fitted
    test: Path

    @property
    def serving(self) -> str:
        return str(self.server.client.base_url).rstrip("/")

    def send(self, monitor: str | None = None) -> Traffic:
        return send_holdout(self.fitted.manifest, self.test, self.serving, monitor or self.monitor)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("loop")
    port = choose_ports({})["monitor"]
    command = [sys.executable, "-m", "components.monitor.service", "--port", str(port)]
    command += ["--store", str(folder / "monitor.db")]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess("--state", str(folder / "state"), "--monitor", url)
    assert wait_for(lambda: _healthy(url), 20)
    fitted = build(folder / "bundle", "binary")
    reference = '{"format": 1, "rows": 10, "features": {}, "prediction": {"kind": "number"}}'
    (folder / "bundle" / "reference.json").write_text(reference)
    test = folder / "test"
    numbers = {"age": [30.0] * ROWS, "income": [1500.0, None] * (ROWS // 2)}
    strings = {"city": ["Bern", None] * (ROWS // 2), "plan": ["basic"] * ROWS}
    write_part(test, numbers, strings, [0, 1] * (ROWS // 2), ("No", "Yes"))
    loop = Loop(server, url, process, fitted, test)
    # Sealed again, since the reference is another one than the builder's.
    sealed = reseal(fitted, folder / "sealed")
    register_version(url, fitted.manifest, sealed, 1)
    model_server.load(loop.serving, "churn", sealed, 1)
    yield loop
    server.stop()
    process.terminate()
    process.wait(10)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("time", ["first", "second"])
def test_send_holdout_counts_its_own_requests_alone(loop: Loop, time: str) -> None:
    traffic = loop.send()
    assert (traffic.sent, traffic.failed, traffic.problem) == (ROWS, 0, ""), time
    assert traffic.served == {"requests": ROWS, "events": ROWS, "labelled": ROWS}


def test_send_holdout_with_failing_requests_says_how_many(loop: Loop, tmp_path: Path) -> None:
    numbers = {"age": [30.0, None], "income": [1.0, 2.0]}
    write_part(
        tmp_path, numbers, {"city": ["Bern"] * 2, "plan": ["plus"] * 2}, [0, 1], ("No", "Yes")
    )
    traffic = send_holdout(loop.fitted.manifest, tmp_path, loop.serving, loop.monitor)
    assert (traffic.sent, traffic.failed) == (2, 1)
    assert traffic.problem.startswith("1 of 2 requests failed; the first: 400: ")
    assert traffic.served["labelled"] == 1


def test_send_holdout_whose_truth_is_refused_has_a_problem(loop: Loop, tmp_path: Path) -> None:
    strings = {"city": ["Bern"] * 2, "plan": ["plus"] * 2}
    classes = ("no" * 300, "yes" * 300)
    write_part(tmp_path, {"age": [30.0] * 2, "income": [1.0] * 2}, strings, [0, 1], classes)
    traffic = send_holdout(loop.fitted.manifest, tmp_path, loop.serving, loop.monitor)
    assert (traffic.sent, traffic.failed) == (2, 0)
    assert "the monitor did not take the truth of 2 rows: 4" in traffic.problem


def test_send_holdout_whose_truth_is_never_joined_has_a_problem(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "_ARRIVE_S", 1.0)
    strings = {"city": ["Bern"] * 2, "plan": ["plus"] * 2}
    classes = ("never", "heard")
    write_part(tmp_path, {"age": [30.0] * 2, "income": [1.0] * 2}, strings, [0, 1], classes)
    traffic = send_holdout(loop.fitted.manifest, tmp_path, loop.serving, loop.monitor)
    # The monitor refuses the labels at once where it knows the events already, else later.
    said = r"the services counted 0 of 2 labelled|did not take the truth of 2 rows"
    assert re.search(said, traffic.problem)


def test_send_holdout_without_monitor_has_a_problem_at_once(loop: Loop) -> None:
    loop.monitor_process.kill()
    loop.monitor_process.wait(10)
    traffic = loop.send()
    assert f"GET {loop.monitor}/metrics got no metrics: " in traffic.problem
    assert traffic.served == {}
