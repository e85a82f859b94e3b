"""Who owns which field: server-side apply, and what every other write does to the owners.

After sigs.k8s.io/structured-merge-diff's merge.Updater: an applied field that another manager set
to another value is a conflict; what a manager applied before and applies no longer is removed,
unless somebody else owns it too.
"""

from dataclasses import astuple, dataclass
from typing import Any

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.field_sets import (
    Path,
    decode,
    encode,
    fields_of,
    item_element,
    remove,
    shown,
)
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.shapes import keys_of

Document = dict[str, Any]


@dataclass(frozen=True)
class Manager:
    """One owner of fields.

    Attributes:
        name: fieldManager.
        operation: Apply or Update.
        api_version: in which it wrote.
        subresource: "" or status.
    """

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def __str__(self) -> str:
        """Returns it as a conflict names it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


Owners = dict[Manager, set[Path]]


def owners_of(document: Document) -> Owners:
    """Reads metadata.managedFields."""
    return {
        Manager(
            entry["manager"],
            entry["operation"],
            entry["apiVersion"],
            entry.get("subresource", ""),
        ): decode(entry.get("fieldsV1", {}))
        for entry in document["metadata"].get("managedFields", [])
    }


def record(document: Document, owners: Owners, now: str) -> None:
    """Writes metadata.managedFields; an owner whose fields are what they were keeps its time."""
    entries = document["metadata"].get("managedFields", [])
    times = {
        (e["manager"], e["operation"], e.get("subresource", "")): (e.get("fieldsV1"), e["time"])
        for e in entries
    }
    written = []
    # In an order of their own, so that an apply that changes nothing is seen to change nothing.
    for manager, paths in sorted(owners.items(), key=lambda owner: astuple(owner[0])):
        if not paths:
            continue
        fields = encode(paths)
        was, when = times.get((manager.name, manager.operation, manager.subresource), (None, now))
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": when if was == fields else now,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        written.append(
            entry | ({"subresource": manager.subresource} if manager.subresource else {})
        )
    if written:
        document["metadata"]["managedFields"] = written
    else:
        document["metadata"].pop("managedFields", None)


def updated(before: Document, after: Document, manager: Manager, *, native: bool) -> Owners:
    """Returns the owners after a write that was no apply: who changes a field owns it alone."""
    old, new = fields_of(before, native=native), fields_of(after, native=native)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = set(old) - set(new)
    owners = {other: paths - changed - gone for other, paths in owners_of(before).items()}
    owners[manager] = owners.get(manager, set()) | changed
    return owners


def applied(
    live: Document, config: Document, manager: Manager, *, force: bool, native: bool
) -> tuple[Document, Owners]:
    """Applies a configuration.

    Args:
        live: what is there; without spec and metadata.managedFields where there is nothing.
        config: what the manager wants.
        manager: who applies.
        force: whether it takes what others own.
        native: whether the kind is one of Kubernetes's own.

    Returns:
        The resource, and who owns what of it.

    Raises:
        RefusalError: 409, fields of other managers differ.
    """
    owners = owners_of(live)
    old = fields_of(live, native=native)
    if old and not owners:
        owners[Manager("before-first-apply", "Update", live["apiVersion"])] = set(old)
    wanted = set(fields_of(config, native=native))
    merged = _overlay(live, config, native=native)
    others = {other: paths for other, paths in owners.items() if other != manager}
    for path in sorted(owners.get(manager, set()) - wanted, key=len, reverse=True):
        if not any(_holds(paths, path) for paths in others.values()):
            remove(merged, path)
    new = fields_of(merged, native=native)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    conflicts = {other: sorted(paths & changed) for other, paths in others.items()}
    conflicts = {other: paths for other, paths in conflicts.items() if paths}
    if conflicts and not force:
        raise _conflict(conflicts)
    kept = {other: (paths - changed) & set(new) for other, paths in others.items()}
    return merged, {**kept, manager: wanted & set(new)}


def _holds(paths: set[Path], path: Path) -> bool:
    """Whether somebody owns a field, or anything in the list item that the path is."""
    inside = path[-1].startswith("k:")
    return path in paths or (inside and any(other[: len(path)] == path for other in paths))


def _overlay(live: Any, config: Any, name: str = "", *, native: bool) -> Any:
    if isinstance(config, dict):
        result = copied(live) if isinstance(live, dict) else {}
        for key, value in config.items():
            if value is not None:
                result[key] = _overlay(result.get(key), value, key, native=native)
        return result
    if isinstance(config, list) and isinstance(live, list):
        keys = keys_of(name, config or live, native=native)
        if keys == ("",):
            return live + [item for item in config if item not in live]
        if keys:
            return _overlay_items(live, config, keys, native=native)
    return copied(config)


def _overlay_items(
    live: list[Any], config: list[Any], keys: tuple[str, ...], *, native: bool
) -> list[Any]:
    result = {item_element(item, keys): item for item in copied(live)}
    for item in config:
        element = item_element(item, keys)
        result[element] = _overlay(result.get(element), item, native=native)
    return list(result.values())


def _conflict(conflicts: dict[Manager, list[Path]]) -> RefusalError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {other}",
            "field": shown(path),
        }
        for other, paths in conflicts.items()
        for path in paths
    ]
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines = [
            line
            for other, paths in sorted(conflicts.items(), key=lambda pair: str(pair[0]))
            for line in (f"conflicts with {other}:", *(f"- {shown(path)}" for path in paths))
        ]
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    return RefusalError(409, text, details={"causes": causes})
