"""What the API server does to resources: create, replace, patch, apply and delete."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.kubernetes_api import ownership, patches
from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.metadata import (
    SYSTEM,
    UNCONDITIONAL,
    check_identity,
    native,
    now,
    settled,
)
from tests.kubernetes_api.ownership import Manager, Owners
from tests.kubernetes_api.refusals import (
    RefusalError,
    already_exists,
    invalid,
    not_found,
    stale,
)
from tests.kubernetes_api.store import Document, Key, Store
from tests.kubernetes_api.targets import Target

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
Admission = Callable[[Kind, Document | None, Document, "Options"], None]


@dataclass
class Options:
    """How a write is meant.

    Attributes:
        manager: fieldManager, else the client's name.
        dry: whether nothing is to be stored.
        force: whether apply takes what others own.
        validation: Strict, Warn or Ignore.
        warnings: what the client is to be told.
    """

    manager: str = "unknown"
    dry: bool = False
    force: bool = False
    validation: str = "Warn"
    warnings: tuple[str, ...] = ()


class Resources:
    """The rules by which resources are written."""

    def __init__(self, store: Store) -> None:
        """Writes into a store; `admissions` may change or refuse what is written."""
        self.store = store
        self.admissions: list[Admission] = []

    def create(self, target: Target, document: Document, options: Options) -> Document:
        """Creates a resource; 409 where one of that name is there."""
        kind, metadata = target.kind, document.setdefault("metadata", {})
        check_identity(target, document)
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                cause = ("metadata.name", "FieldValueRequired", "name or generateName is required")
                raise invalid(kind.group, kind.kind, "", [cause])
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        key = (kind.group, kind.plural, target.namespace, metadata["name"])
        self._check_namespace(target)
        if self.store.peek(key) is not None:
            raise already_exists(kind.group, kind.plural, metadata["name"])
        if metadata.get("resourceVersion"):
            msg = "resourceVersion should not be set on objects to be created"
            raise RefusalError(500, msg)
        new = self._fresh(target, document)
        manager = Manager(options.manager, "Update", kind.api_version)
        return self._store(key, target, (None, new), (manager, None), options)

    def replace(self, target: Target, document: Document, options: Options) -> Document:
        """Replaces a resource, or its status; 409 where it has changed since it was read."""
        kind, old = target.kind, self._existing(target)
        check_identity(target, document)
        version = document["metadata"].get("resourceVersion")
        if not version and kind.group not in UNCONDITIONAL:
            text = "Invalid value: 0: must be specified for an update"
            cause = ("metadata.resourceVersion", "FieldValueInvalid", text)
            raise invalid(kind.group, kind.kind, target.name, [cause])
        manager = Manager(options.manager, "Update", kind.api_version, target.subresource)
        return self._store(target.key, target, (old, document), (manager, None), options)

    def patch(self, target: Target, patch: Any, form: str, options: Options) -> Document:
        """Patches a resource, or its status."""
        kind, old = target.kind, self._existing(target)
        if form == MERGE:
            new = patches.merge(old, patch)
        elif form == STRATEGIC and native(kind):
            new = patches.strategic(old, patch)
        elif form == JSON_PATCH:
            new = patches.json_patch(old, patch)
        else:
            msg = f"the body of the request was in an unknown format - accepted media types include: {JSON_PATCH}, {MERGE}, {APPLY}"  # noqa: E501
            raise RefusalError(415, msg)
        manager = Manager(options.manager, "Update", kind.api_version, target.subresource)
        return self._store(target.key, target, (old, new), (manager, None), options)

    def apply(
        self, target: Target, config: Document, options: Options, on_create: Callable[[], None]
    ) -> Document:
        """Applies a configuration (server-side apply); makes the resource where there is none.

        Args:
            target: which resource.
            config: what the manager wants of it.
            options: who applies, and whether by force.
            on_create: called before the resource is made, to ask for the right to.

        Returns:
            The resource.
        """
        if config.get("metadata", {}).get("managedFields"):
            msg = "metadata.managedFields must be nil"
            raise RefusalError(400, msg)
        check_identity(target, config)
        kind, old = target.kind, self.store.get(target.key)
        config = copied(config)
        config.setdefault("metadata", {})["name"] = target.name
        base = old
        if base is None:
            on_create()
            self._check_namespace(target)
            base = self._fresh(target, {"metadata": {"name": target.name}})
        version = config["metadata"].get("resourceVersion")
        if version and version != base["metadata"].get("resourceVersion"):
            raise stale(kind.group, kind.plural, target.name)
        for field in ("resourceVersion", "uid", "creationTimestamp"):
            config["metadata"].pop(field, None)
        if not target.subresource and "status" in kind.subresources:
            config.pop("status", None)
        self._admit(kind, None, config, options)
        manager = Manager(options.manager, "Apply", kind.api_version, target.subresource)
        new, owners = ownership.applied(
            base, config, manager, force=options.force, native=native(kind)
        )
        return self._store(target.key, target, (old, new), (manager, owners), options)

    def completed(self, target: Target, document: Document) -> Document:
        """Returns a document as it is stored at first, its status kept."""
        fresh = self._fresh(target, copied(document))
        return {**fresh, "status": document["status"]} if "status" in document else fresh

    def _existing(self, target: Target) -> Document:
        old = self.store.get(target.key)
        if old is None:
            raise not_found(target.kind.group, target.kind.plural, target.name)
        return old

    def _check_namespace(self, target: Target) -> None:
        space = ("", "namespaces", "", target.namespace)
        if target.kind.namespaced and self.store.peek(space) is None:
            core = ""
            raise not_found(core, "namespaces", target.namespace)

    def _fresh(self, target: Target, document: Document) -> Document:
        kind = target.kind
        metadata = {k: v for k, v in document["metadata"].items() if k not in SYSTEM}
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        metadata.pop("managedFields", None)
        if kind.namespaced:
            metadata["namespace"] = target.namespace
        if "status" in kind.subresources and kind.group:
            metadata["generation"] = 1
        fresh = {"apiVersion": kind.api_version, "kind": kind.kind, **document}
        fresh["metadata"] = metadata
        if "status" in kind.subresources:
            fresh.pop("status", None)
        if kind.kind == "Namespace":
            metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
            fresh |= {"spec": {"finalizers": []}, "status": {"phase": "Active"}}
        return fresh

    def _admit(self, kind: Kind, old: Document | None, new: Document, options: Options) -> None:
        for admission in self.admissions:
            admission(kind, old, new, options)

    def _store(
        self,
        key: Key,
        target: Target,
        pair: tuple[Document | None, Document],
        written: tuple[Manager, Owners | None],
        options: Options,
    ) -> Document:
        """Settles what a write may change and who owns it, admits it and stores it."""
        old, new = pair
        manager, owners = written
        kind = target.kind
        if old is not None:
            version = new["metadata"].get("resourceVersion")
            if version not in (None, "", old["metadata"]["resourceVersion"]):
                raise stale(kind.group, kind.plural, target.name)
            new = settled(kind, old, new, target.subresource)
        self._admit(kind, old, new, options)
        if owners is None:
            empty: Document = {"metadata": {}}
            owners = ownership.updated(old or empty, new, manager, native=native(kind))
        ownership.record(new, owners, now())
        if old is not None and new == old:
            return old
        if options.dry:
            return new
        stored = self.store.write(key, new)
        if stored["metadata"].get("deletionTimestamp") and not stored["metadata"].get("finalizers"):
            held = kind.kind == "Pod" and stored.get("spec", {}).get("nodeName")
            if not held:
                self.store.remove(key)
        return stored
