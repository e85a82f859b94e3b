"""Patches: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and Kubernetes's strategic merge."""

from typing import Any

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.shapes import keys_of


def merge(target: Any, patch: Any) -> Any:
    """Applies a JSON merge patch and returns the result."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Any, patch: Any, name: str = "") -> Any:
    """Applies a strategic merge patch: lists that have keys are merged by them."""
    if isinstance(patch, list):
        return _strategic_list(target, patch, name)
    if not isinstance(patch, dict):
        return copied(patch)
    if patch.get("$patch") == "replace":
        return {key: copied(value) for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith(("$setElementOrder/", "$retainKeys", "$patch")):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            result[field] = [item for item in result.get(field, []) if item not in value]
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = strategic(result.get(key), value, key)
    return result


def _strategic_list(target: Any, patch: list[Any], name: str) -> list[Any]:
    items = list(target) if isinstance(target, list) else []
    keys = keys_of(name, items or patch)
    if keys == ("",):
        return items + [item for item in patch if item not in items]
    if not keys:
        return copied(patch)
    for wanted in patch:
        same = [i for i, item in enumerate(items) if _same(item, wanted, keys)]
        if wanted.get("$patch") == "delete":
            items = [item for item in items if not _same(item, wanted, keys)]
        elif same:
            items[same[0]] = strategic(items[same[0]], wanted)
        else:
            items.append(strategic({}, wanted))
    return items


def _same(item: Any, wanted: Any, keys: tuple[str, ...]) -> bool:
    shared = [key for key in keys if key in wanted]
    return bool(shared) and all(item.get(key) == wanted.get(key) for key in shared)


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Applies a JSON patch and returns the result."""
    result = copied(target)
    for operation in operations:
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as exc:
            msg = f"the server rejected our request due to an error in our request: {operation!r}"
            raise RefusalError(422, msg, reason="Invalid") from exc
    return result


def _operate(document: Any, operation: dict[str, Any]) -> Any:
    op, path = operation["op"], _parts(operation["path"])
    if op == "test":
        if _at(document, path) != operation["value"]:
            msg = f"testing value {operation['path']} failed"
            raise ValueError(msg)
        return document
    if op in ("move", "copy"):
        value = copied(_at(document, _parts(operation["from"])))
        if op == "move":
            document = _operate(document, {"op": "remove", "path": operation["from"]})
        return _put(document, path, value, insert=True)
    if op == "remove":
        holder, last = _at(document, path[:-1]), path[-1]
        del holder[int(last) if isinstance(holder, list) else last]
        return document
    if op == "replace":
        _at(document, path)
    return _put(document, path, copied(operation["value"]), insert=op == "add")


def _put(document: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    holder, last = _at(document, path[:-1]), path[-1]
    if isinstance(holder, list) and insert:
        holder.insert(len(holder) if last == "-" else int(last), value)
    elif isinstance(holder, list):
        holder[int(last)] = value
    else:
        holder[last] = value
    return document


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part) if isinstance(document, list) else part]
    return document


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
