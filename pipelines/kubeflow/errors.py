"""What Kubeflow Pipelines answers, or does not, as one sentence that says what to do about it."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from kfp_server_api.exceptions import (  # type: ignore[import-untyped]
    ApiException,
    OpenApiException,
)
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import (
    TimeoutError as SlowError,
)

from components.errors import KubeloopError

_SHOWN: Final = 300
# What another try may mend: a server, a gateway or a proxy before it that is not well for a while.
_AGAIN: Final = (408, 429, 500, 502, 503, 504)


class KubeflowError(KubeloopError):
    """Kubeflow Pipelines cannot be reached, refuses, or is something else."""


class UnavailableError(KubeflowError):
    """Kubeflow Pipelines cannot be reached now; another try may succeed."""


class TokenError(KubeflowError):
    """The token is not accepted, or cannot be read; another one in its file may be."""


class MissingError(KubeflowError):
    """What was asked for is not there."""


class TakenError(KubeflowError):
    """What was to be created is there already."""


@contextmanager
def sentences(host: str, namespace: str, what: str) -> Iterator[None]:
    """Turns the errors of kfp's client into sentences.

    Args:
        host: the address that is asked.
        namespace: of the runs; empty where there is one user.
        what: is being done, such as `create a run`.

    Yields:
        Nothing.

    Raises:
        UnavailableError: another try may succeed.
        TokenError: another token may be accepted.
        MissingError: it is not there.
        TakenError: it is there already.
        KubeflowError: another try ends the same.
    """
    try:
        yield
    except ApiException as exc:
        if not exc.status:
            # It came well, and kfp's client could make nothing of it.
            raise not_kubeflow(host, what) from exc
        raise refused(exc, host, namespace, what) from exc
    except DecodeError as exc:
        raise not_kubeflow(host, what) from exc
    except (HTTPError, ssl.SSLError) as exc:
        raise _unreachable(exc, host, what) from exc


@contextmanager
def answers(host: str, what: str) -> Iterator[None]:
    """Takes an answer that kfp's client could make nothing of for one of something else.

    Args:
        host: the address that is asked.
        what: is being done.

    Yields:
        Nothing.

    Raises:
        KubeflowError: the answer is of another shape.
        SSLError: there was none.
    """
    try:
        yield
    except OpenApiException:
        raise
    except (ValueError, TypeError, AttributeError, KeyError) as exc:
        # It expects a body of each failure, and one of TLS has none.
        cause: BaseException | None = exc
        while cause is not None:
            if isinstance(cause, SSLError):
                raise cause from exc
            cause = cause.__context__
        raise not_kubeflow(host, what) from exc


def refused(exc: Any, host: str, namespace: str, what: str) -> KubeflowError:
    """Makes the error of an answer.

    Args:
        exc: an `ApiException`.
        host: the address that answered.
        namespace: of the runs; empty where there is one user.
        what: was being done.

    Returns:
        The error, with the status, what may be done about it, and the server's own words.
    """
    said = _message(exc.body)
    if 300 <= exc.status < 400:
        said, hint = "", _elsewhere(host, (exc.headers or {}).get("Location") or "")
    else:
        hint = _hint(exc.status, said, namespace)
    parts = "; ".join(filter(None, (hint, f"it said: {said}" if said else "")))
    text = f"cannot {what}: {host} answered {exc.status}" + (f": {parts}" if parts else "")
    if exc.status in _AGAIN and not _is_final(said):
        return UnavailableError(text)
    kinds = {401: TokenError, 404: MissingError, 409: TakenError}
    return kinds.get(exc.status, KubeflowError)(text)


def not_kubeflow(host: str, what: str) -> KubeflowError:
    """Makes the error of an answer that no Kubeflow Pipelines gives."""
    return KubeflowError(
        f"cannot {what}: {host} answered what no Kubeflow Pipelines does: it is something else, or "
        "a login stands before it; check --host, and give --token-file FILE with a token that the "
        "login accepts"
    )


def _elsewhere(host: str, location: str) -> str:
    """Says where a redirect leads; no more than the server, as a login's address holds secrets."""
    try:
        place = urlsplit(urljoin(host, location))
        server = f"{place.scheme}://{place.netloc.rpartition('@')[2]}"
    except ValueError:
        server = ""
    if not location or not server or server == host:
        return "it sends on, as a login does: give --token-file FILE with a token that it accepts"
    return (
        f"it sends on to {server}: name that by --host; where it is a login, give --token-file "
        "FILE with a token that it accepts"
    )


