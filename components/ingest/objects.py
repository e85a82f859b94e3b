"""Lists, copies and puts objects of s3:// and gs:// buckets through fsspec."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from glob import has_magic
from pathlib import Path
from typing import Any, Final

from components.errors import DataError
from components.ingest.patience import Patience
from components.ingest.scratch import require_room
from components.object_store import failure, open_store

# A file is sent in pieces, of which memory holds two or three.
_PIECE_BYTES: Final = 16 << 20
# S3 takes no more parts of an object
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
_MOST_PIECES: Final = 10_000


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
        raise _unreadable(path, exc) from exc


def put_object(
    source: Path,
    place: str,
    digest: str,
    patience: Patience | None = None,
    sent: Callable[[float], None] | None = None,
) -> bool:
    """Puts a file into a bucket, unless an object of its size is there under the address.

    What is sent becomes an object when all of it is the content that the address names, and not
    before: however a run ends, there is that object or none. One that is killed leaves at most
    pieces, which nobody can list or read as an object: Google's storage drops them after a week,
    S3's by the bucket's rule for incomplete uploads.

    Args:
        source: the file.
        place: an s3:// or gs:// address that names its content, so that what is there is the same.
        digest: of the content that the address names, as `read_digest` gives it.
        patience: how long to wait and how often to try; the usual one unless told.
        sent: is told the share that was sent, from 0 to 1, as piece after piece has gone.

    Returns:
        Whether it was put there now.

    Raises:
        DataError: the store does not take it whole, or the file is not what the address names, or
            cannot be read; one sentence. Nothing is there of such a file.
    """
    store = open_store(place, patience or Patience(), writes=True)
    try:
        size = source.stat().st_size
    except OSError as exc:
        raise _unreadable(source, exc) from exc
    try:
        if store.exists(place) and store.info(place)["size"] == size:
            return False
        _send(store, source, size, place, digest, sent or (lambda share: None))
        if (there := store.info(place)["size"]) != size:
            msg = f"{place!r} cannot be uploaded: {there:,} of {size:,} bytes came; run again"
            raise DataError(msg)
    except DataError:
        raise
    except Exception as exc:
        raise DataError(failure(place, exc, "uploaded")) from exc
    return True


def _send(
    store: Any, source: Path, size: int, place: str, digest: str, sent: Callable[[float], None]
) -> None:
    """Sends a file, hashes what is sent, and completes the object where that is its digest."""
    most = max(_PIECE_BYTES, -(-size // _MOST_PIECES))
    seen = hashlib.sha256()
    target = store.open(place, "wb", block_size=most, autocommit=False)
    try:
        sent(0.0)
        for piece in _pieces(source, size, most):
            target.write(piece)
            seen.update(piece)
            sent(target.tell() / size)
        if seen.hexdigest() != digest:
            msg = (
                f"{str(source)!r} changed while it was uploaded: nothing of it stays at {place!r}; "
                "run again when nobody writes it"
            )
            raise DataError(msg)
        target.close()
        target.commit()
    except Exception:
        # Why it failed is said; pieces that stay for that reason are no object.
        with suppress(Exception):
            target.discard()
        raise
    finally:
        # Its library would send the rest, from wherever the file is given up.
        target.closed = True


def _pieces(source: Path, size: int, most: int) -> Iterator[bytes]:
    """Reads as many bytes of a file as it held: one that grows has no end."""
    try:
        with source.open("rb") as file:
            for start in range(0, size, most):
                yield file.read(min(most, size - start))
    except OSError as exc:
        raise _unreadable(source, exc) from exc


def _unreadable(path: Path, exc: OSError) -> DataError:
    return DataError(f"{str(path)!r} cannot be read: {exc.strerror or exc}")
