"""Lists, copies and puts objects of s3:// and gs:// buckets through fsspec."""

import hashlib
from collections.abc import Callable
from glob import has_magic
from pathlib import Path
from typing import Any

from components.errors import DataError
from components.ingest.patience import Patience
from components.ingest.scratch import require_room
from components.object_store import failure, open_store


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
    store = open_store(pattern, patience or Patience())
    try:
        if not has_magic(pattern) or store.isfile(pattern):
            return [pattern]
        found = [f"{scheme}://{key}" for key in sorted(store.glob(pattern)) if key[-1:] != "/"]
    except Exception as exc:
        msg = f"source {failure(pattern, exc)}"
        raise DataError(msg) from exc
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
    store = open_store(place, patience or Patience())
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
        msg = f"source {failure(place, exc)}"
        raise DataError(msg) from exc


def read_digest(path: Path) -> str:
    """Reads a file, and returns the SHA-256 of what it holds, in hexadecimal.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        msg = f"{str(path)!r} cannot be read: {exc.strerror or exc}"
        raise DataError(msg) from exc


def put_object(
    source: Path,
    place: str,
    digest: str,
    patience: Patience | None = None,
    sent: Callable[[float], None] | None = None,
) -> bool:
    """Puts a file into a bucket, unless an object of its size is there under the address.

    Args:
        source: the file.
        place: an s3:// or gs:// address that names its content, so that what is there is the same.
        digest: of the content that the address names, as `read_digest` gives it.
        patience: how long to wait and how often to try; the usual one unless told.
        sent: is told the share that was sent, from 0 to 1, as piece after piece has gone; in
            another thread.

    Returns:
        Whether it was put there now.

    Raises:
        DataError: the store does not take it whole, or the file is not what the address names, or
            was written to meanwhile; one sentence. Nothing stays there of such a file.
    """
    store = open_store(place, patience or Patience())
    before = source.stat()
    try:
        if store.exists(place) and store.info(place)["size"] == before.st_size:
            return False
        store.put_file(str(source), place, callback=_told(sent))
        _require_unchanged(store, source, place, digest, before.st_mtime_ns)
        if (there := store.info(place)["size"]) != before.st_size:
            msg = (
                f"{place!r} cannot be uploaded: {there:,} of {before.st_size:,} bytes came; run "
                "again"
            )
            raise DataError(msg)
    except DataError:
        raise
    except Exception as exc:
        raise DataError(failure(place, exc, "uploaded")) from exc
    return True


def _told(sent: Callable[[float], None] | None) -> Any:
    from fsspec.callbacks import Callback

    if sent is None:
        return Callback()
    return Callback(hooks={"share": lambda size, value, **_: sent(value / size if size else 1.0)})


def _require_unchanged(store: Any, source: Path, place: str, digest: str, written_ns: int) -> None:
    """Takes back what was put there of a file that changed while it was read.

    The store's library reads the file by itself, so it is read again: what was the same before and
    after, and was not written to, is what was sent.
    """
    is_same = False
    try:
        is_same = read_digest(source) == digest and source.stat().st_mtime_ns == written_ns
    finally:
        # An interrupted look knows no better than one that failed.
        if not is_same:
            _take_back(store, source, place)
    if not is_same:
        msg = (
            f"{str(source)!r} changed while it was uploaded: nothing of it stays at {place!r}; run "
            "again when nobody writes it"
        )
        raise DataError(msg)


def _take_back(store: Any, source: Path, place: str) -> None:
    try:
        store.rm_file(place)
    except Exception as exc:
        msg = (
            f"{str(source)!r} changed while it was uploaded, and {failure(place, exc, 'removed')}; "
            "remove it by hand, for its name is that of another content"
        )
        raise DataError(msg) from exc
