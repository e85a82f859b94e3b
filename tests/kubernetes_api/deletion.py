"""Deletion: finalizers, pods that are given time, and what is owned."""

from tests.kubernetes_api.metadata import now
from tests.kubernetes_api.refusals import not_found, stale
from tests.kubernetes_api.store import Document, Key, Store
from tests.kubernetes_api.targets import Target


class Deletion:
    """Deletes resources from a store.

    Attributes:
        nodes: whether a node ends the pods that are deleted; without one they are gone at once.
    """

    def __init__(self, store: Store) -> None:
        """Deletes from a store."""
        self.store = store
        self.nodes = False

    def delete(self, target: Target, body: Document, *, dry: bool = False) -> Document | None:
        """Deletes a resource.

        Returns:
            What is left while finalizers hold it or its containers stop; None once it is gone.
        """
        old = self.store.get(target.key)
        if old is None:
            raise not_found(target.kind.group, target.kind.plural, target.name)
        wanted = body.get("preconditions") or {}
        for field in ("uid", "resourceVersion"):
            if wanted.get(field) not in (None, old["metadata"].get(field)):
                raise stale(target.kind.group, target.kind.plural, target.name)
        if dry:
            return None
        if body.get("propagationPolicy") == "Orphan":
            self._orphan(old)
        graceful = target.kind.kind == "Pod" and body.get("gracePeriodSeconds") != 0
        graceful = graceful and self.nodes and bool(old.get("spec", {}).get("nodeName"))
        if old["metadata"].get("finalizers") or graceful:
            old["metadata"].setdefault("deletionTimestamp", now())
            old["metadata"].setdefault("deletionGracePeriodSeconds", 30 if graceful else 0)
            return self.store.write(target.key, old)
        self.store.remove(target.key)
        return None

    def dependents(self, uid: str) -> list[tuple[Key, Document]]:
        """Returns what a resource owns."""
        return [
            (key, document)
            for key, document in self.store.everything()
            if any(o["uid"] == uid for o in document["metadata"].get("ownerReferences", []))
        ]

    def _orphan(self, owner: Document) -> None:
        for key, _ in self.dependents(owner["metadata"]["uid"]):
            document = self.store.get(key) or {}
            kept = document["metadata"]["ownerReferences"]
            uid = owner["metadata"]["uid"]
            document["metadata"]["ownerReferences"] = [o for o in kept if o["uid"] != uid]
            self.store.write(key, document)
