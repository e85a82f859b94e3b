"""The least that acknowledges events durably: bare ASGI, the raw body, a group commit.

It checks nothing, drops no private column, knows no event twice and judges nothing: the limit that
the same server program and the same disk set on the machine of the moment.

Run by `load`: `python -m tests.benchmarks.monitor.bare PORT FILE`.
"""

import asyncio
import queue
import sqlite3
import sys
import threading
from typing import Any

import uvicorn

Waiting = tuple[asyncio.Future[None], bytes]


class Bare:
    """The ASGI application and its writing thread."""

    def __init__(self, path: str) -> None:
        self._queue: queue.Queue[Waiting] = queue.Queue()
        self._path = path
        threading.Thread(target=self._write, daemon=True).start()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if body:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.put((future, body))
            await future
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    def _write(self) -> None:
        store = sqlite3.connect(self._path, isolation_level=None)
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=FULL")
        store.execute("CREATE TABLE bodies (body BLOB)")
        while True:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            store.execute("BEGIN")
            store.executemany("INSERT INTO bodies VALUES (?)", [(body,) for _, body in group])
            store.execute("COMMIT")
            group[0][0].get_loop().call_soon_threadsafe(_acknowledge, group)


def _acknowledge(group: list[Waiting]) -> None:
    for future, _ in group:
        if not future.done():
            future.set_result(None)


if __name__ == "__main__":
    config = uvicorn.Config(
        Bare(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="error",
        proxy_headers=False, lifespan="off",
    )  # fmt: skip
    uvicorn.Server(config).run()
