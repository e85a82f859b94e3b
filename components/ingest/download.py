"""Downloads a file from a web server in pieces.

Answers that may be better next time (429, 5xx, a lost connection) are tried again, after the time
that the server asks for; all others end in one sentence. A body that ends before its Content-Length
is never taken for a whole one.
"""

import time
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.util import Retry

from components.errors import DataError
from components.ingest.formats import shown
from components.ingest.patience import Patience
from components.ingest.scratch import require_room
from components.landing import is_full

_CHUNK = 2**20
_AGAIN = (429, 500, 502, 503, 504)
_SAID = {
    400: "it refuses the request; check what the address asks for",
    401: "it asks for credentials; give them in the file that NETRC names",
    403: "it refuses access; check the credentials in the file that NETRC names, or the link's age",
    404: "it is not there; check the address",
    410: "it is there no more; check the address",
    429: "it asks for fewer requests; wait a while and run again",
}


class _Session(requests.Session):
    """Follows no redirect from an encrypted address to an open one."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and target.startswith("http://") and str(resp.url).startswith("https://"):
            reason = "redirected to an address without encryption"
            raise requests.exceptions.InvalidURL(reason)
        return target


def download(url: str, target: Path, patience: Patience) -> None:
    """Downloads one file.

    Args:
        url: its address.
        target: the file to write; nothing is left of it on failure.
        patience: how long to wait and how often to try.

    Raises:
        DataError: it could not be had whole; the sentence shows no query and no user.
    """
    name = shown(url)
    try:
        with _Session() as session:
            session.mount(f"{urlsplit(url).scheme}://", HTTPAdapter(max_retries=_retry(patience)))
            # A packed answer to a plain question would be a second packing around the first.
            session.headers["Accept-Encoding"] = "identity"
            _try_again(session, url, target, patience)
    except (requests.RequestException, HTTPError, OSError) as exc:
        target.unlink(missing_ok=True)
        reason = "the disk is full; make room there" if is_full(exc) else _reason(exc, patience)
        msg = f"source {name!r} cannot be fetched: {reason}"
        raise DataError(msg) from exc
    except DataError:
        target.unlink(missing_ok=True)
        raise


def _retry(patience: Patience) -> Retry:
    return Retry(
        total=patience.retries,
        status_forcelist=_AGAIN,
        backoff_factor=patience.backoff_s,
        retry_after_max=patience.most_wait_s,
        # The last answer says more than that there were too many.
        raise_on_status=False,
    )


def _try_again(session: requests.Session, url: str, target: Path, patience: Patience) -> None:
    """Begins anew where a body breaks off, which the adapter's retries do not see."""
    for attempt in range(patience.retries + 1):
        limits = (patience.connect_s, patience.read_s)
        try:
            with session.get(url, stream=True, timeout=limits) as answer:
                _require_file(shown(url), answer)
                _write(shown(url), answer, target)
                return
        except HTTPError:
            if attempt == patience.retries:
                raise
            time.sleep(min(patience.backoff_s * 2**attempt, patience.most_wait_s))


def _require_file(name: str, answer: requests.Response) -> None:
    status, kind = answer.status_code, answer.headers.get("Content-Type", "")
    if status != 200:
        said = _SAID.get(status, "it fails; run again later, or ask who runs it")
        msg = f"source {name!r} cannot be fetched: the server answers {status}: {said}"
        raise DataError(msg)
    if "text/html" in kind or answer.headers.get("Content-Encoding", "identity") != "identity":
        msg = (
            f"source {name!r} cannot be fetched: the server sends {kind or 'packed content'!r}, "
            "expected the file itself; if it is a page to log in at, use a direct link"
        )
        raise DataError(msg)


def _write(name: str, answer: requests.Response, target: Path) -> None:
    require_room(target.parent, int(answer.headers.get("Content-Length") or 0), name)
    with target.open("wb") as out:
        # urllib3 holds the body against its Content-Length, requests' own reader would unpack it.
        for chunk in answer.raw.stream(_CHUNK, decode_content=False):
            require_room(target.parent, len(chunk), name)
            out.write(chunk)


def _reason(exc: BaseException, patience: Patience) -> str:
    """Says what became of a transfer, in words without an address."""
    causes = _causes(exc)
    kinds = {type(cause).__name__ for cause in causes}
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return "its host is not known; check the address and the name service"
    if kinds & {"ConnectTimeoutError", "ConnectTimeout"}:
        return (
            f"its host does not answer within {patience.connect_s:g} s; check address and network"
        )
    if kinds & {"ReadTimeoutError", "ReadTimeout", "TimeoutError"}:
        return f"the server was silent for {patience.read_s:g} s; run again later"
    if kinds & {"SSLError", "SSLCertVerificationError"}:
        return "its certificate is not trusted; name your authority's file in REQUESTS_CA_BUNDLE"
    if kinds & {"ProxyError"}:
        return "the proxy does not let it through; check HTTPS_PROXY and NO_PROXY"
    if "IncompleteRead" in kinds:
        return "the answer ended before it was whole, each time; run again later"
    if "ConnectionRefusedError" in kinds:
        return "its host refuses the connection; check the address and that the server runs"
    if "InvalidURL" in kinds:
        return "it redirects to an address without encryption; name one that stays with https"
    if "TooManyRedirects" in kinds:
        return "it redirects in a circle; check the address"
    return "the connection broke; check the network, run again later"


def _causes(exc: BaseException) -> list[BaseException]:
    """Lists an error and all that it was made of: causes, reasons and arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [exc]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
