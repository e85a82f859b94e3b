"""Pods of two versions whose /metrics a test writes, in a cluster where nothing else runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from components.deploy.kserve.variants import Variant
from tests.kubernetes_api import Api

CANDIDATE = Variant("churn", "v2", 2, 10)
STABLE = Variant("churn", "v1", 1, 90)
LAST = {"terminated": {"exitCode": 139, "reason": "Error", "finishedAt": "2026-11-21T10:00:00Z"}}


class Pods(ThreadingHTTPServer):
    """What pods show on /metrics, one text a reading; the last one stays.

    Attributes:
        texts: None is a 404, and bytes are sent as they are, without a head.
    """

    def __init__(self) -> None:
        """Listens on loopback."""
        super().__init__(("127.0.0.1", 0), _Metrics)
        self.texts: list[str | bytes | None] = []


class _Metrics(BaseHTTPRequestHandler):
    server: Pods

    def do_GET(self) -> None:  # noqa: N802
        texts = self.server.texts
        text = texts.pop(0) if len(texts) > 1 else texts[0]
        if isinstance(text, bytes):
            self.wfile.write(text)
            return
        body = (text or "").encode()
        self.send_response(404 if text is None else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@contextmanager
def showing() -> Iterator[Pods]:
    """Pods that answer while this lasts."""
    server = Pods()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def metrics(good: int = 0, failed: int = 0, in_flight: int = 0) -> str:
    """What a pod shows that has counted so much."""
    return (
        f'kubeloop_requests_total{{code="200",model_name="churn"}} {good}\n'
        f'kubeloop_requests_total{{code="500",model_name="churn"}} {failed}\n'
        f'kubeloop_requests_in_flight{{model_name="churn"}} {in_flight}\n'
    )


def put_pod(
    api: Api,
    pods: Pods,
    name: str,
    *,
    of: Variant = CANDIDATE,
    ready: str = "True",
    server: bool = True,
    restarts: int = 0,
    **status: Any,
) -> None:
    """Puts a pod that is ready, unless it is told otherwise.

    Args:
        api: of the cluster.
        pods: what it shows on /metrics.
        name: the pod's.
        of: the version.
        ready: its condition Ready.
        server: whether its container is ready.
        restarts: of its container.
        status: further fields of the pod's status.
    """
    labels = dict(pair.split("=") for pair in of.selector.split(","))
    port = {"name": "http", "containerPort": pods.server_address[1]}
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"containers": [{"name": "kserve-container", "ports": [port]}]},
            "status": {
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [
                    {"name": "kserve-container", "ready": server, "restartCount": restarts}
                    | ({"lastState": LAST} if restarts else {})
                ],
                **status,
            },
        }
    )
