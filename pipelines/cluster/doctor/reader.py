"""Reads a cluster by raw paths of its API; nothing is ever changed."""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.address import without_secrets
from components.deploy.kserve.kubeconfig import KubeconfigError, load_kubeconfig
from components.errors import root_cause
from pipelines.cluster.commands import ClusterError

Document = dict[str, Any]
# Seconds to connect, and between two pieces of an answer. The client takes a pair of numbers, or a
# whole one; a float it passes over without a word, and waits for ever.
PATIENCE = (10.0, 10.0)
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


class SilentError(ClusterError):
    """Nobody is there, or it gives no answer: what else would be asked has none either."""


class RefusedError(ClusterError):
    """The API gave an answer that cannot be used.

    Attributes:
        status: of HTTP; 0 where it was none of Kubernetes'.
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
        asked: the context that was asked for; empty where it is the current one.
    """

    context: str
    server: str
    call: Callable[[str, str, Document | None], Document]
    asked: str = ""

    @property
    def kubectl(self) -> str:
        """How a command for this cluster begins, to be typed in a shell."""
        return f"kubectl --context {shlex.quote(self.asked)}" if self.asked else "kubectl"

    def get(self, path: str) -> Document | None:
        """Reads one resource.

        Args:
            path: such as `/api/v1/namespaces/kubeloop`.

        Returns:
            The document; None where there is none.

        Raises:
            RefusedError: the API says something else.
            SilentError: it says nothing.
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


def connect(context: str = "", patience: tuple[float, float] = PATIENCE) -> Reader:
    """Finds the cluster: in a pod its own, else the one that KUBECONFIG names.

    Args:
        context: of the configuration; empty for the current one.
        patience: seconds to connect, and between two pieces of an answer.

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
    server = without_secrets(settings.host)
    return Reader(name, server, lambda *request: _call(api, patience, *request), context)


def _call(
    api: Any, patience: tuple[float, float], method: str, path: str, body: Document | None
) -> Document:
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
            _request_timeout=patience,
        )
        found = json.loads(answer.data)
    except ApiException as exc:
        if not exc.status:
            # The client's way to say that TLS failed.
            reason = next(iter(str(exc.reason).splitlines()), "")
            msg = f"no TLS with the server: {reason}"
            raise SilentError(msg) from exc
        raise RefusedError(int(exc.status), _message(exc)) from exc
    except (urllib3.exceptions.HTTPError, OSError) as exc:
        server = without_secrets(api.configuration.host)
        msg = f"nobody answers at {server}: {_cause(exc, patience)}"
        raise SilentError(msg) from exc
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise RefusedError(0, _foreign(api)) from exc
    except ValueError as exc:
        # Not what it says: it quotes the header, which is the token.
        msg = "the configuration's credentials cannot be sent: a token is one line of plain letters"
        raise RefusedError(0, msg) from exc
    if not isinstance(found, dict):
        raise RefusedError(0, _foreign(api))
    return found


def _foreign(api: Any) -> str:
    return f"{without_secrets(api.configuration.host)} answers something that is no Kubernetes API"


def _message(exc: Any) -> str:
    """The sentence of a Status, or else the HTTP reason."""
    try:
        return str(json.loads(exc.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{exc.status} {exc.reason}"


def _cause(exc: BaseException, patience: tuple[float, float]) -> str:
    """The system's own word for a failed connection."""
    if isinstance(exc, TimeoutError) or type(exc).__name__.endswith("TimeoutError"):
        away = type(exc).__name__ == "ConnectTimeoutError"
        return f"no {'connection' if away else 'answer'} in {patience[not away]:g} s"
    cause = root_cause(exc)
    return (isinstance(cause, OSError) and cause.strerror) or _first_line(cause)


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
