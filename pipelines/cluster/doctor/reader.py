"""Reads a cluster by raw paths of its API; nothing is ever changed."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.cluster.commands import ClusterError

Document = dict[str, Any]
_TIMEOUT_S = 10.0
_IN_POD = "KUBERNETES_SERVICE_HOST"
_DEFAULT = "~/.kube/config"


class RefusedError(ClusterError):
    """The API gave no answer that can be used.

    Attributes:
        status: of HTTP; 0 where there was none.
    """

    def __init__(self, status: int, said: str) -> None:
        """Takes the status and what was said."""
        super().__init__(said)
        self.status = status


@dataclass(frozen=True)
class Reader:
    """A cluster that can be asked.

    Attributes:
        context: the name that the user's configuration has for it; empty within a pod.
        server: its address.
        call: does a request: method, path and body; returns the answer's document.
    """

    context: str
    server: str
    call: Callable[[str, str, Document | None], Document]

    def get(self, path: str) -> Document | None:
        """Reads one resource.

        Args:
            path: such as `/api/v1/namespaces/kubeloop`.

        Returns:
            The document; None where there is none.

        Raises:
            RefusedError: the API says something else.
        """
        try:
            return self.call("GET", path, None)
        except RefusedError as exc:
            if exc.status == 404:
                return None
            raise

    def items(self, path: str) -> list[Document]:
        """Reads a list; an API that does not know the kind has none of them."""
        return list((self.get(path) or {}).get("items") or [])

    def post(self, path: str, body: Document) -> Document:
        """Asks a question that the API answers by a document, such as an access review."""
        return self.call("POST", path, body)


def connect(context: str = "") -> Reader:
    """Finds the cluster: in a pod its own, else the one that KUBECONFIG names.

    Args:
        context: of the configuration; empty for the current one.

    Raises:
        ClusterError: there is no configuration, or none of that name.
    """
    from kubernetes import client, config

    settings = client.Configuration()
    try:
        if os.environ.get(_IN_POD) and not context:
            config.load_incluster_config(settings)
            name = ""
        else:
            # The client reads the variable when it is imported, and it may have changed since.
            file = os.environ.get("KUBECONFIG") or _DEFAULT
            _, current = config.list_kube_config_contexts(file)
            name = context or current["name"]
            config.load_kube_config(file, context=name, client_configuration=settings)
    except config.ConfigException as exc:
        msg = f"no cluster is configured: {_first_line(exc)}"
        raise ClusterError(msg) from exc
    # An address where nothing listens is told at once.
    settings.retries = 1
    api = client.ApiClient(settings)
    return Reader(name, settings.host, lambda *request: _call(api, *request))


def _call(api: Any, method: str, path: str, body: Document | None) -> Document:
    import urllib3
    from kubernetes.client.exceptions import ApiException

    try:
        answer = api.call_api(
            path,
            method,
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=_TIMEOUT_S,
        )
        found: Document = json.loads(answer.data)
    except ApiException as exc:
        raise RefusedError(int(exc.status or 0), _message(exc)) from exc
    except (urllib3.exceptions.HTTPError, OSError) as exc:
        msg = f"{api.configuration.host} gives no answer: {_first_line(exc)}"
        raise RefusedError(0, msg) from exc
    except ValueError as exc:
        msg = f"{api.configuration.host} answers something that is no Kubernetes API"
        raise RefusedError(0, msg) from exc
    return found


def _message(exc: Any) -> str:
    """The sentence of a Status, or else the HTTP reason."""
    try:
        return str(json.loads(exc.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{exc.status} {exc.reason}"


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
