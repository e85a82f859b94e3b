"""Opens the object store of an address, and says in one sentence what went wrong with it.

KFP names its own store `minio://`; what lies there is had by S3's protocol.

Credentials come from the environment, from files that it names, and at Google's from the identity
that a pod may have. They are looked for before anything is asked, because the stores' libraries
fall back on the cloud's metadata service, which hangs where there is none.
"""

import logging
import os
import warnings
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
    "gs": "mount a key file and name it in GOOGLE_APPLICATION_CREDENTIALS, or log in by gcloud "
    "auth application-default login; for a bucket open to all set FSSPEC_GS_TOKEN=anon",
}
_IN_POD = "KUBERNETES_SERVICE_HOST"
_EMULATOR = "STORAGE_EMULATOR_HOST"
# What gcsfs calls the way of Google's own library: a key file, a login, a pod's identity.
_DEFAULT = "google_default"
_UNCACHED = {"skip_instance_cache": True, "use_listings_cache": False}
# The status of a refusal, where the library's class says nothing.
_UNACCEPTED = "the store does not accept the credentials (401); they may have expired"
_LATE = "the store does not answer in time; check network and endpoint, or run again later"
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
    "EndpointConnectionError": "the store cannot be reached; check AWS_ENDPOINT_URL and network",
    "ClientConnectorError": "the store cannot be reached; check the network",
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


def open_store(address: str, patience: Patience, *, writes: bool = False) -> Any:
    """Opens the store that an s3:// or gs:// address names.

    Args:
        address: anything in it.
        patience: how long to wait for it and how often to try.
        writes: whether it is to be written to; Google's is asked for no right that is not needed.

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
        return _google(known, patience, writes) if scheme == "gs" else _amazon(patience)
    except Exception as exc:
        if known == _DEFAULT and os.environ.get(_IN_POD) and not _names_google_file():
            msg = f"{address!r} needs credentials and this pod has no identity: {_NEEDS[scheme]}"
            raise DataError(msg) from exc
        raise DataError(failure(address, exc)) from exc


def by_s3(address: str) -> str:
    """Returns KFP's `minio://` address as the `s3://` one of the same place; others as they are."""
    kfp = "minio://"
    return f"s3://{address.removeprefix(kfp)}" if address.startswith(kfp) else address


def failure(address: str, exc: BaseException, deed: str = "fetched") -> str:
    """Says why something could not be done, in words without a token or a traceback.

    Args:
        address: with what it could not be done.
        exc: what the store's library raised.
        deed: what was to be done.
    """
    if is_full(exc):
        return f"{address!r} cannot be {deed}: the disk is full; make room there"
    cause: BaseException | None = exc
    while cause is not None:
        kinds = [kind.__name__ for kind in type(cause).__mro__]
        # gcsfs has one class for many answers, and says this one first.
        kinds += ["Forbidden"] if str(cause).startswith("Forbidden") else []
        for kind in kinds:
            if kind in _REASONS:
                return f"{address!r} cannot be {deed}: {_REASONS[kind]}"
        cause = cause.__cause__ or cause.__context__
    code = getattr(exc, "code", None)
    if code == 401:
        return f"{address!r} cannot be {deed}: {_UNACCEPTED}"
    status = f" ({code})" if isinstance(code, int) else ""
    return f"{address!r} cannot be {deed}: the store fails{status}; run again later"


def _has_aws_credentials(settings: dict[str, Any]) -> bool:
    mounted = Path("~/.aws/credentials").expanduser()
    found = any(os.environ.get(name) for name in _AWS) or mounted.is_file()
    return found or bool(settings.get("anon"))


def _google_token(settings: dict[str, Any]) -> Any:
    """What gcsfs calls a token: the kind of credentials; empty for none."""
    if token := settings.get("token"):
        return token
    # A login with gcloud is for the real store.
    if not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") and os.environ.get(_EMULATOR):
        return "anon"
    # A pod may have an identity of its own there; where it has none, its library says so in
    # seconds, for it asks the metadata service only three times.
    return _DEFAULT if _names_google_file() or os.environ.get(_IN_POD) else ""


def _names_google_file() -> bool:
    """Whether there is a key file, or a login with gcloud."""
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud").expanduser()
    login = folder / "application_default_credentials.json"
    return bool(os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")) or login.is_file()


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


def _google(token: Any, patience: Patience, writes: bool) -> Any:
    from aiohttp import ClientTimeout

    # Its subclass, which fsspec would take, asks by gRPC what kind of bucket it is.
    from gcsfs.core import GCSFileSystem

    # It logs a traceback, addresses included, before each error that is said here.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    endpoint = os.environ.get(_EMULATOR)
    with warnings.catch_warnings():
        # That a login of a person has no project that pays: storage needs none.
        warnings.simplefilter("ignore", UserWarning)
        return GCSFileSystem(
            token=token,
            access="read_write" if writes else "read_only",
            requests_timeout=ClientTimeout(
                total=None, sock_connect=patience.connect_s, sock_read=patience.read_s
            ),
            # Without one fsspec's own setting holds, FSSPEC_GS_ENDPOINT_URL.
            **({"endpoint_url": endpoint} if endpoint else {}),
            **_UNCACHED,
        )
