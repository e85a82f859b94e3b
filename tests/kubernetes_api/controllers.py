"""What all controllers share: they write what differs, and wake each other until all is done."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.metadata import now
from tests.kubernetes_api.requests import Server
from tests.kubernetes_api.store import Change, Document, Key
from tests.kubernetes_api.targets import Target

# How long a controller takes to notice: long enough that a client can see what was before.
LAG_S = 0.002


class Desk:
    """A controller's hand on the store."""

    def __init__(self, server: Server) -> None:
        """Works on a server's store."""
        self.server, self.store = server, server.store

    def ensure(self, wanted: Document, *, owner: Document | None = None) -> Document:
        """Creates a resource, or brings what differs of it to what is wanted; its status stays."""
        kind = self.server.kinds.of(wanted)
        target = self._target(kind, wanted)
        document = copied(wanted)
        if owner is not None:
            document["metadata"]["ownerReferences"] = [reference(owner)]
        old = self.store.get(target.key)
        if old is None:
            return self.store.write(target.key, self.server.resources.completed(target, document))
        new = {**old, **document}
        new["metadata"] = {**old["metadata"], **document["metadata"]}
        if new == old:
            return old
        same = {k: v for k, v in new.items() if k != "metadata"} == {
            k: v for k, v in old.items() if k != "metadata"
        }
        if not same and "generation" in old["metadata"]:
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return self.store.write(target.key, new)

    def status(self, document: Document, status: Document) -> Document:
        """Writes a resource's status where it differs."""
        key = self.key(document)
        old = self.store.get(key)
        if old is None or old.get("status") == status:
            return old or document
        return self.store.write(key, {**old, "status": status})

    def delete(self, document: Document) -> None:
        """Deletes a resource; a pod's containers are given their time."""
        kind = self.server.kinds.of(document)
        target = self._target(kind, document)
        if self.store.peek(target.key) is not None:
            self.server.deletion.delete(target, {})

    def get(self, kind: str, namespace: str, name: str) -> Document | None:
        """Returns a copy of a resource."""
        found = self.server.kinds.named(kind)
        return self.store.get((found.group, found.plural, namespace, name))

    def all(self, kind: str, namespace: str = "") -> list[Document]:
        """Returns copies of all resources of a kind."""
        found = self.server.kinds.named(kind)
        scanned = self.store.scan(found.group, found.plural, namespace)
        return [copied(document) for _, document in scanned]

    def key(self, document: Document) -> Key:
        """Returns where a resource is stored."""
        return self._target(self.server.kinds.of(document), document).key

    def _target(self, kind: Kind, document: Document) -> Target:
        metadata = document["metadata"]
        return Target(kind, metadata.get("namespace", ""), metadata["name"], "", "")


def reference(owner: Document) -> Document:
    """Returns the ownerReference to a controller."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(
    conditions: list[Document],
    word: str,
    status: str,
    reason: str = "",
    message: str = "",
    **more: Any,
) -> list[Document]:
    """Returns conditions with one set; its time moves where its status does."""
    old = next((c for c in conditions if c["type"] == word), None)
    since = old["lastTransitionTime"] if old and old["status"] == status else now()
    new = {"type": word, "status": status, "lastTransitionTime": since, **more}
    new |= {"reason": reason} if reason else {}
    new |= {"message": message} if message else {}
    rest = [c for c in conditions if c["type"] != word]
    return sorted([*rest, new], key=lambda c: str(c["type"]))


def condition_of(document: Document | None, word: str) -> Document:
    """Returns a condition of a resource; {} where it is not stated."""
    conditions = ((document or {}).get("status") or {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == word), {})


class Rounds:
    """Calls the controllers in turn after each change, until a round changes nothing."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        """Waits for changes.

        Args:
            server: whose store is watched.
            loop: in which the controllers work.
        """
        self.controllers: list[Callable[[], object]] = []
        self.paused = False
        self.idle = asyncio.Event()
        self.idle.set()
        self.loop = loop
        self._timer: asyncio.TimerHandle | None = None
        server.store.listeners.append(self._notice)

    def wake(self) -> None:
        """Has a round begin shortly."""
        if self._timer is None and not self.paused:
            self.idle.clear()
            self._timer = self.loop.call_later(LAG_S, self._round)

    def pause(self) -> None:
        """Stops calling them."""
        self.paused = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.idle.set()

    def resume(self) -> None:
        """Calls them again."""
        self.paused = False
        self.wake()

    def _notice(self, change: Change) -> None:
        if change.key[1] not in ("events", "leases"):
            self.wake()

    def _round(self) -> None:
        self._timer = None
        for work in self.controllers:
            work()
        if self._timer is None:
            self.idle.set()
