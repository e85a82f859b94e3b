"""The report itself: one JSON document, posted to an address that the run was given.

The address is the run's argument, or else what a Secret put into the task's environment: arguments
stand in KFP's pages for everybody who may see the run, and the path of a webhook is often its
password.

A report that does not arrive is a fault of the report, not of the run: the run keeps its outcome,
and that nobody heard of it stands in the task's log and on its artifact.
"""

import json
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, InvalidURL
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from components.notify.workflow import State
from components.revision import VERSION
from components.signature import Frozen

ADDRESS_VARIABLE = "KUBELOOP_NOTIFY_URL"
_LOG = logging.getLogger(__name__)
_TOO_MANY = 429
_NO_ADDRESS = "has no address that can be called: expected http://host/path or https://host/path"


class Notice(Frozen):
    """What the webhook is told. `text` is the sentence that chat systems show.

    Attributes:
        text: the whole in one sentence.
        model: the spec's name.
        run: the run's id in lineage.
        workflow: the run's name on the cluster.
        state: succeeded (also where the gates refused the model), failed, or unknown.
        time: UTC, ISO 8601.
    """

    text: str
    model: str
    run: str
    workflow: str
    state: State
    time: str

    @classmethod
    def now(cls, model: str, run: str, workflow: str, state: State) -> Self:
        """Makes a notice of this moment."""
        end = f"ended, and how is {state}" if state == "unknown" else state
        return cls(
            text=f"Kubeloop: training run {run} of {model} {end}",
            model=model,
            run=run,
            workflow=workflow,
            state=state,
            time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        )


class Told(Frozen):
    """What became of a notice.

    Attributes:
        notice: what was to be told.
        delivered: whether the webhook took it.
        reason: why not; empty where it was delivered.
    """

    notice: Notice
    delivered: bool
    reason: str


@dataclass(frozen=True)
class Patience:
    """How often to try, and how long to wait, in seconds; each pause is twice the one before."""

    tries: int = 4
    pause_s: float = 2.0
    timeout_s: float = 10.0


def find_address(given: str) -> str:
    """Finds out where to report to.

    Args:
        given: the run's argument, which goes before `KUBELOOP_NOTIFY_URL`; empty for none.

    Returns:
        The address without the white space around it, which a Secret made from a file has; empty
        for none. It is not to be logged.
    """
    return given.strip() or os.environ.get(ADDRESS_VARIABLE, "").strip()


def tell(webhook: str, notice: Notice, patience: Patience | None = None) -> Told:
    """Posts a notice; tries again where the receiver is not there or not well.

    Args:
        webhook: an http(s) address; empty for none.
        notice: what is told.
        patience: how long; the usual one unless told.

    Returns:
        Whether it was delivered, and why not. The reason names the receiver's host alone, because
        the path of a webhook is often its password.
    """
    if not webhook:
        return Told(notice=notice, delivered=False, reason="no webhook was given")
    host = _host(webhook)
    reason = _post(webhook, notice, patience or Patience()) if host else _NO_ADDRESS
    if reason:
        reason = f"webhook at {host!r} {reason}"
        _LOG.error("the end of run %r was not reported: %s", notice.run, reason)
    return Told(notice=notice, delivered=not reason, reason=reason)


def _post(webhook: str, notice: Notice, patience: Patience) -> str:
    """Posts; returns why nobody took it, or nothing."""
    reason = ""
    for attempt in range(patience.tries):
        if attempt:
            time.sleep(patience.pause_s * 2 ** (attempt - 1))
        reason, again = _post_once(webhook, notice, patience.timeout_s)
        if not again:
            break
    return reason


def _post_once(webhook: str, notice: Notice, timeout_s: float) -> tuple[str, bool]:
    """Posts once; returns why it failed, and whether another try may help."""
    body = json.dumps(notice.model_dump(mode="json")).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"kubeloop/{VERSION}"}
    request = Request(webhook, body, headers, method="POST")  # noqa: S310
    try:
        with build_opener(_Stay).open(request, timeout=timeout_s):
            return "", False
    except InvalidURL:
        # Its text holds the address.
        return _NO_ADDRESS, False
    except HTTPError as exc:
        exc.close()
        return f"answered {exc.code}", exc.code == _TOO_MANY or exc.code >= 500
    except URLError as exc:
        return f"cannot be reached ({_said(exc.reason)})", True
    except (OSError, HTTPException) as exc:
        return f"cannot be reached ({_said(exc)})", True


def _host(webhook: str) -> str:
    """The receiver's host; empty where the address is of another kind."""
    try:
        parts = urlsplit(webhook)
    except ValueError:
        return ""
    # urllib would look up a name and password before the host as a part of its name.
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc
    return parts.hostname or "" if plain else ""


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: a POST that follows one arrives as a GET, without what it tells."""

    def redirect_request(self, *_: Any) -> None:
        """Makes no new request, so that the redirect stands as the answer that it is."""


def _said(reason: object) -> str:
    if isinstance(reason, OSError):
        return reason.strerror or type(reason).__name__
    return type(reason).__name__ if isinstance(reason, Exception) else str(reason)
