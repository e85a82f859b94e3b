"""What the API server fills in and watches over: metadata, generations, identity."""

from datetime import UTC, datetime

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.store import Document
from tests.kubernetes_api.targets import Target

# Kinds of these groups follow Kubernetes's own schemas; all others come from definitions.
_NATIVE = {"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "coordination.k8s.io"}
# Whose updates may leave the resourceVersion out.
UNCONDITIONAL = _NATIVE - {"coordination.k8s.io"}
SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def now() -> str:
    """Returns this moment as metadata writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def native(kind: Kind) -> bool:
    """Tells whether a kind is one of Kubernetes's own."""
    return kind.group in _NATIVE or (kind.group.endswith(".k8s.io") and "gateway" not in kind.group)


def settled(kind: Kind, old: Document, new: Document, subresource: str) -> Document:
    """Returns what becomes of a resource: a write of the status leaves the rest, and vice versa."""
    new = copied(new)
    if subresource:
        managed = old["metadata"].get("managedFields")
        new = {**old, "status": new.get("status", {})}
        new["metadata"] = copied(old["metadata"])
        if managed is None:
            new["metadata"].pop("managedFields", None)
        return new
    metadata = new["metadata"]
    for field in (*SYSTEM, "generation", "resourceVersion", "namespace", "name", "managedFields"):
        metadata.pop(field, None)
        if field in old["metadata"]:
            metadata[field] = copied(old["metadata"][field])
    new |= {"apiVersion": old["apiVersion"], "kind": old["kind"]}
    if "status" in kind.subresources:
        new.pop("status", None)
        new |= {"status": old["status"]} if "status" in old else {}
    if "generation" in metadata and _meant(new) != _meant(old):
        metadata["generation"] += 1
    return new


def _meant(document: Document) -> Document:
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}


def check_identity(target: Target, document: Document) -> None:
    """Refuses a body whose kind, name or namespace is not the path's."""
    kind, metadata = target.kind, document.get("metadata") or {}
    for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if document.get(field) not in (None, wanted):
            found = document[field]
            msg = f"{field} in the data ({found}) does not match the expected one ({wanted})"
            raise RefusalError(400, msg)
    if target.name and metadata.get("name") not in (None, target.name):
        msg = (
            f"the name of the object ({metadata['name']}) does not match the name on the URL "
            f"({target.name})"
        )
        raise RefusalError(400, msg)
    if metadata.get("namespace") not in (None, "", target.namespace):
        msg = (
            "the namespace of the provided object does not match the namespace sent on the request"
        )
        raise RefusalError(400, msg)
