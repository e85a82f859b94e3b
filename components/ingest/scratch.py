"""A folder for what a source becomes on its way to a table, and the watch over the disk it is on.

It lies beside the stage's output, where there is room for a table, and is gone when the stage ends,
however it ends; what a killed process left there, the next run over the same output removes.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import DataError

# So much of a disk stays free, for others to go on: a share of it, and no more than 1 GiB.
_RESERVED_SHARE, _RESERVED = 0.05, 2**30


@contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """Makes a scratch folder beside a stage's output, for its owner alone.

    Args:
        folder: the output.

    Yields:
        The folder, empty; it is removed at the end.
    """
    scratch = folder.parent / f".{folder.name}.scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Sources lie here before their private columns are protected.
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def require_room(folder: Path, needed: int, name: str) -> None:
    """Refuses to fill a disk.

    Args:
        folder: where it would be written.
        needed: bytes still to be written.
        name: the source, for the message.

    Raises:
        DataError: they would leave too little free.
    """
    total, _, free = shutil.disk_usage(folder)
    if needed > free - min(_RESERVED, total * _RESERVED_SHARE):
        msg = (
            f"source {name!r} does not fit on the disk of {str(folder.parent)!r}: it needs "
            f"{needed:,} bytes more and {free:,} are free; make room there"
        )
        raise DataError(msg)
