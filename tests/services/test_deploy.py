"""Deployment against a real model server and a real monitor."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.deploy import model_server
from components.deploy.rollout import Served, restore, roll_out
from components.errors import BundleError, DeployError, SpecError
from components.spec import Spec, parse
from tests.bundles import GOLDEN, Fitted, build, reseal
from tests.serving import ROOT, ServerProcess, wait_for

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess("--state", str(tmp_path_factory.mktemp("state")))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = tmp_path_factory.mktemp("monitor") / "monitor.db"
    command = [sys.executable, "-m", "components.monitor.service", "--port", str(port)]
    process = subprocess.Popen([*command, "--store", str(store)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    assert wait_for(lambda: _healthy(url), 20)
    yield url
    process.terminate()
    process.wait(10)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return _build(tmp_path_factory.mktemp("bundles") / "one", shift=0)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return _build(tmp_path_factory.mktemp("bundles") / "two", shift=5)


def _build(folder: Path, *, shift: float) -> Fitted:
    fitted = build(folder, "regression", name="fares", shift=shift)
    document = {"format": 1, "rows": 10, "features": {}, "prediction": {"kind": "number"}}
    (folder / "reference.json").write_text(json.dumps(document), encoding="utf-8")
    return Fitted(reseal(fitted, folder.with_name(f"{folder.name}-sealed")), fitted.manifest, None)


def spec(**serve: float) -> Spec:
    document: dict[str, Any] = {
        "name": "fares",
        "task": "regression",
        "source": "sklearn://diabetes",
        "target": "target",
        "serve": {"latency_ms": 5000, **serve},
    }
    return parse(json.dumps(document))


def base(server: ServerProcess) -> str:
    return str(server.client.base_url).rstrip("/")


def served_answer(server: ServerProcess) -> float:
    value: float = server.predict("fares", [GOLDEN[0]]).json()["predictions"][0]
    return value


def answer_of(fitted: Fitted) -> float:
    predictions = fitted.manifest.golden.predictions
    assert predictions
    return predictions[0]


def test_roll_out_serves_proves_and_registers(
    server: ServerProcess, monitor: str, first: Fitted
) -> None:
    proof = roll_out(spec(), first.folder, 1, base(server), monitor)
    assert (proof.version, proof.replaced, proof.golden_rows) == (1, None, len(GOLDEN))
    assert 0 < proof.latency_seconds < 5
    assert proof.endpoint == f"{base(server)}/v1/models/fares:predict"
    assert served_answer(server) == pytest.approx(answer_of(first), rel=1e-4)
    versions = httpx.get(f"{monitor}/v1/models/fares").json()["versions"]
    assert [entry["version"] for entry in versions] == [1]


def test_roll_out_twice_is_the_same(server: ServerProcess, monitor: str, first: Fitted) -> None:
    proof = roll_out(spec(), first.folder, 1, base(server), monitor)
    assert (proof.version, proof.replaced) == (1, 1)


def test_roll_out_next_version_replaces_and_can_be_restored(
    server: ServerProcess, monitor: str, first: Fitted, second: Fitted
) -> None:
    proof = roll_out(spec(), second.folder, 2, base(server), monitor)
    assert (proof.version, proof.replaced) == (2, 1)
    assert served_answer(server) == pytest.approx(answer_of(second), rel=1e-4)
    restore(base(server), "fares", Served(1, first.folder))
    assert served_answer(server) == pytest.approx(answer_of(first), rel=1e-4)


def test_roll_out_over_latency_budget_puts_the_old_back(
    server: ServerProcess, monitor: str, first: Fitted, second: Fitted
) -> None:
    said = r"took \d+\.\d ms for one row, the budget serve\.latency_ms is 0\.001 ms"
    with pytest.raises(DeployError, match=said):
        roll_out(spec(latency_ms=0.001), second.folder, 2, base(server), monitor)
    assert served_answer(server) == pytest.approx(answer_of(first), rel=1e-4)


def test_roll_out_of_bundle_with_wrong_answers_is_refused_before_it_serves(
    server: ServerProcess, monitor: str, first: Fitted, second: Fitted, tmp_path: Path
) -> None:
    golden = second.manifest.golden.model_copy(update={"predictions": (1e6,) * len(GOLDEN)})
    bad = reseal(second, tmp_path / "bad", golden=golden)
    with pytest.raises(DeployError, match="answered 409: .*does not repeat its golden answers"):
        roll_out(spec(), bad, 3, base(server), monitor)
    assert served_answer(server) == pytest.approx(answer_of(first), rel=1e-4)


def test_roll_out_of_damaged_bundle_names_the_file(
    server: ServerProcess, monitor: str, second: Fitted, tmp_path: Path
) -> None:
    bad = reseal(second, tmp_path / "bad")
    (bad / "model.onnx").write_bytes(b"\0")
    with pytest.raises(BundleError, match=r"damaged; altered: model\.onnx"):
        roll_out(spec(), bad, 3, base(server), monitor)


def test_roll_out_without_monitor_leaves_the_served_model(
    server: ServerProcess, first: Fitted, second: Fitted
) -> None:
    with pytest.raises(DeployError, match=r"PUT http://127\.0\.0\.1:9/.* got no answer"):
        roll_out(spec(), second.folder, 2, base(server), NOBODY)
    assert served_answer(server) == pytest.approx(answer_of(first), rel=1e-4)


def test_roll_out_to_address_that_is_no_server_says_what_was_expected(
    monitor: str, first: Fitted
) -> None:
    said = "serving 'ftp://models': expected http://host:port"
    with pytest.raises(SpecError, match=said):
        roll_out(spec(), first.folder, 1, "ftp://models", monitor)


def test_restore_of_nothing_takes_the_model_out(
    server: ServerProcess, monitor: str, first: Fitted
) -> None:
    roll_out(spec(), first.folder, 1, base(server), monitor)
    restore(base(server), "fares", None)
    assert server.predict("fares", [GOLDEN[0]]).status_code == 404


class Stub:
    """A model server on loopback that loads anything and answers `predict` as it is told."""

    def __init__(self, replaced: Path, predict: Callable[[], object]) -> None:
        loaded = self.loaded = list[tuple[str, int]]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                self.answer({})

            def do_PUT(self) -> None:  # noqa: N802
                self.rfile.read(int(self.headers["content-length"]))
                self.answer({})

            def do_POST(self) -> None:  # noqa: N802
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path.endswith("/load"):
                    loaded.append((body["parameters"]["path"], body["parameters"]["version"]))
                    self.answer({"replaced": {"version": 1, "path": str(replaced)}})
                else:
                    self.answer(predict())

            def answer(self, document: object) -> None:
                text = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"predictions": [1.0]}, f"answered 1 predictions to {len(GOLDEN)} rows: expected one"),
        ({"outputs": []}, f"answered none to {len(GOLDEN)} rows: expected one prediction a row"),
    ],
)
def test_roll_out_to_server_with_wrong_answer_puts_the_old_back(
    first: Fitted, second: Fitted, answer: object, said: str
) -> None:
    stub = Stub(first.folder, lambda: answer)
    try:
        with pytest.raises(DeployError, match=said):
            roll_out(spec(), second.folder, 2, stub.url, stub.url)
    finally:
        stub.close()
    assert stub.loaded == [(str(second.folder), 2), (str(first.folder), 1)]


def test_roll_out_interrupted_while_it_proves_puts_the_old_back(
    first: Fitted, second: Fitted
) -> None:
    def interrupt() -> object:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        return {"predictions": [0.0] * len(GOLDEN)}

    stub = Stub(first.folder, interrupt)
    # Python's own, whatever ran in this process before.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            roll_out(spec(), second.folder, 2, stub.url, stub.url)
    finally:
        signal.signal(signal.SIGINT, before)
        stub.close()
    assert stub.loaded == [(str(second.folder), 2), (str(first.folder), 1)]


def test_call_quotes_what_the_server_said(server: ServerProcess) -> None:
    with pytest.raises(DeployError, match=r"POST .* answered 404: model 'gone' does not exist"):
        model_server.unload(base(server), "gone")
