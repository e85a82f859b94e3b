"""Lists, copies and puts objects of s3:// and gs:// buckets through fsspec.

Credentials are looked for here before anything is asked, because the libraries fall back on asking
the cloud's metadata service, which hangs where there is none, or on asking without credentials,
which is refused with another reason.
"""

import logging
import os
from glob import has_magic
from pathlib import Path
from typing import Any

from components.errors import DataError
from components.ingest.patience import Patience
from components.ingest.scratch import require_room
from components.landing import is_full

_AWS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_KINDS = {
    "FileNotFoundError": "it is not there; check bucket and key",
    "PermissionError": "the store refuses access (403); check the credentials and their rights",
    "NoCredentialsError": "there are no credentials; set AWS_ACCESS_KEY_ID and its secret",
    "RefreshError": "its credentials are not accepted; check GOOGLE_APPLICATION_CREDENTIALS",
    "DefaultCredentialsError": "its credentials cannot be read; check "
    "GOOGLE_APPLICATION_CREDENTIALS",
    "ReadTimeoutError": "the store does not answer in time; run again later",
    "ConnectTimeoutError": "the store does not answer in time; check AWS_ENDPOINT_URL and network",
    "TimeoutError": "the store does not answer in time; run again later",
    "EndpointConnectionError": "the store cannot be reached; check AWS_ENDPOINT_URL and network",
    "ClientPayloadError": "the answer ended before it was whole; run again later",
    "ClientConnectorError": "the store cannot be reached; check the network",
    "ConnectionError": "the connection broke; check the network, run again later",
}


def list_objects(pattern: str, patience: Patience | None = None) -> list[str]:
    """Resolves a pattern in a bucket.

    Args:
        pattern: an address of one object, or a glob of them.
        patience: how long to wait and how often to try; the usual one unless told.

    Returns:
        Addresses, sorted. A key that is there as it is written is no pattern.

    Raises:
        DataError: nothing is there, or the store does not answer as it should.
    """
    scheme = pattern.partition("://")[0]
    store = _store(pattern, patience or Patience())
    try:
        if not has_magic(pattern) or store.isfile(pattern):
            return [pattern]
        found = [f"{scheme}://{key}" for key in sorted(store.glob(pattern)) if key[-1:] != "/"]
    except Exception as exc:
        raise DataError(_said(pattern, exc)) from exc
    if not found:
        msg = f"source {pattern!r} matches no object: expected at least one; check the pattern"
        raise DataError(msg)
    return found


def copy_object(place: str, target: Path, patience: Patience | None = None) -> None:
    """Copies one object.

    Args:
        place: its address.
        target: the file to write; nothing is left of it on failure.
        patience: how long to wait and how often to try; the usual one unless told.

    Raises:
        DataError: it could not be had whole; one sentence.
    """
    store = _store(place, patience or Patience())
    try:
        about = store.info(place)
        if about["type"] == "directory":
            msg = f"source {place!r} is a folder: name its objects, such as {place.rstrip('/')}/*"
            raise DataError(msg)
        require_room(target.parent, about["size"], place)
        store.get_file(place, str(target))
        if (size := target.stat().st_size) != about["size"]:
            msg = (
                f"source {place!r} cannot be fetched: {size:,} of {about['size']:,} bytes came; "
                "run again, when nobody writes it"
            )
            raise DataError(msg)
    except DataError:
        target.unlink(missing_ok=True)
        raise
    except Exception as exc:
        target.unlink(missing_ok=True)
        raise DataError(_said(place, exc)) from exc


def put_object(source: Path, place: str, patience: Patience | None = None) -> bool:
    """Puts a file into a bucket, unless an object of its size is there under the address.

    Args:
        source: the file.
        place: an s3:// address that names its content, so that what is there is the same.
        patience: how long to wait and how often to try; the usual one unless told.

    Returns:
        Whether it was put there now.

    Raises:
        DataError: the store does not take it whole; one sentence.
    """
    store = _store(place, patience or Patience())
    size = source.stat().st_size
    try:
        if store.exists(place) and store.info(place)["size"] == size:
            return False
        store.put_file(str(source), place)
        if (there := store.info(place)["size"]) != size:
            msg = f"{place!r} cannot be uploaded: {there:,} of {size:,} bytes came; run again"
            raise DataError(msg)
    except DataError:
        raise
    except Exception as exc:
        raise DataError(_said(place, exc, "uploaded")) from exc
    return True


def _store(place: str, patience: Patience) -> Any:
    from fsspec.config import conf

    own = {"skip_instance_cache": True, "use_listings_cache": False}
    if place.startswith("s3://"):
        if not conf.get("s3", {}).get("anon") and not _has_aws_credentials():
            msg = (
                f"source {place!r} needs credentials and there are none: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or mount a file and name it in "
                "AWS_SHARED_CREDENTIALS_FILE; for a bucket open to all set FSSPEC_S3_ANON=true"
            )
            raise DataError(msg)
        import s3fs

        limits = {
            "connect_timeout": patience.connect_s,
            "read_timeout": patience.read_s,
            "retries": {"mode": "standard", "total_max_attempts": patience.retries + 1},
        }
        store = s3fs.S3FileSystem(config_kwargs=limits, **own)
        # Its own retries would come on top of each of the library's below it.
        store.retries = 1
        return store
    return _google(place, patience, conf.get("gs", {}), own)


def _google(place: str, patience: Patience, conf: dict[str, Any], own: dict[str, bool]) -> Any:
    file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    token = conf.get("token") or (
        "google_default" if file else "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else ""
    )
    if not token:
        msg = (
            f"source {place!r} needs credentials and there are none: mount a key file and name it "
            "in GOOGLE_APPLICATION_CREDENTIALS; for a bucket open to all set FSSPEC_GS_TOKEN=anon"
        )
        raise DataError(msg)
    from aiohttp import ClientTimeout

    # Its subclass, which fsspec would take, asks by gRPC what kind of bucket it is.
    from gcsfs.core import GCSFileSystem

    # It logs a traceback, addresses included, before each error that is said here.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    limits = ClientTimeout(total=None, sock_connect=patience.connect_s, sock_read=patience.read_s)
    try:
        return GCSFileSystem(
            token=token,
            access="read_only",
            requests_timeout=limits,
            endpoint_url=os.environ.get("STORAGE_EMULATOR_HOST") or None,
            **own,
        )
    except Exception as exc:
        raise DataError(_said(place, exc)) from exc


def _has_aws_credentials() -> bool:
    mounted = Path("~/.aws/credentials").expanduser()
    return any(os.environ.get(name) for name in _AWS) or mounted.is_file()


def _said(place: str, exc: BaseException, deed: str = "fetched") -> str:
    if is_full(exc):
        return f"source {place!r} cannot be {deed}: the disk is full; make room there"
    cause: BaseException | None = exc
    while cause is not None:
        for kind in type(cause).__mro__:
            if kind.__name__ in _KINDS:
                return f"source {place!r} cannot be {deed}: {_KINDS[kind.__name__]}"
        cause = cause.__cause__ or cause.__context__
    if str(exc).startswith("Forbidden"):
        # gcsfs has no class for it.
        return f"source {place!r} cannot be {deed}: {_KINDS['PermissionError']}"
    code = getattr(exc, "code", None)
    status = f" ({code})" if isinstance(code, int) else ""
    return f"source {place!r} cannot be {deed}: the store fails{status}; run again later"
