"""Resolves what a spec's sources name to the files and addresses that are read."""

import os
from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import unquote

from components.errors import DataError


def find_places(sources: Iterable[str]) -> list[str]:
    """Resolves sources.

    Args:
        sources: paths, globs, `file://` URIs and other addresses.

    Returns:
        The files, each once though two globs match it or a link leads to it, a glob's in the order
        of their names; addresses as they are.

    Raises:
        DataError: one is not there, is no file, or matches nothing.
    """
    found: dict[str, str] = {}
    for source in sources:
        for place in _places(source):
            # A link to a folder above makes `**` find every file many times.
            found.setdefault(place if "://" in place else os.path.realpath(place), place)
    return list(found.values())


def _places(source: str) -> list[str]:
    if "://" in source and not source.startswith("file://"):
        return [source]
    path = unquote(source.removeprefix("file://")) if source.startswith("file://") else source
    # A plain path may hold [ or ]; what is there under that very name is meant.
    literal = Path(path).is_file() or not has_magic(path)
    found = [path] if literal else sorted(glob(path, recursive=True))
    if not found:
        msg = f"source {source!r} matches no file: expected at least one; check the pattern"
        raise DataError(msg)
    for name in found:
        _require_file(name)
    return found


def _require_file(name: str) -> None:
    """Opens a file once, so that what is wrong with it is said before anything is read."""
    path = Path(name)
    if path.is_dir():
        msg = f"source {name!r} is a directory: name its files, such as {name.rstrip('/')}/*.csv"
        raise DataError(msg)
    if path.exists() and not path.is_file():
        # Opening a pipe would wait for somebody to write.
        msg = f"source {name!r} is a pipe or a device: expected a file; write it to one first"
        raise DataError(msg)
    try:
        with path.open("rb"):
            return
    except OSError as exc:
        msg = f"source {name!r} cannot be opened: {exc.strerror}; check the path"
        raise DataError(msg) from exc
