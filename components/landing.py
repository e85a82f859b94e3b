"""Lands a file whole or not at all, and says in one sentence when there is no room for it.

A file appears under its name only when it is whole: it is written beside it and renamed at the very
end, so that a process that is killed leaves nothing that a later stage would read.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import DataError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def landing(path: Path) -> Iterator[Path]:
    """Gives a file its name once it is whole.

    Args:
        path: the file; what another run left there is removed first.

    Yields:
        Where to write it meanwhile, in the same folder; nothing is left of it on an error.

    Raises:
        DataError: the disk is full.
    """
    partial = path.with_name(f"{path.name}.partial")
    with room_in(path.parent):
        for stale in (path, partial):
            stale.unlink(missing_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Says of whatever is written inside that the disk is full, if that is why it fails.

    Args:
        folder: where it is written, for the message.

    Raises:
        DataError: the disk, or one's share of it, is full.
    """
    try:
        yield
    except Exception as exc:
        if not is_full(exc):
            raise
        msg = (
            f"no room for the table in {str(folder)!r}: the disk is full; make room there, or "
            "name a folder on another disk"
        )
        raise DataError(msg) from exc


def is_full(exc: BaseException) -> bool:
    """Returns whether an error says that a disk, or one's share of it, is full."""
    if isinstance(exc, OSError) and exc.errno in _FULL:
        return True
    # Polars passes on the system's text alone.
    return any(f"(os error {code})" in str(exc) for code in _FULL)