def _hint(status: int, said: str, namespace: str) -> str:
    where = f"namespace {namespace!r}" if namespace else "Kubeflow's namespace"
    low = said.lower()
    if "exceeded quota" in low:
        return f"a ResourceQuota of {where} is used up: wait for runs to end, or have it raised"
    if "namespace" in low and "not found" in low:
        return f"{where} is not there: check --namespace"
    if status == 400 and low.startswith("failed to create a pipeline"):
        return "Kubeflow keeps the reason in its own log; often it is a right that is missing"
    hints = {
        401: "the token is missing or has expired: name a file with a new one by --token-file",
        403: (
            f"this account has no right to it in {where}: it needs a RoleBinding there to the "
            "ClusterRole kubeflow-pipelines-edit"
        ),
        500: "" if said else "it fails and does not say why: try again later",
        404: "it is not there: check --host and --namespace; Kubeflow Pipelines 1 has no such API",
        409: "it is there already",
        429: "it has too much to do: try again later",
        502: "what stands before it got no answer from it: try again later",
        503: "it is not ready: try again later",
        504: "what stands before it got no answer from it: try again later",
    }
    return hints.get(status, "")


def _is_final(said: str) -> bool:
    """Whether a server's error is none that passes, though its status says so."""
    low = said.lower()
    return "exceeded quota" in low or ("namespace" in low and "not found" in low)


def _message(body: str | bytes | None) -> str:
    """The server's own words, in one line; nothing of a page."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        found = json.loads(text)
    except ValueError:
        found = "" if text.lstrip().startswith("<") else text
    if isinstance(found, dict):
        words = (found.get(key) for key in ("message", "error_message", "error"))
        found = next((word for word in words if isinstance(word, str) and word), "")
    return _line(str(found))


def _unreachable(exc: Exception, host: str, what: str) -> KubeflowError:
    cause: BaseException | None = exc.reason if isinstance(exc, MaxRetryError) else exc
    start = f"cannot {what}: "
    if isinstance(cause, (SSLError, ssl.SSLError)):
        if "WRONG_VERSION_NUMBER" in str(cause) or "RECORD_LAYER" in str(cause):
            return KubeflowError(f"{start}{host} speaks no TLS: did you mean http://?")
        return KubeflowError(
            f"{start}the certificate of {host} is not trusted ({_line(str(cause))}): name the file "
            "of its authority in SSL_CERT_FILE"
        )
    if isinstance(cause, NameResolutionError):
        return UnavailableError(f"{start}nobody knows the host of {host}: check --host")
    if isinstance(cause, NewConnectionError):
        return UnavailableError(
            f"{start}nobody answers at {host}: check --host; where Kubeflow is reached through "
            "`kubectl port-forward --namespace kubeflow service/ml-pipeline-ui 8888:80`, is that "
            "running?"
        )
    if isinstance(cause, SlowError):
        return UnavailableError(f"{start}{host} does not answer in time: try again later")
    if isinstance(cause, ProtocolError):
        return UnavailableError(f"{start}{host} ended the connection before it had answered")
    return UnavailableError(f"{start}{host} cannot be reached: {_line(str(cause))}")


def _line(text: str) -> str:
    """A text in one line that a terminal shows as it is."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
