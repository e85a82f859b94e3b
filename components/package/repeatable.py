"""Writes a skops file so that its bytes follow from the model alone.

skops names arrays by their address in memory, orders a set as the process happens to hash, and
stamps every entry with the time. Two files of one model would then differ, and so would the digest
by which a bundle is known. Nothing is loaded here: the file's tree is rewritten as JSON.
"""

import hashlib
import io
import json
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

_SCHEMA = "schema.json"
_MODE = 0o600 << 16
_UNIX = 3


def copy_repeatable(source: Path, target: Path) -> None:
    """Copies a skops file in a form that depends on its content alone.

    Args:
        source: as `skops.io.dump` wrote it.
        target: the file to write; skops loads the same objects from it, shared ones included.
    """
    with ZipFile(source) as archive:
        tree = json.loads(archive.read(_SCHEMA))
        entries = {name: _content(archive, name) for name in archive.namelist() if name != _SCHEMA}
    names = {name: _name_by_content(name, content) for name, content in entries.items()}
    _rename(tree, names)
    _order_sets(tree)
    _number(tree, {})
    renamed = {names[name]: content for name, content in entries.items()}
    renamed[_SCHEMA] = json.dumps(tree, indent=1).encode("utf-8")
    target.write_bytes(_archived(renamed))


def _content(archive: ZipFile, name: str) -> bytes:
    content = archive.read(name)
    if not name.endswith(".npz"):
        return content
    # A sparse matrix is an archive within the archive, with times of its own.
    with ZipFile(io.BytesIO(content)) as inner:
        return _archived({part: inner.read(part) for part in inner.namelist()})


def _archived(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in sorted(entries):
            # Without a time of its own an entry is of 1980.
            entry = ZipInfo(name)
            entry.external_attr, entry.create_system = _MODE, _UNIX
            archive.writestr(entry, entries[name])
    return buffer.getvalue()


def _name_by_content(name: str, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() + PurePosixPath(name).suffix


def _rename(node: Any, names: dict[str, str]) -> None:
    """Renames the entries that nodes refer to."""
    if isinstance(node, dict):
        entry = node.get("file")
        if isinstance(entry, str) and entry in names:
            node["file"] = names[entry]
    for child in _children(node):
        _rename(child, names)


def _order_sets(node: Any) -> None:
    """Orders the members of each set, the innermost first."""
    for child in _children(node):
        _order_sets(child)
    if isinstance(node, dict) and node.get("__loader__") == "SetNode":
        node["content"].sort(key=_without_numbers)


def _without_numbers(node: Any) -> str:
    if isinstance(node, dict):
        kept = {key: _without_numbers(value) for key, value in node.items() if key != "__id__"}
        return json.dumps(kept, sort_keys=True)
    if isinstance(node, list):
        return json.dumps([_without_numbers(value) for value in node])
    return json.dumps(node)


def _number(node: Any, numbers: dict[int, int]) -> None:
    """Numbers objects by where they first occur; equal numbers are one object."""
    if isinstance(node, dict) and isinstance(node.get("__id__"), int):
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
    for child in _children(node):
        _number(child, numbers)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
