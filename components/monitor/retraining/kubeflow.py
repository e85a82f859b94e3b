"""Runs the uploaded training pipeline on Kubeflow Pipelines, by its HTTP API.

The monitor's image holds no kfp: four requests are all that it needs. The run is named by the
decision's id and looked for under that name before it is created, so that a monitor that was killed
between the two creates no second one. KFP says whether a run succeeded and not what came of it: a
version that this run registered here was promoted, and without one its gates refused it.
Source: backend/api/v2beta1/{pipeline,run,filter}.proto of Kubeflow Pipelines 2.17.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from components.monitor.retraining.runner import (
    Ending,
    Order,
    Registered,
    RunnerError,
    RunnerUnavailableError,
    shorten,
)

PIPELINE: Final = "kubeloop-training"
TIMEOUT_SECONDS: Final = 20.0

_API: Final = "/apis/v2beta1"
_UNDER_WAY: Final = ("RUNTIME_STATE_UNSPECIFIED", "PENDING", "RUNNING", "CANCELING", "PAUSED")
# What another try may mend: too many requests, and a server or a gateway that is not well.
_AGAIN: Final = (408, 429, 500, 502, 503, 504)
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where runs are created.

    Attributes:
        address: of the API, such as `http://ml-pipeline.kubeflow.svc:8888`.
        namespace: of the pipeline and its runs; empty where Kubeflow has one user.
        pipeline: the name of the uploaded pipeline.
        token_file: holds the bearer token, and is read for each request, as it is renewed; None
            for none.
        experiment: the id of the experiment; empty for the default one.
        service_account: that runs' pods have; empty for the default one.
        parameters: of the pipeline, besides those that the monitor knows: `registry`, `serving`,
            `webhook`, sizes.
        monitor: base URL by which runs reach the monitor.
    """

    address: str
    monitor: str
    namespace: str = ""
    pipeline: str = PIPELINE
    token_file: Path | None = None
    experiment: str = ""
    service_account: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


class KubeflowRunner:
    """Runs on a cluster."""

    pause = 15.0

    def __init__(self, cluster: Cluster, registered: Registered) -> None:
        """Asks nobody yet.

        Args:
            cluster: where runs are created.
            registered: finds the version that a run registered.
        """
        self._cluster = cluster
        self._registered = registered

    def start(self, order: Order) -> str:
        """Creates a run of the pipeline's newest version, or finds the one that is there."""
        found = self._find(order.id)
        if found:
            return found
        pipeline = self._pipeline()
        version = self._newest_version(pipeline)
        run: dict[str, Any] = {
            "display_name": order.id,
            "description": f"Kubeloop's monitor retrains {order.model}",
            "pipeline_version_reference": {
                "pipeline_id": pipeline,
                "pipeline_version_id": version,
            },
            "runtime_config": {"parameters": self._parameters(order)},
        }
        if self._cluster.service_account:
            run["service_account"] = self._cluster.service_account
        if self._cluster.experiment:
            run["experiment_id"] = self._cluster.experiment
        made = self._call("POST", "/runs", body=run)
        return _text(made, "run_id", "a run that was created")

    def follow(self, identity: str, run: str, model: str) -> Ending | None:
        """Asks for the run's state."""
        try:
            found = self._call("GET", f"/runs/{quote(run, safe='')}")
        except RunnerError as exc:
            return Ending("failed", shorten(f"run {run}: {exc}"))
        state = found.get("state", _UNDER_WAY[0])
        if state in _UNDER_WAY:
            return None
        if state != "SUCCEEDED":
            error = found.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            text = f"run {run} of {self._cluster.pipeline} is {state}"
            return Ending("failed", shorten(f"{text}: {said}" if said else text))
        version = self._registered(model, identity)
        if version is None:
            why = f"run {run} succeeded without a new version: its gates refused it"
            return Ending("not_approved", why)
        return Ending("promoted", f"run {run} put version {version} into service", version)

    def _parameters(self, order: Order) -> dict[str, Any]:
        return {
            "spec": json.dumps(order.spec, sort_keys=True, separators=(",", ":")),
            "candidates": list(order.spec.get("candidates", ())),
            "monitor": self._cluster.monitor,
            "fresh": order.fresh,
            "run_id": order.id,
            **self._cluster.parameters,
        }

    def _find(self, identity: str) -> str | None:
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": identity}
        query = {"page_size": "1", "filter": json.dumps({"predicates": [predicate]})}
        found = self._call("GET", "/runs", query | self._scope()).get("runs") or []
        return _text(found[0], "run_id", "a run that was found") if found else None

    def _pipeline(self) -> str:
        name = quote(self._cluster.pipeline, safe="")
        found = self._call("GET", f"/pipelines/names/{name}", self._scope())
        return _text(found, "pipeline_id", f"pipeline {self._cluster.pipeline!r}")

    def _newest_version(self, pipeline: str) -> str:
        path = f"/pipelines/{quote(pipeline, safe='')}/versions"
        query = {"sort_by": "created_at desc", "page_size": "1"}
        found = self._call("GET", path, query).get("pipeline_versions") or []
        if not found:
            msg = (
                f"pipeline {self._cluster.pipeline!r} has no version: upload one by "
                "kubeloop compile --native | kubectl apply -f -"
            )
            raise RunnerError(msg)
        return _text(found[0], "pipeline_version_id", "a pipeline's version")

    def _scope(self) -> dict[str, str]:
        return {"namespace": self._cluster.namespace} if self._cluster.namespace else {}

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sends one request.

        Raises:
            RunnerError: it was refused, as it would be again.
            RunnerUnavailableError: nobody answers, or another try may succeed.
        """
        url = f"{self._cluster.address.rstrip('/')}{_API}{path}"
        url += f"?{urlencode(query)}" if query else ""
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data, self._headers(), method=method)  # noqa: S310
        what = f"{method} {_API}{path}"
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                document = json.loads(answer.read())
        except HTTPError as exc:
            raise _refused(exc, what) from exc
        except (URLError, OSError, HTTPException) as exc:
            msg = f"{what}: Kubeflow Pipelines does not answer: {getattr(exc, 'reason', exc)}"
            raise RunnerUnavailableError(msg) from exc
        except ValueError as exc:
            msg = f"{what} answered something else than JSON: is there another server?"
            raise RunnerUnavailableError(msg) from exc
        return document if isinstance(document, dict) else {}

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._cluster.token_file is not None:
            try:
                token = self._cluster.token_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as exc:
                msg = f"the token file {str(self._cluster.token_file)!r} cannot be read"
                raise RunnerUnavailableError(msg) from exc
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _refused(exc: HTTPError, what: str) -> RunnerError | RunnerUnavailableError:
    """Makes the error of an answer; KFP's own message says what it disliked."""
    try:
        said = json.loads(exc.read())
        text = str(said.get("message") or said.get("error") or "")
    except (OSError, ValueError, AttributeError, HTTPException):
        text = ""
    hints = {
        401: "the token is missing or has expired",
        403: "the monitor's account lacks the right to it",
        404: "it is not there: is the pipeline uploaded, and in this namespace?",
    }
    said = ": ".join(filter(None, (hints.get(exc.code, ""), shorten(text)[:_SHOWN])))
    message = f"{what} answered {exc.code}" + (f": {said}" if said else "")
    # A token is renewed, and a right is given, without anybody telling the monitor.
    if exc.code in (*_AGAIN, 401):
        return RunnerUnavailableError(message)
    return RunnerError(message)


def _text(document: Mapping[str, Any], key: str, what: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        msg = f"Kubeflow Pipelines names no {key} of {what}"
        raise RunnerUnavailableError(msg)
    return value
