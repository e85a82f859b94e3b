"""The route of labelled rows: what a retraining run takes as `fresh`, as Parquet while it is read.

Rows go out batch by batch, so that a year of them takes no more memory than a minute. A file that
broke off has no footer, by which every reader of Parquet knows it as none.
"""

import asyncio
import io
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from itertools import chain
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from components.monitor.collector import Collector
from components.monitor.refusal import Review, invalid, overloaded, store_unavailable
from components.monitor.wire import format_time, parse_time

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE: Final = "application/vnd.apache.parquet"
"""As IANA registered it."""

AT_ONCE: Final = 4
"""Files that are written at one time; each holds a batch of rows in memory."""

SECONDS: Final = 600.0
"""How long one file may take: a client that does not read holds the store's old pages back."""

_room = threading.BoundedSemaphore(AT_ONCE)


def get_labelled(request: Request) -> Response:
    """`GET /v1/models/NAME/labelled.parquet?since=S&until=T`: the rows whose label came in between.

    Args:
        request: `since` and `until` are RFC 3339; left out, they are the beginning and now. The
            answer's headers `Kubeloop-Since` and `Kubeloop-Until` say what they were: the next
            request whose `since` is this `until` gets every later label, and none twice.

    Returns:
        The file, half-open [since, until).

    Raises:
        RefusedError: 400, with every problem; 503, the store cannot be read, or too many read.
        HTTPException: 404, no version of the model is registered.
    """
    since, until = _span(request)
    collector: Collector = request.app.state.collector
    name = request.path_params["name"]
    if not any(model == name for model, _ in collector.reader.versions()):
        raise HTTPException(404, f"no version of model {name!r} is registered")
    if not _room.acquire(blocking=False):
        raise overloaded(f"{AT_ONCE} files of labelled rows are being read")  # noqa: EM102
    try:
        batches = collector.reader.labelled_table(name, since, until)
        first = next(batches)
    except BaseException as exc:
        _room.release()
        if isinstance(exc, FutureTimeoutError):
            raise store_unavailable() from exc
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.parquet"',
        "Kubeloop-Since": format_time(since) or "",
        "Kubeloop-Until": format_time(until) or "",
    }
    return _Limited(first, batches, headers)


def _span(request: Request) -> tuple[int, int]:
    review, moment = Review(0), time.time_ns() // 1000
    found = {"since": 0, "until": moment}
    for name in found:
        stated = request.query_params.get(name)
        if stated is None:
            continue
        asked = parse_time(stated)
        if asked is None:
            review.note(name, "an RFC 3339 time such as 2026-11-20T12:00:00Z ('+' is %2B here)")
        elif not 0 <= asked <= moment:
            review.note(name, f"a time that is over; here it is {format_time(moment)}")
        else:
            found[name] = asked
    if not review.problems and found["since"] > found["until"]:
        review.note("since", f"a time before until, {format_time(found['until'])}")
    if review.problems:
        raise invalid(review.problems, what="request")
    return found["since"], found["until"]


class _Limited(StreamingResponse):
    """A file that breaks off after `SECONDS`, and makes room for the next at its end."""

    def __init__(
        self, first: "pa.RecordBatch", rest: "Iterator[pa.RecordBatch]", headers: dict[str, str]
    ) -> None:
        super().__init__(_written(first, rest), media_type=MEDIA_TYPE, headers=headers)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            _room.release()
            # Whoever collects garbage may take hours, for which the store keeps all old pages.
            if isinstance(self._rest, Generator):
                self._rest.close()


class _Sink(io.RawIOBase):
    """Takes what is written, until it is drained."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._length

    def drain(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _written(first: "pa.RecordBatch", rest: "Iterator[pa.RecordBatch]") -> Iterator[bytes]:
    """Yields a Parquet file, each batch a row group."""
    import pyarrow.parquet as pq

    sink = _Sink()
    with pq.ParquetWriter(sink, first.schema) as writer:
        for batch in chain([first], rest):
            writer.write_batch(batch)
            yield sink.drain()
    yield sink.drain()


ROUTES: Final = (Route("/v1/models/{name}/labelled.parquet", get_labelled),)
