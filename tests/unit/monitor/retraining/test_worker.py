"""The thread: looks by itself and when it is woken, outlives failures, waits for its turn."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from components.monitor.refusal import RefusedError
from components.monitor.retraining.decisions import Decisions
from components.monitor.retraining.worker import WAITING, Worker
from components.monitor.storage.records import Retraining
from tests.unit.monitor.retraining.conftest import World

Make = Callable[..., Worker]


@pytest.fixture
def make(world: World) -> Iterator[Make]:
    made: list[Worker] = []

    def build(**changes: Any) -> Worker:
        values: dict[str, Any] = {
            "retrainer": world.retrainer,
            "watch": None,
            "leads": lambda: True,
            "pause": 3600.0,
        }
        decisions = Decisions(world.reader, world.submit)
        made.append(Worker(world.reader, decisions, **(values | changes)))
        return made[-1]

    yield build
    for worker in made:
        worker.close()


def ask_before_start(worker: Worker) -> "Future[Retraining | None]":
    """Asks and starts the thread: one look meets the request, and none comes after it by itself."""
    asked = worker.ask("churn", "manual")
    worker.start()
    return asked


def test_request_is_answered_without_waiting_for_the_pause(make: Make, world: World) -> None:
    worker = make()
    worker.start()
    decided = worker.ask("churn", "manual").result(30)
    assert decided
    assert decided.outcome == "started"
    assert worker.ask("none", "manual").result(30) is None
    assert [d.id for d in world.decisions] == [decided.id]


def test_replica_whose_turn_it_is_not_decides_nothing(make: Make, world: World) -> None:
    turn = threading.Event()
    worker = make(leads=turn.is_set)
    asked = ask_before_start(worker)
    with pytest.raises(RefusedError, match="another replica decides") as refused:
        asked.result(30)
    assert refused.value.status == 503
    assert world.decisions == []
    turn.set()
    assert worker.ask("churn", "manual").result(30)


def test_store_that_fails_is_tried_again(make: Make, world: World) -> None:
    world.reader.close()
    file = world.store.address
    hidden = file.with_suffix(".away")  # type: ignore[union-attr]
    for name in ("", "-wal", "-shm"):
        part = file.with_name(file.name + name)  # type: ignore[union-attr]
        if part.exists():
            part.rename(hidden.with_name(hidden.name + name))
    worker = make()
    asked = ask_before_start(worker)
    with pytest.raises(RefusedError, match="the store cannot be used now"):
        asked.result(30)
    for name in ("", "-wal", "-shm"):
        part = hidden.with_name(hidden.name + name)
        if part.exists():
            part.rename(file.with_name(file.name + name))  # type: ignore[union-attr]
    assert worker.ask("churn", "manual").result(30)


def test_bug_in_a_look_ends_no_thread_and_is_said(
    make: Make, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.hand.refusal = ZeroDivisionError("a bug")
    worker = make()
    # The look fails at the first one, says so, and then answers the one that waits still.
    asked = [worker.ask("churn", "manual"), ask_before_start(worker)]
    for future in asked:
        with pytest.raises(ZeroDivisionError):
            future.result(30)
    assert "retraining failed to look" in caplog.text
    world.hand.refusal = None
    again = worker.ask("churn", "manual").result(30)
    assert again
    assert again.outcome == "refused"
    [decided] = [d for d in world.decisions if d.outcome != "refused"]
    assert decided.run == f"run-{decided.id}"


def test_too_many_requests_are_refused_and_those_left_are_answered_at_the_end(make: Make) -> None:
    worker = make()
    waiting = [worker.ask("churn", "manual") for _ in range(WAITING)]
    with pytest.raises(RefusedError, match="100 requests for retraining wait"):
        worker.ask("churn", "manual")
    worker._closing = True
    worker.start()
    for future in waiting:
        with pytest.raises(RefusedError, match="stopping"):
            future.result(30)
