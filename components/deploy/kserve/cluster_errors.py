"""What an API server refuses, as a sentence: which call, of what, where, and what grants it.

A refusal carries Kubernetes' own `Status`: a reason for programs, a message for people. An answer
that is no Status comes from something in between, a proxy or a login page; it may be JSON too, with
fields of the same names that hold anything.
"""

import json
from dataclasses import dataclass
from typing import Any

from components.deploy.kserve.cluster_resources import Call
from components.errors import DeployError

# Reasons of the API's conventions on which deploy decides (k8s.io/apimachinery/pkg/apis/meta/v1).
ALREADY_EXISTS = "AlreadyExists"
CONFLICT = "Conflict"
_ROLE = "the Role model-deployer (manifests/base/access/role.yaml)"
# What a person does from outside of the cluster, and a run in it never.
_PERSONAL = (("create", "services", "proxy"), ("list", "inferenceservices", ""))
_SHOWN = 400


@dataclass(frozen=True)
class _Status:
    """A refusal's body: whatever of it is not there, or is none of Kubernetes', is empty.

    Attributes:
        message: for people.
        reason: for programs.
        name: of the resource that it is about.
        causes: of a conflict, one `field: message` each.
        wait_s: how long to wait, as it was said.
    """

    message: str
    reason: str
    name: str
    causes: tuple[str, ...]
    wait_s: object


class ApiError(DeployError):
    """The API server refused a call.

    Attributes:
        status: of HTTP; 0 where there was no answer.
        reason: Kubernetes' own, such as `Conflict`; empty where the answer was no Status.
        causes: of a conflict, one `field: message` each.
    """

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", causes: tuple[str, ...] = ()
    ) -> None:
        """Keeps what callers decide on."""
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes


def refusal(call: Call, status: int, body: str) -> ApiError:
    """Makes the error of a call that was answered.

    Args:
        call: what was asked.
        status: of HTTP.
        body: as it came.

    Returns:
        An error whose text says what to do.
    """
    found = _read(body)
    said = found.message or _foreign(status, body)
    text = f"cannot {call}: {_short(said)}{_advice(call, status, said)}"
    return ApiError(text, status=status, reason=found.reason, causes=found.causes)


def no_answer(call: Call, host: str, cause: object) -> ApiError:
    """Makes the error of a call that nobody answered."""
    text = (
        f"cannot {call}: the Kubernetes API at {host!r} gave no answer ({_short(str(cause))}); "
        "is it there, and does the configuration name it?"
    )
    return ApiError(text)


def retry_after(status: int, body: str, header: str | None) -> float:
    """Reads how long the server asks to wait, in seconds; 0 where it does not say."""
    if status not in (429, 503, 500, 504):
        return 0.0
    for said in (header, _read(body).wait_s):
        try:
            return max(0.0, float(str(said)))
        except ValueError:
            continue
    return 0.0


def names_what_is_missing(body: str) -> bool:
    """Whether a 404 says that one resource is not there; of an unknown kind it says nothing."""
    return bool(_read(body).name)


def _advice(call: Call, status: int, said: str) -> str:
    """What to do about it, by the status."""
    if status == 401:
        return "; the credentials are missing or have expired: log in again, or mount a new token"
    if status == 403 and ("admission" in said or "exceeded quota" in said):
        # Not RBAC: a webhook or a quota denies with the same status.
        return ""
    if status == 403 and (call.verb, call.resource.plural, call.subresource) in _PERSONAL:
        return (
            "; no Role of Kubeloop's grants that, since no pipeline run needs it: it takes a Role "
            "of your own"
        )
    if status == 403:
        kind = f"{call.resource.plural}/{call.subresource}".rstrip("/")
        return (
            f"; {_ROLE} grants {call.verb} on {kind} in the serving namespace: apply it, and bind "
            "it to who runs this"
        )
    if status == 404 and call.resource.group == "serving.kserve.io":
        return (
            "; either KServe is not installed in this cluster or there is no such namespace: "
            "`kubeloop doctor` says which"
        )
    return ""


def _foreign(status: int, body: str) -> str:
    """Describes an answer that is no Status; a page may hold what nobody else should read."""
    if 300 <= status < 400:
        what = "it sends on to another address, as a login does"
    elif body.lstrip().startswith("<"):
        what = "a page, as a proxy or a login shows one"
    else:
        what = f"{body!r:.80}"
    return f"an answer that is none of Kubernetes: {what}"


def _read(body: str) -> _Status:
    try:
        document = _fields(json.loads(body))
    except (ValueError, RecursionError):
        document = {}
    details = _fields(document.get("details"))
    causes = details.get("causes")
    return _Status(
        _text(document.get("message")),
        _text(document.get("reason")),
        _text(details.get("name")),
        tuple(filter(None, map(_cause, causes))) if isinstance(causes, list) else (),
        details.get("retryAfterSeconds"),
    )


def _cause(found: object) -> str:
    field, message = (_text(_fields(found).get(key)) for key in ("field", "message"))
    return f"{field}: {message}".removeprefix(": ") if field or message else ""


def _fields(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _short(text: str) -> str:
    # A terminal would obey other characters, and some of these are a model's own answer.
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
