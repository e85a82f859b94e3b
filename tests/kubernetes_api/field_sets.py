"""Sets of fields as server-side apply reckons with them, and their written form, FieldsV1.

A field is a path of elements: `f:name` of a map, `k:{"name":"a"}` of a list that is a map, `v:"a"`
of a list that is a set (sigs.k8s.io/structured-merge-diff, fieldpath).
"""

import json
from typing import Any

from tests.kubernetes_api.shapes import keys_of

Path = tuple[str, ...]
# Never owned by anyone.
_UNOWNED = {
    *("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"),
    *("managedFields", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"),
    "generateName",
}


def fields_of(document: dict[str, Any], *, native: bool) -> dict[Path, Any]:
    """Returns every field of a document with its value; an item of a list map by itself too.

    Args:
        document: a resource.
        native: whether its kind is one of Kubernetes's own, which decides the shape of lists.
    """
    fields: dict[Path, Any] = {}
    owned = {k: v for k, v in document.items() if k not in ("apiVersion", "kind", "metadata")}
    metadata = document.get("metadata") or {}
    metadata = {key: value for key, value in metadata.items() if key not in _UNOWNED}
    if metadata:
        owned["metadata"] = metadata
    for key, value in owned.items():
        _flatten(value, (f"f:{key}",), fields, native)
    return fields


def _flatten(value: Any, path: Path, fields: dict[Path, Any], native: bool) -> None:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _flatten(inner, (*path, f"f:{key}"), fields, native)
        return
    if isinstance(value, list):
        keys = keys_of(path[-1][2:], value, native=native)
        if keys == ("",):
            fields.update({(*path, f"v:{json.dumps(item)}"): item for item in value})
            return
        if keys and value:
            for item in value:
                inner_path = (*path, item_element(item, keys))
                fields[inner_path] = True
                _flatten(item, inner_path, fields, native)
            return
    fields[path] = value


def item_element(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Returns the path element of an item of a list map; a port's protocol defaults to TCP."""
    found = {key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(keys)}
    return "k:" + json.dumps(found, separators=(",", ":"))


def encode(paths: set[Path]) -> dict[str, Any]:
    """Writes a set as FieldsV1."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if any(other[: len(path)] == path and len(other) > len(path) for other in paths):
            node["."] = {}
    return tree


def decode(tree: dict[str, Any], path: Path = ()) -> set[Path]:
    """Reads FieldsV1."""
    if not tree:
        return {path} if path else set()
    paths: set[Path] = set()
    for element, inner in tree.items():
        paths |= {path} if element == "." else decode(inner, (*path, element))
    return paths


def remove(document: Any, path: Path) -> None:
    """Removes a field from a document, and what of its parents is left empty by that."""
    if not path:
        return
    element, rest = path[0], path[1:]
    key = _find(document, element)
    if key is None:
        return
    if rest:
        remove(document[key], rest)
        if document[key] in ({}, []):
            del document[key]
    else:
        del document[key]


def _find(holder: Any, element: str) -> Any:
    kind, text = element[0], element[2:]
    if kind == "f":
        return text if isinstance(holder, dict) and text in holder else None
    if not isinstance(holder, list):
        return None
    wanted = json.loads(text)
    for index, item in enumerate(holder):
        same = item == wanted if kind == "v" else item_element(item, tuple(wanted)) == element
        if same:
            return index
    return None


def shown(path: Path) -> str:
    """Writes a path as conflicts do: `.spec.containers[name="a"].image`."""
    text = ""
    for element in path:
        kind, name = element[0], element[2:]
        if kind == "f":
            text += f".{name}"
        elif kind == "v":
            text += f"[={name}]"
        else:
            pairs = json.loads(name).items()
            text += f"[{','.join(f'{key}={json.dumps(value)}' for key, value in pairs)}]"
    return text
