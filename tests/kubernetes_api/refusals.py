"""Errors as the API server words them: the `Status` bodies of k8s.io/apimachinery's api/errors."""

from typing import Any

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
MESSAGES = {
    401: "Unauthorized",
    404: "the server could not find the requested resource",
    410: "The resourceVersion for the provided watch is too old.",
    429: "Too many requests, please try again later.",
    500: "Internal error occurred: etcdserver: leader changed",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",  # noqa: E501
}


class RefusalError(Exception):
    """A request that is answered by a `Status` of kind failure."""

    def __init__(
        self,
        code: int,
        message: str = "",
        *,
        reason: str = "",
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Composes the Status.

        Args:
            code: the HTTP status.
            message: by default what Kubernetes says at that status.
            reason: by default the status's own.
            details: of the Status.
            retry_after: in seconds.
        """
        self.code = code
        self.message = message or MESSAGES.get(code, REASONS.get(code, "Unknown"))
        self.reason = reason or REASONS.get(code, "")
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after
        super().__init__(self.message)

    def status(self) -> dict[str, Any]:
        """Returns the body."""
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        return {**body, "details": self.details} if self.details else body


def _about(group: str, plural: str, name: str, **more: Any) -> dict[str, Any]:
    return {**({"name": name} if name else {}), **({"group": group} if group else {})} | {
        "kind": plural,
        **more,
    }


def qualified(group: str, plural: str) -> str:
    """Returns `leases.coordination.k8s.io`, as messages name a resource."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> RefusalError:
    """No such resource."""
    message = f'{qualified(group, plural)} "{name}" not found'
    return RefusalError(404, message, details=_about(group, plural, name))


def already_exists(group: str, plural: str, name: str) -> RefusalError:
    """A resource of that name is there."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return RefusalError(409, message, reason="AlreadyExists", details=_about(group, plural, name))


def stale(group: str, plural: str, name: str) -> RefusalError:
    """A resourceVersion that is not the present one."""
    message = (
        f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": the object has '
        "been modified; please apply your changes to the latest version and try again"
    )
    return RefusalError(409, message, details=_about(group, plural, name))


def invalid(group: str, kind: str, name: str, causes: list[tuple[str, str, str]]) -> RefusalError:
    """Fields that break the schema: path, reason and message of each."""
    texts = [f"{path}: {message}" for path, _, message in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    of = f"{kind}.{group}" if group else kind
    return RefusalError(
        422,
        f'{of} "{name}" is invalid: {listed}',
        details=_about(
            group,
            kind,
            name,
            causes=[{"reason": r, "message": m, "field": p} for p, r, m in causes],
        ),
    )


def denied(webhook: str, message: str) -> RefusalError:
    """A validating webhook that said no (controller-runtime answers 403)."""
    return RefusalError(403, f'admission webhook "{webhook}" denied the request: {message}')


def forbidden(
    user: str, verb: str, group: str, plural: str, *, name: str, namespace: str
) -> RefusalError:
    """A call that no Role grants, as k8s.io/apiserver's authorization filter says it."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    subject = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{plural}" '
        f'in API group "{group}"{where}'
    )
    return RefusalError(403, message, details=_about(group, plural.split("/")[0], name))
