"""What the API server looks after by itself: definitions, events, and what nobody owns any more."""

from tests.kubernetes_api.deletion import Deletion
from tests.kubernetes_api.kinds import Kinds, defined
from tests.kubernetes_api.loops import Loop
from tests.kubernetes_api.metadata import now
from tests.kubernetes_api.resources import Resources
from tests.kubernetes_api.store import Change, Document, Key
from tests.kubernetes_api.targets import Target

# How long the garbage collector takes to notice.
_COLLECTING_S = 0.002


class Upkeep:
    """Follows every change of a store."""

    def __init__(self, kinds: Kinds, resources: Resources, deletion: Deletion, loop: Loop) -> None:
        """Begins to follow.

        Args:
            kinds: that definitions add to.
            resources: of the store that is followed.
            deletion: from it.
            loop: in which it works.
        """
        self._kinds, self._resources, self._loop = kinds, resources, loop
        self._deletion = deletion
        self._store = resources.store
        self._events = 0
        self._store.listeners.append(self._follow)

    def put(self, document: Document) -> None:
        """Stores a document, its metadata completed; its status is stored too."""
        kind = self._kinds.of(document)
        metadata = document["metadata"]
        space = metadata.get("namespace", "default") if kind.namespaced else ""
        target = Target(kind, space, metadata["name"], "", "create")
        old = self._store.peek(target.key)
        fresh = self._resources.completed(target, document)
        if old is not None:
            fresh["metadata"]["uid"] = old["metadata"]["uid"]
        self._store.write(target.key, fresh)

    def drop(self, key: Key) -> None:
        """Removes a document and all that it owns."""
        document = self._store.peek(key)
        if document is None:
            return
        self._store.remove(key)
        for owned, _ in self._deletion.dependents(document["metadata"]["uid"]):
            self.drop(owned)

    def record_event(
        self, involved: Document, reason: str, message: str, kind: str = "Warning"
    ) -> None:
        """Records an Event; one that is there already only counts again."""
        metadata = involved["metadata"]
        space = metadata.get("namespace", "default")
        about = {
            "apiVersion": involved["apiVersion"],
            "kind": involved["kind"],
            "name": metadata["name"],
            "namespace": space,
            "uid": metadata.get("uid", ""),
        }
        told = (about, reason, message)
        for key, event in self._store.scan("", "events", space):
            if (event["involvedObject"], event["reason"], event["message"]) == told:
                again = {**event, "count": event["count"] + 1, "lastTimestamp": now()}
                self._store.write(key, {**again, "metadata": dict(event["metadata"])})
                return
        self._events += 1
        name = f"{metadata['name']}.{self._events:016x}"
        self.put(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": space},
                "involvedObject": about,
                "reason": reason,
                "message": message,
                "type": kind,
                "count": 1,
                "firstTimestamp": now(),
                "lastTimestamp": now(),
                "eventTime": None,
                "source": {"component": "test"},
                "reportingComponent": "",
                "reportingInstance": "",
            }
        )

    def _follow(self, change: Change) -> None:
        """Does what the API server's own controllers do about a change."""
        if change.key[1] == "customresourcedefinitions":
            for kind in defined(change.document):
                if change.type == "DELETED":
                    self._kinds.remove(kind.group, kind.plural)
                else:
                    self._kinds.add(kind)
            if change.type == "ADDED" and not change.document.get("status"):
                self._loop.later(0, lambda: self._establish(change.key))
        if change.type == "DELETED":
            self._loop.later(_COLLECTING_S, lambda: self._collect(change))

    def _establish(self, key: Key) -> None:
        crd = self._store.get(key)
        if crd is not None:
            conditions = [
                {"type": word, "status": "True", "reason": word, "lastTransitionTime": now()}
                for word in ("NamesAccepted", "Established")
            ]
            versions = [version["name"] for version in crd["spec"]["versions"]]
            crd["status"] = {"conditions": conditions, "storedVersions": versions}
            crd["status"]["acceptedNames"] = crd["spec"]["names"]
            self._store.write(key, crd)

    def _collect(self, change: Change) -> None:
        """Deletes what a resource owned, and what lay in a namespace."""
        owned = self._deletion.dependents(change.document["metadata"].get("uid", ""))
        if change.key[1] == "namespaces":
            owned += [(k, d) for k, d in self._store.everything() if k[2] == change.key[3]]
        for key, document in owned:
            if self._store.peek(key) is None or document["metadata"].get("deletionTimestamp"):
                continue
            kind = self._kinds.of(document)
            self._deletion.delete(Target(kind, key[2], key[3], "", "delete"), {})
