"""Lists in pages, and watch streams with what ends them: time, a test, or forgotten history."""

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.http_server import Exchange
from tests.kubernetes_api.metadata import native
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.selectors import fields_match, labels_match
from tests.kubernetes_api.store import Change, Document, Store
from tests.kubernetes_api.targets import Target

_CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter."
)
# How long a watch lasts where the client names no time (kube-apiserver: 30 to 60 minutes).
_LONGEST_S = 1800.0


def chooses(target: Target, query: dict[str, str], document: Document | None) -> bool:
    """Tells whether a list or watch is about a document."""
    if document is None:
        return False
    metadata = document["metadata"]
    return (
        target.namespace in ("", metadata.get("namespace", ""))
        and labels_match(query.get("labelSelector", ""), document)
        and fields_match(query.get("fieldSelector", ""), document)
    )


def listed(store: Store, target: Target, query: dict[str, str]) -> Document:
    """Returns a list, or a page of it."""
    kind = target.kind
    after, revision = _position(query.get("continue", ""), store)
    found = [
        (key, document)
        for key, document in store.scan(kind.group, kind.plural, target.namespace)
        if chooses(target, query, document) and list(key) > after
    ]
    size = int(query.get("limit") or 0) or len(found)
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if len(found) > size:
        token = json.dumps([revision, found[size - 1][0]]).encode()
        metadata["continue"] = base64.urlsafe_b64encode(token).decode()
        metadata["remainingItemCount"] = len(found) - size
    items = [copied(document) for _, document in found[:size]]
    for item in items if native(kind) else []:
        del item["apiVersion"], item["kind"]
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "items": items,
    }


def _position(token: str, store: Store) -> tuple[list[str], int]:
    if not token:
        return [], store.version
    try:
        revision, key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as exc:
        msg = "continue key is not valid: invalid token"
        raise RefusalError(400, msg) from exc
    if revision < store.oldest:
        raise RefusalError(410, _CONTINUE_TOO_OLD)
    return key, revision


class Watches:
    """All watch streams of a server."""

    def __init__(self, store: Store) -> None:
        """Listens to a store."""
        self._store = store
        self._running: set[asyncio.Queue[Change | RefusalError | None]] = set()
        self._ending = 0
        store.listeners.append(self._tell)

    def end(self, times: int) -> None:
        """Ends what runs now and as many further ones as soon as they have begun."""
        self._ending = times
        for queue in self._running:
            queue.put_nowait(None)

    def expire(self) -> None:
        """Ends what runs now with an event ERROR, 410 Gone."""
        for queue in self._running:
            queue.put_nowait(RefusalError(410, "The resourceVersion is too old."))

    async def stream(self, exchange: Exchange, target: Target) -> None:
        """Answers a watch.

        Raises:
            RefusalError: 410, the resourceVersion is older than what is remembered.
        """
        query = exchange.request.query
        queue: asyncio.Queue[Change | RefusalError | None] = asyncio.Queue()
        for change in self._missed(target, query):
            queue.put_nowait(change)
        if self._ending:
            self._ending -= 1
            queue.put_nowait(None)
        self._running.add(queue)
        try:
            await exchange.begin()
            with suppress(TimeoutError):
                async with asyncio.timeout(float(query.get("timeoutSeconds") or _LONGEST_S)):
                    await self._pass_on(exchange, target, queue)
            if exchange.request.flag("allowWatchBookmarks"):
                await _send(exchange, "BOOKMARK", self._bookmark(target))
            await exchange.piece(b"")
        finally:
            self._running.discard(queue)

    async def _pass_on(
        self, exchange: Exchange, target: Target, queue: asyncio.Queue[Change | RefusalError | None]
    ) -> None:
        query = exchange.request.query
        while (change := await queue.get()) is not None:
            if isinstance(change, RefusalError):
                await _send(exchange, "ERROR", change.status())
                return
            if change.key[:2] != target.key[:2]:
                continue
            was = chooses(target, query, change.before)
            chosen = chooses(target, query, change.document) and change.type != "DELETED"
            if was or chosen:
                word = ("MODIFIED" if was else "ADDED") if chosen else "DELETED"
                await _send(exchange, word, change.document)

    def _missed(self, target: Target, query: dict[str, str]) -> list[Change]:
        version = query.get("resourceVersion") or "0"
        if version == "0":
            found = self._store.scan(target.kind.group, target.kind.plural, target.namespace)
            return [Change(0, "ADDED", key, document, None) for key, document in found]
        if int(version) < self._store.oldest:
            text = f"too old resource version: {version} ({self._store.version})"
            raise RefusalError(410, text)
        return [change for change in self._store.history if change.version > int(version)]

    def _bookmark(self, target: Target) -> Document:
        return {
            "kind": target.kind.kind,
            "apiVersion": target.kind.api_version,
            "metadata": {"resourceVersion": str(self._store.version), "creationTimestamp": None},
        }

    def _tell(self, change: Change) -> None:
        for queue in self._running:
            queue.put_nowait(change)


async def _send(exchange: Exchange, word: str, document: Document) -> None:
    await exchange.piece(json.dumps({"type": word, "object": document}).encode() + b"\n")
