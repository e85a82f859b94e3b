"""As much of a Kubernetes API server as `kubectl` needs to read and to write Secrets.

Server-side apply is kept in its essence: what a manager applies is merged into what is there.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Secret = dict[str, Any]
_RESOURCES = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [
        {
            "name": "secrets",
            "singularName": "secret",
            "namespaced": True,
            "kind": "Secret",
            "verbs": ["get", "patch"],
        }
    ],
}
_DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": _RESOURCES,
    "/openapi/v3": {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}},
    # By this kubectl sees that the server itself refuses unknown fields.
    "/openapi/v3/api/v1": {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.1"},
        "paths": {
            "/api/v1/namespaces/{namespace}/secrets/{name}": {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query"}],
                    "responses": {},
                    "x-kubernetes-group-version-kind": {
                        "group": "",
                        "kind": "Secret",
                        "version": "v1",
                    },
                }
            }
        },
    },
    "/api/v1/namespaces/kubeflow": {"kind": "Namespace", "metadata": {"name": "kubeflow"}},
    "/api/v1/namespaces/kubeloop": {"kind": "Namespace", "metadata": {"name": "kubeloop"}},
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.1"},
}


class Api(ThreadingHTTPServer):
    """The server; `secrets` by namespace and name, `calls` in their order.

    `broken` names what it answers 500 for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secrets: dict[tuple[str, str], Secret] = {}
        self.calls: list[str] = []
        self.broken: set[tuple[str, str]] = set()

    def put(self, namespace: str, name: str, **values: str) -> None:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.secrets[namespace, name] = _secret(namespace, name, data=data)

    def values(self, namespace: str, name: str) -> dict[str, str]:
        data = self.secrets[namespace, name].get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Api]:
    """Runs the server on a free port of loopback."""
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


def _secret(namespace: str, name: str, **fields: Any) -> Secret:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", **fields}


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:  # noqa: N802
        path = urlsplit(self.path).path
        if path in _DISCOVERY:
            self._answer(200, _DISCOVERY[path])
            return
        key = self._named(path)
        if key in self.server.broken:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500}
            self._answer(500, {**status, "reason": "InternalError", "message": "etcd is away"})
            return
        self._found(self.server.secrets.get(key))

    def do_PATCH(self) -> None:  # noqa: N802
        path = urlsplit(self.path)
        manager = parse_qs(path.query)["fieldManager"][0]
        key = self._named(path.path)
        self.server.calls.append(f"apply {key[0]}/{key[1]} by {manager}")
        given = yaml.safe_load(self._body())
        old = self.server.secrets.get(key) or _secret(*key)
        merged = {**old, "data": {**old.get("data", {}), **given.get("data", {})}}
        self.server.secrets[key] = merged
        self._answer(200, merged)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _named(self, path: str) -> tuple[str, str]:
        parts = path.split("/")
        return (parts[4], parts[6]) if len(parts) == 7 and parts[5] == "secrets" else ("", path)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _found(self, secret: Secret | None) -> None:
        if secret is not None:
            self._answer(200, secret)
            return
        text = f'secrets "{urlsplit(self.path).path.rpartition("/")[2]}" not found'
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
        self._answer(404, {**status, "reason": "NotFound", "message": text})

    def _answer(self, code: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
