"""An HTTP server that speaks the shapes of Kubeflow Pipelines' v2beta1 API, for tests."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kfp_server_api.models import V2beta1Run  # type: ignore[import-untyped]


class KubeflowApi:
    """Pipelines and runs in memory; `failures` answers the next requests with an error."""

    def __init__(self) -> None:
        self.versions = [
            {
                "pipeline_id": "p1",
                "pipeline_version_id": "v1",
                "created_at": "2026-11-01T00:00:00Z",
            },
            {
                "pipeline_id": "p1",
                "pipeline_version_id": "v3",
                "created_at": "2026-11-03T00:00:00Z",
            },
            {
                "pipeline_id": "p1",
                "pipeline_version_id": "v2",
                "created_at": "2026-11-02T00:00:00Z",
            },
        ]
        self.runs: dict[str, dict[str, Any]] = {}
        self.failures: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str, str | None]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                api.asked.append((self.command, self.path, self.headers["Authorization"]))
                status, answer = (
                    api.failures.pop(0) if api.failures else api.answer(self.path, body)
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: Any) -> tuple[int, bytes]:
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        route = unquote(parts.path.removeprefix("/apis/v2beta1"))
        if route == "/pipelines/names/kubeloop-training":
            return self._json({"pipeline_id": "p1", "namespace": query.get("namespace", "")})
        if route == "/pipelines/p1/versions":
            assert query["sort_by"] == "created_at desc"
            newest = sorted(self.versions, key=lambda v: v["created_at"], reverse=True)
            return self._json({"pipeline_versions": newest[: int(query["page_size"])]})
        if route == "/runs" and body is not None:
            # A field that the API does not know is an error of protobuf's JSON reader.
            unknown = body.keys() - V2beta1Run.openapi_types.keys()
            if unknown:
                return 400, json.dumps({"code": 3, "message": f"unknown {unknown}"}).encode()
            run = {**body, "run_id": f"run-{len(self.runs)}", "state": "PENDING"}
            self.runs[run["run_id"]] = run
            return self._json(run)
        if route == "/runs":
            [predicate] = json.loads(query["filter"])["predicates"]
            assert (predicate["operation"], predicate["key"]) == ("EQUALS", "display_name")
            wanted = predicate["string_value"]
            found = [run for run in self.runs.values() if run["display_name"] == wanted]
            return self._json({"runs": found} if found else {})
        if route.removeprefix("/runs/") in self.runs:
            return self._json(self.runs[route.removeprefix("/runs/")])
        return 404, json.dumps({"code": 5, "message": f"{route} not found"}).encode()

    def _json(self, document: Any) -> tuple[int, bytes]:
        return 200, json.dumps(document).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
