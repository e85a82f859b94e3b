"""Opens the store of a bucket, and says in one sentence what went wrong with it.

Credentials come from the environment and from files that it names. They are looked for before
anything is asked, because the stores' libraries fall back on the cloud's metadata service, which
hangs where there is none.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import DataError
from components.landing import is_full

_AWS = (
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_NEEDS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or mount a file and name it in "
    "AWS_SHARED_CREDENTIALS_FILE; for a bucket open to all set FSSPEC_S3_ANON=true",
    "gs": "mount a key file and name it in GOOGLE_APPLICATION_CREDENTIALS; for a bucket open to "
    "all set FSSPEC_GS_TOKEN=anon",
}
_UNCACHED = {"skip_instance_cache": True, "use_listings_cache": False}
_LATE = "the store does not answer in time; check network and endpoint, or run again later"
_AWAY = "the store cannot be reached; check network and endpoint"
_DENIED = "the store refuses access (403); check the credentials and their rights"
# By the names of classes, because each store has its own and their texts may hold tokens.
_REASONS = {
    "FileNotFoundError": "it is not there; check bucket and key",
    "PermissionError": _DENIED,
    "Forbidden": _DENIED,
    "NoCredentialsError": "there are no credentials; set AWS_ACCESS_KEY_ID and its secret",
    "RefreshError": "its credentials are not accepted; check GOOGLE_APPLICATION_CREDENTIALS",
    "DefaultCredentialsError": "its credentials cannot be read; check "
    "GOOGLE_APPLICATION_CREDENTIALS",
    "ConnectTimeoutError": _LATE,
    "ReadTimeoutError": _LATE,
    "TimeoutError": _LATE,
    "EndpointConnectionError": _AWAY,
    "ClientConnectorError": _AWAY,
    "ClientPayloadError": "the answer ended before it was whole; run again later",
    "ConnectionError": "the connection broke; check the network, run again later",
}


@dataclass(frozen=True)
class Patience:
    """Limits of a transfer.

    Attributes:
        connect_s: seconds that a connection may take.
        read_s: seconds that may pass between two pieces of an answer.
        retries: how often S3 is asked again after the first time; Google's library asks six times
            in half a minute, whatever one tells it.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    retries: int = 4


def open_store(address: str, patience: Patience) -> Any:
    """Opens the store that an s3:// or gs:// address names.

    Args:
        address: anything in it.
        patience: how long to wait for it and how often to try.

    Returns:
        An fsspec file system that keeps no listings.

    Raises:
        DataError: there are no credentials, or they cannot be read.
    """
    from fsspec.config import conf

    scheme = address.partition("://")[0]
    settings = conf.get(scheme, {})
    known = _google_token(settings) if scheme == "gs" else _has_aws_credentials(settings)
    if not known:
        msg = f"{address!r} needs credentials and there are none: {_NEEDS[scheme]}"
        raise DataError(msg)
    try:
        return _google(known, patience) if scheme == "gs" else _amazon(patience)
    except Exception as exc:
        raise DataError(failure(address, exc)) from exc


def failure(address: str, exc: BaseException) -> str:
    """Says why something could not be fetched, in words without a token or a traceback."""
    if is_full(exc):
        return f"{address!r} cannot be fetched: the disk is full; make room there"
    cause: BaseException | None = exc
    while cause is not None:
        kinds = [kind.__name__ for kind in type(cause).__mro__]
        # gcsfs has one class for many answers, and says this one first.
        kinds += ["Forbidden"] if str(cause).startswith("Forbidden") else []
        for kind in kinds:
            if kind in _REASONS:
                return f"{address!r} cannot be fetched: {_REASONS[kind]}"
        cause = cause.__cause__ or cause.__context__
    code = getattr(exc, "code", None)
    status = f" ({code})" if isinstance(code, int) else ""
    return f"{address!r} cannot be fetched: the store fails{status}; run again later"


def _has_aws_credentials(settings: dict[str, Any]) -> bool:
    mounted = Path("~/.aws/credentials").expanduser()
    found = any(os.environ.get(name) for name in _AWS) or mounted.is_file()
    return found or bool(settings.get("anon"))


def _google_token(settings: dict[str, Any]) -> Any:
    """What gcsfs calls a token: the kind of credentials; empty for none."""
    token = settings.get("token")
    if not token and os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return "google_default"
    return token or ("anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "")


def _amazon(patience: Patience) -> Any:
    import s3fs

    limits = {
        "connect_timeout": patience.connect_s,
        "read_timeout": patience.read_s,
        "retries": {"mode": "standard", "total_max_attempts": patience.retries + 1},
    }
    store = s3fs.S3FileSystem(config_kwargs=limits, **_UNCACHED)
    # Its own retries would come on top of each of the library's below it.
    store.retries = 1
    return store


def _google(token: Any, patience: Patience) -> Any:
    from aiohttp import ClientTimeout

    # Its subclass, which fsspec would take, asks by gRPC what kind of bucket it is.
    from gcsfs.core import GCSFileSystem

    # It logs a traceback, addresses included, before each error that is said here.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    return GCSFileSystem(
        token=token,
        access="read_only",
        requests_timeout=ClientTimeout(
            total=None, sock_connect=patience.connect_s, sock_read=patience.read_s
        ),
        endpoint_url=os.environ.get("STORAGE_EMULATOR_HOST") or None,
        **_UNCACHED,
    )
