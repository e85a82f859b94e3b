"""The file that answers are written to, batch by batch; it is whole, or it is not there."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from components.contract import ROW_GROUP
from components.errors import SpecError
from components.landing import is_full, room_in

SUFFIXES = (".csv", ".parquet")
# File systems that are views of a bucket often know no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def require_writable(target: Path) -> None:
    """Refuses an output of an unknown format.

    Raises:
        SpecError: its name ends in neither .csv nor .parquet.
    """
    if target.suffix.lower() not in SUFFIXES:
        msg = f"output {str(target)!r} is of no known format: expected a name that ends in "
        raise SpecError(msg + " or ".join(SUFFIXES))


@contextmanager
def written(target: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Opens the output, which appears under its name only when it is whole.

    It is written beside the target. What a process that was killed left there is written over, and
    what lies at the target stays until the new file takes its place.

    Args:
        target: a .csv or .parquet file.

    Yields:
        What writes one batch after the other; all have the same columns and types.

    Raises:
        SpecError: it cannot be made, or another process is writing this very output.
        DataError: the disk is full.
    """
    opened = _csv if target.suffix.lower() == ".csv" else _parquet
    partial = target.with_name(f"{target.name}.partial")
    with room_in(target.parent), _held(partial, target):
        try:
            with opened(partial) as write:
                yield write
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _held(partial: Path, target: Path) -> Iterator[None]:
    """Keeps a file to this process; the lock ends with the process, however that ends."""
    descriptor = _opened(partial, target)
    try:
        if not _is_ours(descriptor, partial):
            msg = f"output {str(target)!r} is being written by another process: wait for it, or "
            raise SpecError(msg + "name another file")
        yield
    finally:
        os.close(descriptor)


def _opened(partial: Path, target: Path) -> int:
    try:
        return os.open(partial, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as exc:
        if is_full(exc):
            raise
        reason = exc.strerror or type(exc).__name__
        msg = f"output {str(target)!r} cannot be written: {reason}; name another file"
        raise SpecError(msg) from exc


def _is_ours(descriptor: int, partial: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise
    # Its holder before may have given it the target's name since it was opened here.
    return partial.exists() and os.path.samestat(os.fstat(descriptor), partial.stat())


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    with path.open("wb") as stream:

        def write(rows: pl.DataFrame) -> None:
            rows.write_csv(stream, include_header=stream.tell() == 0)

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    from pyarrow import parquet

    writer = None
    held: list[pl.DataFrame] = []

    def flush() -> None:
        nonlocal writer
        table = pl.concat(held).to_arrow(compat_level=pl.CompatLevel.oldest())
        held.clear()
        if writer is None:
            writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)

    def write(rows: pl.DataFrame) -> None:
        # Wide tables come in batches too small for a row group each.
        held.append(rows)
        if sum(map(len, held)) >= ROW_GROUP:
            flush()

    try:
        yield write
        if held:
            flush()
    finally:
        if writer is not None:
            writer.close()
