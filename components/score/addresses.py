"""Brings what an address names onto this machine: a pipeline knows addresses, not paths."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from components.errors import DataError
from components.object_store import Patience, failure, open_store

REMOTE = ("s3://", "gs://")


def bring(address: str, scratch: Path, patience: Patience | None = None) -> Path:
    """Returns a local path of what an address names.

    Args:
        address: a path, or a file://, s3:// or gs:// address of a file or a folder. Credentials
            come from the environment, as the stores' own libraries read them.
        scratch: a folder that receives a copy of what is remote; made.
        patience: how long to wait and how often to try; the usual one unless told.

    Returns:
        The path itself, or that of the copy, under its own name. Of a folder the files that lie
        in it are copied, and no folders.

    Raises:
        DataError: the address is of another kind, or it could not be had whole; one sentence.
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
    target = _inside(scratch, address.rstrip("/"), address)
    store = open_store(address, patience or Patience())
    try:
        _copy(store, address, target)
    except DataError:
        raise
    except Exception as exc:
        raise DataError(failure(address, exc)) from exc
    return target


def _inside(folder: Path, place: str, address: str) -> Path:
    """The path of a copy; a key may be any text, and so lead out of the folder."""
    name = place.rpartition("/")[2]
    if name in ("", ".", "..") or "\0" in name:
        msg = f"{address!r} cannot be fetched: {name!r} is no name of a file; rename the object"
        raise DataError(msg)
    return folder / name


def _copy(store: Any, address: str, target: Path) -> None:
    about = store.info(address)
    if about["type"] != "directory":
        _copy_file(store, about, address, target)
        return
    target.mkdir()
    # A key that ends in a slash stands for a folder.
    found = [e for e in store.ls(address, detail=True) if e["type"] == "file"]
    files = [entry for entry in found if not entry["name"].endswith("/")]
    if not files:
        msg = f"{address!r} cannot be fetched: it is a folder without files; check bucket and key"
        raise DataError(msg)
    for entry in files:
        _copy_file(store, entry, address, _inside(target, entry["name"], address))


def _copy_file(store: Any, about: dict[str, Any], address: str, target: Path) -> None:
    size, free = about["size"], shutil.disk_usage(target.parent).free
    if size > free:
        msg = (
            f"{address!r} cannot be fetched: it needs {size:,} bytes and {free:,} are free on the "
            f"disk of {str(target.parent)!r}; make room there"
        )
        raise DataError(msg)
    store.get_file(about["name"], str(target))
    if (came := target.stat().st_size) != size:
        msg = (
            f"{address!r} cannot be fetched: {came:,} of {size:,} bytes came; run again, when "
            "nobody writes it"
        )
        raise DataError(msg)
