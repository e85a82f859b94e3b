import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from components.monitor.predictions import Record
from components.monitor.refusal import RefusedError
from components.monitor.store import Store, Stored
from components.monitor.totals import read_content
from components.monitor.writer import Writer

Make = Callable[..., Record]


class Rig:
    def __init__(self, path: Path, capacity: int = 1000) -> None:
        self.path = path
        self.commits: list[float] = []
        store = Store(path)
        self.writer = Writer(store, capacity=capacity, observe_commit=self.commits.append)

    def add(self, record: Record) -> "Future[Stored]":
        return self.writer.submit(lambda store: store.add_events([record]))

    def stored(self) -> int:
        return sum(total.events for total in read_content(self.path).totals)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    built = Rig(tmp_path / "s")
    yield built
    built.writer.close()


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


def test_submit_full_queue_refused_503(tmp_path: Path, record: Make) -> None:
    rig = Rig(tmp_path / "s", capacity=2)
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


def test_submit_locked_database_refused_then_recovers(rig: Rig, record: Make) -> None:
    rig.writer._store._connection.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(rig.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    rig.writer.start()
    with pytest.raises(RefusedError, match="the store could not be written") as caught:
        rig.add(record("a")).result(10)
    assert (caught.value.status, caught.value.reason) == (503, "store")
    other.execute("ROLLBACK")
    other.close()
    assert rig.add(record("a")).result(10).stored == 1


def test_submit_full_disk_refused_and_nothing_acknowledged_lost(rig: Rig, record: Make) -> None:
    rig.writer.start()
    assert rig.add(record("a")).result(10).stored == 1
    connection = rig.writer._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    rig.writer.submit(
        lambda store: store._connection.execute(f"PRAGMA max_page_count={pages}").fetchone()
    ).result(10)
    with pytest.raises(RefusedError, match="the store could not be written"):
        rig.add(record("big", features="x" * 1_000_000)).result(10)
    assert rig.stored() == 1
    rig.writer.submit(
        lambda store: store._connection.execute("PRAGMA max_page_count=1000000").fetchone()
    ).result(10)
    assert rig.add(record("b")).result(10).stored == 1


def test_close_queued_requests_written(tmp_path: Path, record: Make) -> None:
    rig = Rig(tmp_path / "s")
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
