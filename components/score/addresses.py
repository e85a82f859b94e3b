"""Brings what an address names onto this machine: a pipeline knows addresses, not paths."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from components.errors import DataError

REMOTE = ("s3://", "gs://")


def bring(address: str, scratch: Path) -> Path:
    """Returns a local path of what an address names.

    Args:
        address: a path, or a file://, s3:// or gs:// address of a file or a folder. Credentials
            come from the environment, as the stores' own libraries read them.
        scratch: a folder that receives a copy of what is remote; made.

    Returns:
        The path itself, or that of the copy, under its own name.

    Raises:
        DataError: the address is of another kind, or nothing could be had from it.
    """
    if address.startswith("file://"):
        return Path(unquote(address.removeprefix("file://")))
    if "://" not in address:
        return Path(address)
    if not address.startswith(REMOTE):
        kind = address.partition("://")[0]
        msg = (
            f"an address of kind {kind!r} cannot be read: expected a path, file://, s3:// or gs://"
        )
        raise DataError(msg)
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / address.rstrip("/").rpartition("/")[2]
    try:
        _copy(address, target)
    except Exception as exc:
        # Every store has its own errors; their texts may hold tokens, their kinds do not.
        msg = f"{address!r} cannot be fetched: {type(exc).__name__}; check address and credentials"
        raise DataError(msg) from exc
    return target


def _copy(address: str, target: Path) -> None:
    from fsspec.core import url_to_fs

    store: Any
    store, place = url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
    if store.isfile(place):
        store.get_file(place, str(target))
    else:
        # With the slash the folder's content is meant, not the folder within another.
        store.get(f"{place.rstrip('/')}/", str(target), recursive=True)
