"""HTTP to what is near: Services and pods of the cluster, the monitor, a server on this machine.

They are asked directly, whatever proxy the environment names. That one is for the way out, which
object stores and the registry may need. KFP gives it to its executor pods (`initPodSpecPatch` in
backend/src/v2/driver/driver.go), beside a `NO_PROXY` that by default names `.svc.cluster.local` and
some Services of KFP's own, but no `.svc` and no pod's address; that of 2.14 and before ends in the
digits 0 to 9, so that urllib would ask 10.244.0.5 directly and 10.244.0.15 by the proxy
(backend/src/apiserver/config/proxy/config.go). The proxy would be sent the rows, and could reach
none of these.
"""

from functools import cache
from http.client import HTTPException, IncompleteRead
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

_LONGEST = 16 * 1024 * 1024


def fetch(request: Request, *, timeout_s: float) -> bytes:
    """Makes a request and reads the whole answer.

    Args:
        request: to an http(s) address.
        timeout_s: for each step of it, in seconds.

    Returns:
        The answer's body.

    Raises:
        HTTPError: the answer is an error; its body is still to be read.
        OSError: nobody answers; or the answer is no HTTP, ends before its end, or is too long.
    """
    try:
        with _opener().open(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(_LONGEST + 1)
            # A read of at most so many bytes says nothing of an end that came too early.
            if answer.length and len(body) <= _LONGEST:
                raise IncompleteRead(body, answer.length)
    except HTTPException as exc:
        msg = f"the answer is no whole one in HTTP: {type(exc).__name__}: {exc}"
        raise OSError(msg) from exc
    if len(body) > _LONGEST:
        msg = f"the answer has more than {_LONGEST} bytes"
        raise OSError(msg)
    return body


@cache
def _opener() -> OpenerDirector:
    # Made once: since Python 3.12 each one reads the certificates of all authorities.
    return build_opener(ProxyHandler({}))
