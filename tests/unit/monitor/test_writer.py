import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from components.monitor.predictions import Record
from components.monitor.refusal import RefusedError
from components.monitor.storage.addresses import Address
from components.monitor.storage.reader import Reader
from components.monitor.store import Store, Stored
from components.monitor.writer import Writer

Make = Callable[..., Record]


class Rig:
    def __init__(self, address: Address, capacity: int = 1000) -> None:
        self.commits: list[float] = []
        store = Store(address)
        self.reader = Reader(address)
        self.writer = Writer(store, capacity=capacity, observe_commit=self.commits.append)

    def add(self, *records: Record) -> "Future[Stored]":
        future: Future[Stored] = Future()
        self.writer.submit_events(records, future)
        return future

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def stored(self) -> int:
        return sum(total.events for total in self.reader.content().totals)


@pytest.fixture
def rig(address: Address) -> Iterator[Rig]:
    built = Rig(address)
    yield built
    built.close()


def test_submit_many_waiting_share_one_commit(rig: Rig, record: Make) -> None:
    futures = [rig.add(record(str(number))) for number in range(200)]
    rig.writer.start()
    assert [future.result(10).stored for future in futures] == [1] * 200
    assert len(rig.commits) == 1


def test_submit_acknowledged_only_after_commit(rig: Rig, record: Make) -> None:
    seen: list[int] = []
    for number in range(50):
        future = rig.add(record(str(number)))
        future.add_done_callback(lambda _: seen.append(rig.stored()))
    assert rig.stored() == 0
    rig.writer.start()
    while len(seen) < 50:
        time.sleep(0.001)
    assert seen == [50] * 50


def test_submit_full_queue_refused_503(address: Address, record: Make) -> None:
    rig = Rig(address, capacity=2)
    rig.add(record("a"))
    rig.add(record("b"))
    with pytest.raises(RefusedError, match="2 requests waiting") as caught:
        rig.add(record("c"))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    rig.writer.start()
    rig.writer.close()
    assert rig.stored() == 2


def test_submit_failing_request_undone_alone(rig: Rig, record: Make) -> None:
    def fail(store: Store) -> None:
        store.add_events([record("bad")])
        message = "a bug"
        raise ValueError(message)

    first, broken, last = rig.add(record("a")), rig.writer.submit(fail), rig.add(record("b"))
    rig.writer.start()
    with pytest.raises(ValueError, match="a bug"):
        broken.result(10)
    assert (first.result(10).stored, last.result(10).stored) == (1, 1)
    assert rig.stored() == 2


def test_submit_events_one_that_cannot_be_stored_refused_alone(rig: Rig, record: Make) -> None:
    # Larger than any integer of a database; no reader of events lets it through.
    bad = rig.add(record("bad", version=2**70))
    others = [rig.add(record(str(number))) for number in range(5)]
    rig.writer.start()
    with pytest.raises((OverflowError, RefusedError)):
        bad.result(10)
    assert [other.result(10).stored for other in others] == [1] * 5
    assert rig.stored() == 5


def test_submit_events_together_each_request_has_its_own_counts(rig: Rig, record: Make) -> None:
    first = rig.add(record("a"), record("b"))
    second = rig.add(record("b"), record("c"), record("a"))
    rig.writer.start()
    assert (first.result(10).stored, first.result(10).duplicate) == (2, 0)
    assert (second.result(10).stored, second.result(10).duplicate) == (1, 2)


def test_submit_events_of_a_loop_woken_once_for_a_group(rig: Rig, record: Make) -> None:
    async def send() -> list[Stored]:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Stored]] = [loop.create_future() for _ in range(50)]
        for number, future in enumerate(futures):
            rig.writer.submit_events([record(str(number))], future)
        futures[0].cancel()
        rig.writer.start()
        return await asyncio.gather(*futures[1:])

    assert [done.stored for done in asyncio.run(send())] == [1] * 49
    assert len(rig.commits) == 1
    # Whoever has gone is not written for.
    assert rig.stored() == 49


def test_submit_events_loop_closed_meanwhile_writer_goes_on(rig: Rig, record: Make) -> None:
    loop = asyncio.new_event_loop()
    rig.writer.submit_events([record("a")], loop.create_future())
    loop.close()
    rig.writer.start()
    assert rig.add(record("b")).result(10).stored == 1
    assert rig.stored() == 2


def test_submit_locked_database_refused_then_recovers(tmp_path: Path, record: Make) -> None:
    rig = Rig(tmp_path / "s")
    rig.writer._store._connection.query("PRAGMA busy_timeout=50")
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    rig.writer.start()
    with pytest.raises(RefusedError, match="the store could not be written") as caught:
        rig.add(record("a")).result(10)
    assert (caught.value.status, caught.value.reason) == (503, "store")
    other.execute("ROLLBACK")
    other.close()
    assert rig.add(record("a")).result(10).stored == 1
    rig.close()


def test_submit_full_file_refused_and_nothing_acknowledged_lost(
    tmp_path: Path, record: Make
) -> None:
    rig = Rig(tmp_path / "s")
    rig.writer.start()
    assert rig.add(record("a")).result(10).stored == 1
    connection = rig.writer._store._connection
    pages = connection.query("PRAGMA page_count")[0][0]
    rig.writer.submit(
        lambda store: store._connection.query(f"PRAGMA max_page_count={pages}")
    ).result(10)
    with pytest.raises(RefusedError, match="the store could not be written"):
        rig.add(record("big", features="x" * 1_000_000)).result(10)
    assert rig.stored() == 1
    rig.writer.submit(
        lambda store: store._connection.query("PRAGMA max_page_count=1000000")
    ).result(10)
    assert rig.add(record("b")).result(10).stored == 1
    rig.close()


def test_close_queued_requests_written(address: Address, record: Make) -> None:
    rig = Rig(address)
    futures = [rig.add(record(str(number))) for number in range(600)]
    rig.writer.start()
    rig.writer.close()
    assert all(future.done() for future in futures)
    assert rig.stored() == 600
    with pytest.raises(RefusedError, match="stopping"):
        rig.add(record("late"))


def test_submit_cancelled_before_its_group_not_written(rig: Rig, record: Make) -> None:
    cancelled, kept = rig.add(record("a")), rig.add(record("b"))
    assert cancelled.cancel()
    rig.writer.start()
    assert kept.result(10).stored == 1
    assert rig.stored() == 1


def test_submit_from_many_threads_all_written(rig: Rig, record: Make) -> None:
    rig.writer.start()

    def work(name: int) -> None:
        for number in range(50):
            assert rig.add(record(f"{name}-{number}")).result(10).stored == 1

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rig.stored() == 400
    assert len(rig.commits) < 400
