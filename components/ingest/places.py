"""Resolves what a spec's sources name to the files and addresses that are read."""

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
        The files, each once though two globs may match it, a glob's in the order of their names;
        addresses as they are.

    Raises:
        DataError: one is not there, is no file, or matches nothing.
    """
    return list(dict.fromkeys(place for source in sources for place in _places(source)))


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
    try:
        with path.open("rb"):
            return
    except OSError as exc:
        msg = f"source {name!r} cannot be opened: {exc.strerror}; check the path"
        raise DataError(msg) from exc
