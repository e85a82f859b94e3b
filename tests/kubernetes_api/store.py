"""Where resources lie, in memory: by key, with a counter of versions and all changes so far."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.kubernetes_api.copies import copied

Document = dict[str, Any]
# Group, plural, namespace, name: versions of a group share what is stored.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Change:
    """One change: what became of a resource, and what it was before."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    key: Key
    document: Document
    before: Document | None


class Store:
    """All resources. What is handed out is a copy; listeners hear of each change at once."""

    def __init__(self) -> None:
        """Starts empty."""
        self.version = 100
        self.oldest = 0
        self.history: list[Change] = []
        self.listeners: list[Callable[[Change], None]] = []
        self._documents: dict[Key, Document] = {}

    def get(self, key: Key) -> Document | None:
        """Returns a copy; None where there is none."""
        found = self._documents.get(key)
        return None if found is None else copied(found)

    def peek(self, key: Key) -> Document | None:
        """Returns what is stored itself, to be read only."""
        return self._documents.get(key)

    def scan(self, group: str, plural: str, namespace: str = "") -> Iterator[tuple[Key, Document]]:
        """Returns what is stored itself, to be read only, by namespace and name."""
        for key in sorted(k for k in self._documents if k[:2] == (group, plural)):
            if namespace in ("", key[2]):
                yield key, self._documents[key]

    def everything(self) -> list[tuple[Key, Document]]:
        """Returns what is stored itself, to be read only."""
        return list(self._documents.items())

    def write(self, key: Key, document: Document) -> Document:
        """Stores a document under a new version and returns a copy of it."""
        before = self._documents.get(key)
        self.version += 1
        stored = copied(document)
        stored["metadata"]["resourceVersion"] = str(self.version)
        self._documents[key] = stored
        self._tell(Change(self.version, "MODIFIED" if before else "ADDED", key, stored, before))
        return copied(stored)

    def remove(self, key: Key) -> Document:
        """Removes a document and returns what it was."""
        before = self._documents.pop(key)
        self.version += 1
        gone = copied(before)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Change(self.version, "DELETED", key, gone, before))
        return gone

    def compact(self) -> None:
        """Forgets the history."""
        self.history.clear()
        self.oldest = self.version

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        for listener in list(self.listeners):
            listener(change)
