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
from typing import Any, BinaryIO

from components.errors import DataError
from components.ingest.scratch import is_full, require_room

# Tables pack to a third or a twentieth of their size, and sparse ones to a hundredth; a bomb of
# gzip to a thousandth, which is deflate's limit (RFC 1951), and others far below. What is small
# when unpacked does no harm at any ratio.
MOST_RATIO = 200
HARMLESS = 2**28
_CHUNK = 2**20


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
        with _opened(packed, packing) as stream, target.open("wb") as out:
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
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
        msg = (
            f"source {name!r} cannot be read: it is no whole {packing} file, damaged or cut off "
            f"after {written:,} bytes of content; make or fetch it again"
        )
        raise DataError(msg) from exc


@contextmanager
def _opened(packed: Path, packing: str) -> Iterator[BinaryIO]:
    if packing == ".zst":
        # The standard library has no Zstandard before Python 3.14.
        import pyarrow as pa

        with pa.OSFile(str(packed)) as file, pa.CompressedInputStream(file, "zstd") as stream:
            yield stream
        return
    openers: dict[str, Callable[[Path], Any]] = {
        ".gz": gzip.open,
        ".bz2": bz2.open,
        ".xz": lzma.open,
    }
    with openers[packing](packed) as stream:
        yield stream
