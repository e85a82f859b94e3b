"""The model server as a real process, and a small real monitor for it to send events to."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from components.bundle import write
from tests.bundles import Fitted

ROOT = Path(__file__).resolve().parents[1]
READY = re.compile(r"ready http=127\.0\.0\.1:(\d+) grpc=(\d+) models=(\S+)")


class Collector:
    """A small real monitor on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.paths: list[str] = []
        self.types: list[str | None] = []
        self.statuses: list[int] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["content-length"]))
                status = collector.statuses.pop(0) if collector.statuses else 202
                if status < 300:
                    collector.batches.append(json.loads(body))
                    collector.paths.append(self.path)
                    collector.types.append(self.headers["content-type"])
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def ids(self) -> list[str]:
        return [event["id"] for batch in self.batches for event in batch]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class ServerProcess:
    """A running model server on free ports of loopback."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "components.serve.service"]
        command += ["--http-port", "0", "--grpc-port", "0", *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
        self.log: list[str] = []
        self.out: list[str] = []
        self._readers = [
            threading.Thread(target=kept.extend, args=(stream,), daemon=True)
            for kept, stream in ((self.log, self.process.stderr), (self.out, self.process.stdout))
        ]
        for reader in self._readers:
            reader.start()
        ready = wait_for(lambda: READY.search("".join(self.log)) or self.process.poll(), 30)
        if not isinstance(ready, re.Match):
            self.process.kill()
            msg = f"the server did not start: {''.join(self.log)}"
            raise TimeoutError(msg)
        self.grpc = f"127.0.0.1:{ready[2]}"
        self.models = ready[3]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{ready[1]}", timeout=60)

    def predict(self, name: str, instances: list[Any], **headers: str) -> httpx.Response:
        """Sends a V1 request."""
        url = f"/v1/models/{name}:predict"
        return self.client.post(url, json={"instances": instances}, headers=headers)

    def load(self, name: str, path: Path, version: int) -> httpx.Response:
        """Asks the server to load a bundle."""
        body = {"parameters": {"path": str(path), "version": version}}
        return self.client.post(f"/v2/repository/models/{name}/load", json=body)

    def metric(self, sample: str) -> float:
        """Returns a sample's value by its text in the exposition; 0 where it is absent."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(sample + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        for reader, stream in zip(
            self._readers, (self.process.stderr, self.process.stdout), strict=True
        ):
            reader.join(5)
            assert stream is not None
            stream.close()
        return status


def skops_bundle(fitted: Fitted, folder: Path) -> Path:
    """Copies a bundle with the fitted pipeline as a skops file in place of ONNX."""
    from skops import io

    folder.mkdir(parents=True)
    for name in ("card.md", "reference.json"):
        (folder / name).write_bytes((fitted.folder / name).read_bytes())
    io.dump(fitted.pipeline, folder / "model.skops")
    write(folder, fitted.manifest.model_copy(update={"runtime": "skops"}))
    return folder


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Returns the condition's first true value, or its last value when time is up."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value
