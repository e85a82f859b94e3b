"""Reads a cluster by raw paths of its API; nothing is ever changed."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.deploy.kserve.kubeconfig import KubeconfigError, load_kubeconfig
from pipelines.cluster.commands import ClusterError

Document = dict[str, Any]
_TIMEOUT_S = 10.0
_IN_POD = "KUBERNETES_SERVICE_HOST"
_ABSENT = "make cluster-up makes one on this machine; KUBECONFIG names another"


class UnnamedError(ClusterError):
    """No cluster is named that could be asked.

    Attributes:
        mend: what to do about it.
    """

    def __init__(self, said: str, mend: str) -> None:
        """Takes what is wrong, and what to do about it."""
        super().__init__(said)
        self.mend = mend


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
        UnnamedError: there is no configuration that can be used, or no context of that name.
    """
    from kubernetes import client, config

    settings = client.Configuration()
    # An address where nothing listens is told at once.
    settings.retries = False
    name = ""
    try:
        if os.environ.get(_IN_POD) and not context:
            config.load_incluster_config(settings)
        else:
            name = load_kubeconfig(config, settings, context)
    except (config.ConfigException, OSError, ValueError) as exc:
        msg = f"no cluster is configured: {_first_line(exc)}"
        raise UnnamedError(msg, "see the pod's service account, or name a context") from exc
    except KubeconfigError as exc:
        said = f"no cluster is configured: {exc}" if exc.absent else str(exc)
        raise UnnamedError(said, _ABSENT if exc.absent else exc.mend) from exc
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
        msg = f"nobody answers at {api.configuration.host}: {_cause(exc)}"
        raise RefusedError(0, msg) from exc
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        msg = f"{api.configuration.host} answers something that is no Kubernetes API"
        raise RefusedError(0, msg) from exc
    except ValueError as exc:
        # Not what it says: it quotes the header, which is the token.
        msg = "the configuration's credentials cannot be sent: a token is one line of plain letters"
        raise RefusedError(0, msg) from exc
    return found


def _message(exc: Any) -> str:
    """The sentence of a Status, or else the HTTP reason."""
    if not exc.status:
        # The client's way to say that TLS failed.
        return f"no TLS with the server: {next(iter(str(exc.reason).splitlines()), '')}"
    try:
        return str(json.loads(exc.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{exc.status} {exc.reason}"


def _cause(exc: BaseException) -> str:
    """The system's own word for a failed connection."""
    if isinstance(exc, TimeoutError) or type(exc).__name__.endswith("TimeoutError"):
        return f"no answer in {_TIMEOUT_S:g} s"
    while exc.__cause__ or exc.__context__:
        exc = exc.__cause__ or exc.__context__ or exc
    return (isinstance(exc, OSError) and exc.strerror) or _first_line(exc)


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
