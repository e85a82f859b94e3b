"""An HTTP server that speaks the shapes of Kubeflow Pipelines' v2beta1 API, for tests.

It keeps pipelines, versions, experiments, runs and schedules in memory, refuses what the API server
of Kubeflow Pipelines 2.17 refuses (fields that it does not know, parameters that a pipeline has not
or lacks, a namespace where there is one user), and can be told to fail, to be another server, or to
end a connection after it acted. Source: backend/src/apiserver/server of that version.
"""

import io
import json
import re
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from kfp_server_api import models  # type: ignore[import-untyped]

from tests.certificates import Identity

Answer = tuple[int, bytes]
Query = dict[str, str]
_NEVER = "0001-01-01T00:00:00Z"
_ABOUT = "2026-11-21T10:00:{:02d}Z"


class RefusedError(Exception):
    """What the API answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeflowApi:
    """Pipelines and runs in memory.

    Attributes:
        versions: of pipelines; three of one pipeline, unless told to begin without any.
        runs: by id, each as it was asked for, with its state.
        schedules: recurring runs by id.
        uploads: the files that were uploaded, in their order.
        failures: answers to the next requests, whatever they ask.
        asked: method, path and `Authorization` of each request.
        plays: what becomes of a run, step by step: each question for it takes the next one.
        logs: text by pod.
        objects: content by `bucket/key`, as the user interface hands it on.
        bearer: the token that requests have to show; empty for none.
        page: an HTML page that is answered to everything; empty for none.
        is_ready: what the user interface says of the API behind it.
        seconds_apart: by KFP's clock, which has whole seconds, of schedules that are made.
    """

    def __init__(
        self, *, many_users: bool = False, empty: bool = False, tls: Identity | None = None
    ) -> None:
        self.many_users = many_users
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: list[dict[str, Any]] = []
        if not empty:
            self.pipelines["p1"] = {"pipeline_id": "p1", "name": "kubeloop-training"}
            self.versions = [
                {
                    "pipeline_id": "p1",
                    "pipeline_version_id": f"v{day}",
                    "created_at": f"2026-11-{day:02d}T00:00:00Z",
                }
                for day in (1, 3, 2)
            ]
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.uploads: list[str] = []
        self.failures: list[Answer] = []
        self.asked: list[tuple[str, str, str | None]] = []
        self.plays: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {}
        self.objects: dict[str, bytes] = {}
        self.bearer = ""
        self.page = ""
        self.is_ready = True
        self.seconds_apart = 1
        self._made = 0
        self._cuts: list[tuple[str, str]] = []
        self._refusals: list[tuple[str, str, Answer]] = []
        self._looked = threading.Condition()
        self._acting = threading.Lock()
        self._meetings: list[tuple[str, str, threading.Barrier]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.address = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(self, method: str, path: str, status: int, message: str, times: int = 1) -> None:
        """Has the next such requests answered with an error, as KFP words it."""
        answer = status, json.dumps({"code": 2, "message": message}).encode()
        self._refusals += [(method, path, answer)] * times

    def cut(self, method: str, path: str) -> None:
        """Has the next such request acted upon, and its connection ended before the answer."""
        self._cuts.append((method, path))

    def meet(self, method: str, path: str, parties: int = 2) -> None:
        """Has the next such requests wait for each other, before any is acted upon."""
        self._meetings.append((method, path, threading.Barrier(parties, timeout=60)))

    def await_looks(self, count: int) -> None:
        """Waits until runs were asked for so often."""
        with self._looked:
            assert self._looked.wait_for(lambda: self._looks() >= count, timeout=60)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _looks(self) -> int:
        return sum("/runs/run-" in path for _, path, _ in self.asked)

    def respond(self, method: str, path: str, token: str | None, body: bytes) -> Answer | None:
        """Answers a request; None ends its connection."""
        with self._looked:
            self.asked.append((method, path, token))
            self._looked.notify_all()
        if self.failures:
            return self.failures.pop(0)
        if self.page:
            return 200, self.page.encode()
        if self.bearer and token != f"Bearer {self.bearer}":
            return (
                401,
                b'{"code": 16, "message": "Request header error: there is no user identity"}',
            )
        for refusal in self._refusals:
            if refusal[0] == method and re.search(refusal[1], path):
                self._refusals.remove(refusal)
                return refusal[2]
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self._wait_for_others(method, path)
        try:
            with self._acting:
                answer = self._route(method, unquote(parts.path), query, body)
        except RefusedError as exc:
            answer = exc.status, json.dumps({"code": 2, "message": str(exc)}).encode()
        for cut in self._cuts:
            if cut[0] == method and re.search(cut[1], path):
                self._cuts.remove(cut)
                return None
        return answer

    def _wait_for_others(self, method: str, path: str) -> None:
        for meeting in list(self._meetings):
            if meeting[0] == method and re.search(meeting[1], path):
                meeting[2].wait()
                with self._acting:
                    self._meetings = [other for other in self._meetings if other is not meeting]

    def _route(self, method: str, path: str, query: Query, body: bytes) -> Answer:
        for verb, pattern, act in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                found = act(self, *match.groups(), query=query, body=body)
                return (200, found) if isinstance(found, bytes) else (200, _json(found))
        raise RefusedError(404, f"{method} {path} not found")

    def health(self, *, query: Query, body: bytes) -> Any:
        # As the user interface answers, which stands before the API.
        return {"apiServerReady": self.is_ready} | ({"multi_user": True} if self.many_users else {})

    def named_pipeline(self, name: str, *, query: Query, body: bytes) -> Any:
        for pipeline in self.pipelines.values():
            if pipeline["name"] == name and self._is_of(pipeline, query):
                return {**pipeline, "namespace": query.get("namespace", "")}
        raise RefusedError(404, f"Failed to get a pipeline with name {name}")

    def create_pipeline(self, *, query: Query, body: bytes) -> Any:
        wanted = self._read(body, models.V2beta1Pipeline)
        if any(self._is_same(p, wanted, "name") for p in self.pipelines.values()):
            raise RefusedError(409, f"The name {wanted['name']} already exist")
        identity = f"p{len(self.pipelines) + 1}"
        self.pipelines[identity] = {**wanted, "pipeline_id": identity}
        return self.pipelines[identity]

    def list_versions(self, pipeline: str, *, query: Query, body: bytes) -> Any:
        found = [v for v in self.versions if v["pipeline_id"] == pipeline and _fits(v, query)]
        newest = sorted(found, key=lambda v: v["created_at"], reverse=True)
        assert query.get("sort_by", "created_at desc") == "created_at desc"
        return _page(newest, query, "pipeline_versions")

    def upload_version(self, *, query: Query, body: bytes) -> Any:
        if any(v.get("name") == query["name"] for v in self.versions):
            raise RefusedError(409, "Failed to create a pipeline version")
        text = _uploaded(body)
        self.uploads.append(text)
        version = {
            "pipeline_id": query["pipelineid"],
            "pipeline_version_id": f"v{len(self.versions) + 1}",
            "name": query["name"],
            "display_name": query["display_name"],
            "created_at": _ABOUT.format(len(self.versions)),
            "pipeline_spec": next(yaml.safe_load_all(text)),
        }
        self.versions.append(version)
        return version

    def list_experiments(self, *, query: Query, body: bytes) -> Any:
        found = [e for e in self.experiments.values() if _fits(e, query) and self._is_of(e, query)]
        return _page(found, query, "experiments")

    def create_experiment(self, *, query: Query, body: bytes) -> Any:
        wanted = self._read(body, models.V2beta1Experiment)
        if any(self._is_same(e, wanted, "display_name") for e in self.experiments.values()):
            raise RefusedError(409, f"The name {wanted['display_name']} already exists")
        identity = f"e{len(self.experiments) + 1}"
        self.experiments[identity] = {**wanted, "experiment_id": identity}
        return self.experiments[identity]

    def create_run(self, *, query: Query, body: bytes) -> Any:
        wanted = json.loads(body)
        self._check(wanted, models.V2beta1Run)
        run = {**wanted, "run_id": f"run-{len(self.runs)}", "state": "PENDING"}
        self.runs[run["run_id"]] = run
        return run

    def list_runs(self, *, query: Query, body: bytes) -> Any:
        return _page([r for r in self.runs.values() if _fits(r, query)], query, "runs")

    def get_run(self, run: str, *, query: Query, body: bytes) -> Any:
        if run not in self.runs:
            raise RefusedError(404, f"Run {run} not found")
        if self.plays:
            self.runs[run] |= self.plays[0] if len(self.plays) == 1 else self.plays.pop(0)
        return self.runs[run]

    def create_schedule(self, *, query: Query, body: bytes) -> Any:
        wanted = json.loads(body)
        self._check(wanted, models.V2beta1RecurringRun)
        if not 1 <= int(wanted.get("max_concurrency", 0)) <= 10:
            raise RefusedError(400, "Max concurrency of a recurring run must be at least 1")
        identity = f"r{len(self.asked)}-{len(self.schedules)}"
        self.schedules[identity] = {
            **wanted,
            "recurring_run_id": identity,
            "status": "ENABLED",
            "created_at": _ABOUT.format(self._made % 60),
        }
        self._made += self.seconds_apart
        return self.schedules[identity]

    def list_schedules(self, *, query: Query, body: bytes) -> Any:
        found = [s for s in self.schedules.values() if _fits(s, query)]
        return _page(found, query, "recurringRuns")

    def delete_schedule(self, schedule: str, *, query: Query, body: bytes) -> Any:
        if self.schedules.pop(schedule, None) is None:
            raise RefusedError(404, f"Recurring run {schedule} not found")
        return {}

    def log(self, run: str, pod: str, *, query: Query, body: bytes) -> Any:
        missing = {"error_message": f"Failed to read logs for run {run}"}
        return self.logs[pod].encode() if pod in self.logs else _json(missing)

    def artifact(self, bucket: str, key: str, *, query: Query, body: bytes) -> Any:
        """A folder as the user interface hands it on: a gzipped tar of what lies below."""
        prefix = f"{bucket}/{key}/"
        found = {name: text for name, text in self.objects.items() if name.startswith(prefix)}
        if not found:
            raise RefusedError(404, f"No objects found at {bucket}/{key}")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in sorted(found.items()):
                entry = tarfile.TarInfo(name.removeprefix(prefix))
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))
        return packed.getvalue()

    def _read(self, body: bytes, model: Any) -> Any:
        wanted = json.loads(body)
        _check_fields(wanted, model)
        namespace = wanted.get("namespace", "")
        if self.many_users and not namespace:
            raise RefusedError(400, "Namespace cannot be empty in multi-user mode")
        if namespace and not self.many_users:
            raise RefusedError(400, "In single-user mode, the namespace must be empty")
        return wanted

    def _is_of(self, entry: dict[str, Any], query: Query) -> bool:
        return not self.many_users or entry.get("namespace") == query.get("namespace")

    @staticmethod
    def _is_same(entry: dict[str, Any], wanted: dict[str, Any], key: str) -> bool:
        return all(entry.get(part) == wanted.get(part) for part in (key, "namespace"))

    def _check(self, wanted: dict[str, Any], model: Any) -> None:
        """Refuses what the pipeline does not take (backend/src/apiserver/template)."""
        _check_fields(wanted, model)
        version = wanted["pipeline_version_reference"]["pipeline_version_id"]
        (found,) = (v for v in self.versions if v["pipeline_version_id"] == version)
        if "pipeline_spec" not in found:
            return
        taken = found["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        given = wanted["runtime_config"]["parameters"]
        missing = {name for name, about in taken.items() if not about.get("isOptional")} - set(
            given
        )
        if missing:
            raise RefusedError(400, f"parameter {sorted(missing)} is not optional")
        if unknown := set(given) - set(taken):
            raise RefusedError(400, f"parameter(s) provided are not required: {sorted(unknown)}")


_ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = tuple(
    (method, pattern.replace("API", "/apis/v2beta1"), act)
    for method, pattern, act in (
        ("GET", "API/healthz", KubeflowApi.health),
        ("GET", "API/pipelines/names/([^/]+)", KubeflowApi.named_pipeline),
        ("POST", "API/pipelines", KubeflowApi.create_pipeline),
        ("GET", "API/pipelines/([^/]+)/versions", KubeflowApi.list_versions),
        ("POST", "API/pipelines/upload_version", KubeflowApi.upload_version),
        ("GET", "API/experiments", KubeflowApi.list_experiments),
        ("POST", "API/experiments", KubeflowApi.create_experiment),
        ("POST", "API/runs", KubeflowApi.create_run),
        ("GET", "API/runs", KubeflowApi.list_runs),
        ("GET", "API/runs/([^/]+)", KubeflowApi.get_run),
        ("POST", "API/recurringruns", KubeflowApi.create_schedule),
        ("GET", "API/recurringruns", KubeflowApi.list_schedules),
        ("DELETE", "API/recurringruns/([^/]+)", KubeflowApi.delete_schedule),
        ("GET", "/apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", KubeflowApi.log),
        ("GET", "/artifacts/minio/([^/]+)/(.+)", KubeflowApi.artifact),
    )
)


def task(name: str, state: str, *, began: int = 0, ended: int = 5, **more: Any) -> dict[str, Any]:
    """A node of a run as KFP reports it; times are seconds of one minute.

    Args:
        name: as Argo shows it.
        state: PENDING, RUNNING, SUCCEEDED, SKIPPED or FAILED.
        began: when.
        ended: when, if it has.
        **more: fields such as `child_tasks`.
    """
    has_ended = state in ("SUCCEEDED", "FAILED")
    return {
        "display_name": name,
        "pod_name": f"pod-{name}",
        "state": state,
        "start_time": _ABOUT.format(began),
        "end_time": _ABOUT.format(ended) if has_ended else _NEVER,
        **more,
    }


def details(*tasks: dict[str, Any], state: str = "RUNNING", **more: Any) -> dict[str, Any]:
    """What a run is at one moment."""
    return {"state": state, "run_details": {"task_details": list(tasks)}, **more}


def running(**how: Any) -> Iterator[KubeflowApi]:
    """Runs an API for a fixture."""
    api = KubeflowApi(**how)
    yield api
    api.close()


def _handler(api: KubeflowApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if "multipart" in (self.headers["Content-Type"] or ""):
                body = f"Content-Type: {self.headers['Content-Type']}\n\n".encode() + body
            found = api.respond(self.command, self.path, self.headers["Authorization"], body)
            if found is None:
                self.close_connection = True
                return
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(found[1])))
            self.end_headers()
            self.wfile.write(found[1])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _uploaded(body: bytes) -> str:
    (part,) = message_from_bytes(body).get_payload()
    assert not isinstance(part, str)
    content = part.get_payload(decode=True)  # type: ignore[union-attr]
    assert isinstance(content, bytes)
    return content.decode()


def _check_fields(wanted: dict[str, Any], model: Any) -> None:
    # A field that the API does not know is an error of protobuf's JSON reader.
    if unknown := wanted.keys() - model.openapi_types.keys():
        raise RefusedError(400, f"unknown field {sorted(unknown)}")


def _fits(entry: dict[str, Any], query: Query) -> bool:
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        assert predicate["operation"] == "EQUALS"
        if entry.get(predicate["key"]) != predicate["string_value"]:
            return False
    return True


def _page(found: list[Any], query: Query, field: str) -> dict[str, Any]:
    begin, size = int(query.get("page_token") or 0), int(query.get("page_size") or 10)
    more = {"next_page_token": str(begin + size)} if begin + size < len(found) else {}
    page = found[begin : begin + size]
    return ({field: page} if page else {}) | more


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()
