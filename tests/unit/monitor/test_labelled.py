import asyncio
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from components.monitor import labelled


def batch() -> pa.RecordBatch:
    return pa.record_batch({"x": pa.array(range(1000), pa.float64())})


class Reading:
    """Batches without end, as of a store that is read."""

    def __init__(self) -> None:
        self.ended = False
        self.batches = self._read()
        next(self.batches)

    def _read(self) -> Iterator[pa.RecordBatch]:
        try:
            while True:
                yield batch()
        finally:
            self.ended = True


@pytest.fixture
def reading() -> Reading:
    return Reading()


def answer(reading: Reading, *, bodies: int = 10) -> None:
    """Answers a client that leaves after some bodies."""
    labelled._room.acquire()
    response = labelled._Limited(batch(), reading.batches, {})
    left = bodies

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    async def send(message: dict[str, Any]) -> None:
        nonlocal left
        left -= message["type"] == "http.response.body"
        if left == 0:
            raise OSError
        await asyncio.sleep(0)

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    asyncio.run(response(scope, receive, send))  # type: ignore[arg-type]


def test_answer_client_that_leaves_the_store_is_read_no_more(reading: Reading) -> None:
    with pytest.raises(Exception, match=r"^$"):
        answer(reading)
    assert reading.ended


def test_answer_that_takes_too_long_breaks_off(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        answer(reading, bodies=10**9)
    assert reading.ended


def test_answer_makes_room_for_the_next_each_time() -> None:
    for _ in range(3 * labelled.AT_ONCE):
        reading = Reading()
        with pytest.raises(Exception, match=r"^$"):
            answer(reading)
        assert reading.ended
