"""The seal of a bundle: the digests by which its files are known, and what breaks it.

Whatever lies in a bundle's folder may be half copied, altered or made to do harm. It is told by
name and in one sentence; nothing of it is opened as a model before all of it is what it was.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.errors import BundleError

MANIFEST = "bundle.json"
DIGEST = "digest"
# A signature with a hundred thousand categories takes 2 MB; a manifest is read into memory.
_MOST_BYTES = 32 * 2**20
_LINK = "a link and no file"


def read_document(path: Path) -> Any:
    """Reads a bundle's manifest, whatever is in it.

    Args:
        path: the bundle's `bundle.json`.

    Returns:
        The JSON document.

    Raises:
        BundleError: it is not there, no file, too large, or no JSON.
    """
    folder = str(path.parent)
    try:
        # Reading a pipe would wait for somebody to write.
        if path.exists() and not path.is_file() and not path.is_dir():
            msg = f"no model bundle at {folder!r}: {path.name} is no file"
            raise BundleError(msg)
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as exc:
        msg = f"no model bundle at {folder!r}: {path.name} cannot be read ({exc.strerror})"
        raise BundleError(msg) from exc
    if len(content) > _MOST_BYTES:
        msg = (
            f"bundle {folder!r} is damaged: {path.name} is longer than {_MOST_BYTES:,} bytes, "
            "which no manifest is. Package or fetch it again"
        )
        raise BundleError(msg)
    try:
        document = json.loads(content.decode("utf-8"))
        # Half of a character, as "\\ud800", could be neither written nor printed.
        json.dumps(document, ensure_ascii=False).encode("utf-8")
        return document
    except (ValueError, RecursionError) as exc:
        msg = f"bundle {folder!r} is damaged: {path.name} is no JSON ({exc})"
        raise BundleError(msg) from exc


def manifest_digest(document: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a manifest's content, its own digest left out, in hexadecimal."""
    rest = {key: value for key, value in document.items() if key != DIGEST}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file in a folder but the manifest, in hexadecimal, by name."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: _digest(path) for path in files if path.name != MANIFEST}


def verify(folder: Path, document: Mapping[str, Any], *, needed: str, alone: bool) -> None:
    """Holds a folder against its manifest.

    Args:
        folder: the bundle's.
        document: the manifest, whose `files` holds the SHA-256 of every other file by name.
        needed: the file that has to be among them.
        alone: whether there may be nothing else in the folder, and no link out of it; a server's
            folder may be a view of a store that is made of links.

    Raises:
        BundleError: a file is missing, altered, no file, unreadable, or not in the manifest; all
            of them are named.
    """
    found: dict[str, list[str]] = {"missing": []}
    files = document["files"]
    if document.get(DIGEST) != manifest_digest(document):
        found["altered"] = [MANIFEST]
    for name, digest in files.items():
        if flaw := _flaw(folder / name, digest, alone=alone):
            found.setdefault(flaw, []).append(name)
    if needed not in files:
        found["missing"].append(needed)
    if alone and (folder / MANIFEST).is_symlink():
        found.setdefault(_LINK, []).append(MANIFEST)
    there = sorted(path.name for path in folder.iterdir()) if alone else []
    if extra := [plain(name) for name in there if name != MANIFEST and name not in files]:
        found["not in the manifest"] = extra
    found = {flaw: names for flaw, names in found.items() if names}
    if found:
        said = "; ".join(f"{flaw}: {', '.join(names)}" for flaw, names in found.items())
        msg = f"bundle {str(folder)!r} is damaged; {said}. Package or fetch it again"
        raise BundleError(msg)


def plain(name: str) -> str:
    """Returns a name that may be anything as text that can be printed on one line."""
    return name if name.isprintable() else repr(name)


def _flaw(path: Path, digest: str, *, alone: bool) -> str:
    """Says what is wrong with a file; empty where nothing is."""
    if path.is_symlink() and (alone or not path.exists()):
        return _LINK
    if not path.exists():
        return "missing"
    if not path.is_file():
        return "no file"
    try:
        return "" if _digest(path) == digest else "altered"
    except OSError as exc:
        return f"unreadable ({exc.strerror})"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
