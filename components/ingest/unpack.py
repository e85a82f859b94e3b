"""Unpacks a compressed file in a stream, and stops at what is no table but a bomb.

Polars unpacks some of these itself, but in memory and without bound.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.errors import DataError
from components.ingest.scratch import require_room
from components.landing import is_full

# Tables pack to a third or a twentieth of their size, and sparse ones to a hundredth; a bomb of
# gzip to a thousandth, which is deflate's limit (RFC 1951), and others far below. What is small
# when unpacked does no harm at any ratio.
MOST_RATIO = 200
HARMLESS = 2**28
# What is unpacked before a file breaks off is had in steps of this size at most.
_CHUNK = 2**14
# How each begins: RFC 1952; bzip2's and xz's own descriptions; RFC 8878.
_MAGIC = {
    ".gz": b"\x1f\x8b",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\0",
    ".zst": b"\x28\xb5\x2f\xfd",
}


def unpack(name: str, packed: Path, packing: str, target: Path) -> None:
    """Unpacks one file.

    Args:
        name: the source, for messages.
        packed: the file.
        packing: `.gz`, `.bz2`, `.xz` or `.zst`.
        target: the file to write; nothing is left of it on failure.

    Raises:
        DataError: the file is damaged or cut off, unpacks to more than `MOST_RATIO` times its
            size, or to more than fits on the disk.
    """
    size = packed.stat().st_size
    written = 0
    try:
        with _opened(packed, packing) as read, target.open("wb") as out:
            for chunk in iter(lambda: read(_CHUNK), b""):
                written += len(chunk)
                if written > max(HARMLESS, MOST_RATIO * size):
                    msg = (
                        f"source {name!r} unpacks to more than {MOST_RATIO} times its {size:,} "
                        "bytes, which no table does; if it is one, unpack it yourself"
                    )
                    raise DataError(msg)
                require_room(target.parent, len(chunk), name)
                out.write(chunk)
    except DataError:
        target.unlink(missing_ok=True)
        raise
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as exc:
        target.unlink(missing_ok=True)
        if is_full(exc):
            msg = f"source {name!r} cannot be unpacked: the disk is full; make room there"
            raise DataError(msg) from exc
        msg = f"source {name!r} cannot be read: {_reason(packed, packing, exc, written)}"
        raise DataError(msg) from exc


def _reason(packed: Path, packing: str, exc: Exception, written: int) -> str:
    with packed.open("rb") as stream:
        head = stream.read(len(_MAGIC[packing]))
    if head != _MAGIC[packing][: len(head)] or not head:
        return f"it is no {packing} file, whatever its name says; rename it or make it one"
    # Arrow has one error for both.
    way = "cut off" if isinstance(exc, EOFError) or "Truncated" in str(exc) else "damaged"
    # What Arrow unpacks after its last whole step is not known.
    after = f" after {written:,} bytes of content" if written else ""
    return f"it is no whole {packing} file, {way}{after}; make or fetch it again"


@contextmanager
def _opened(packed: Path, packing: str) -> Iterator[Callable[[int], bytes]]:
    """Opens a file, and gives a way to read at most so many bytes of its content."""
    if packing == ".zst":
        # The standard library has no Zstandard before Python 3.14.
        import pyarrow as pa

        with pa.OSFile(str(packed)) as file, pa.CompressedInputStream(file, "zstd") as stream:
            yield stream.read
        return
    openers: dict[str, Callable[[Path], Any]] = {
        ".gz": gzip.open,
        ".bz2": bz2.open,
        ".xz": lzma.open,
    }
    with openers[packing](packed) as stream:
        # `read` would go on for more, and lose what it has where the file breaks off.
        yield stream.read1
