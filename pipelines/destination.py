"""The file that a command writes for its user: refused before the work, where it can be."""

import os
from pathlib import Path

from components.errors import SpecError


def check_writable(path: Path) -> None:
    """Checks that a file can be made or written over.

    Raises:
        SpecError: it cannot; says why.
    """
    place = path if path.exists() else path.parent
    if path.is_dir():
        raise _unusable(path, "it is a folder")
    if not place.exists():
        raise _unusable(path, f"there is no folder {str(place)!r}")
    if place != path and not place.is_dir():
        raise _unusable(path, f"{str(place)!r} is no folder")
    if not os.access(place, os.W_OK):
        raise _unusable(path, f"{str(place)!r} is read-only")


def write(path: Path, text: str) -> None:
    """Writes the file.

    Raises:
        SpecError: that fails; names the file.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise _unusable(path, exc.strerror or str(exc)) from exc


def _unusable(path: Path, reason: str) -> SpecError:
    return SpecError(f"cannot write {str(path)!r}: {reason}; name another file")
