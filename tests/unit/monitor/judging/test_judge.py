import json
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from components.monitor.judging import judge as judging
from components.monitor.judging.judge import Judge, TakenError
from components.monitor.refusal import RefusedError, overloaded
from components.monitor.store import Store
from components.monitor.versions import restore
from tests.unit.monitor.judging.conftest import Rig
from tests.watched import START, Watched

Make = Callable[..., Watched]


def settle(judge: Judge) -> None:
    while judge.run_once():
        pass


def judged(rig: Rig) -> dict[tuple[int, str], tuple[str, int]]:
    found = rig.reader.latest_verdicts()
    return {(key[1], key[2]): (v.status, v.rows) for key, v in found.items()}


def test_run_once_every_registered_version_is_followed(rig: Rig, watched: Make) -> None:
    first, second = watched(window=100), watched(window=50, version=4, seed=2)
    for model in (first, second):
        rig.register(model)
    events = first.events(120, "a")
    rig.send(events + second.events(120, "b", older=60))
    rig.label(first.labels(events, wrong=0.0), int((START + 500) * 1e6))
    settle(Judge(rig.reader, rig.submit, pace=0.0))
    found = judged(rig)
    assert found[3, "drift-rows"] == ("ok", 100)
    assert found[4, "drift-rows"] == ("critical", 50)
    assert found[3, "quality"][1] == 120
    assert (4, "quality") not in found


def test_run_once_unregistered_events_are_not_judged(rig: Rig, watched: Make) -> None:
    model = watched(window=50)
    events = model.events(200, "a")
    rig.send(events)
    rig.register(model)
    settle(Judge(rig.reader, rig.submit, pace=0.0))
    assert judged(rig) == {}
    assert rig.reader.chunks("churn", 3, newest=9) == []


def test_run_once_not_leading_judges_nothing(rig: Rig, watched: Make) -> None:
    model = watched(window=50)
    rig.register(model)
    rig.send(model.events(100, "a"))
    leads = False
    judge = Judge(rig.reader, rig.submit, leads=lambda: leads, pace=0.0)
    settle(judge)
    assert judged(rig) == {}
    leads = True
    settle(judge)
    assert judged(rig)[3, "drift-rows"] == ("ok", 50)


def test_run_once_unreadable_reference_holds_no_other_version_back(
    rig: Rig, watched: Make, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = watched(window=50, version=4), watched(window=50)
    rig.register(good)
    version = rig.register(bad)
    broken = json.dumps({"format": 1, "features": {"age": {"kind": "number", "edges": ["x"]}}})
    stored = restore("churn", 2, "digest", version.bundle, broken)
    rig.submit(lambda store: store.register(stored, 1)).result()
    rig.store.versions["churn", 2] = stored
    events = bad.events(60, "a")
    for event in events:
        event["data"]["version"] = 2
    rig.send(events + good.events(60, "b"))
    settle(Judge(rig.reader, rig.submit, pace=0.0))
    assert set(judged(rig)) == {(4, "drift-rows"), (4, "drift-time")}
    assert "model_version=2" in caplog.text


def test_run_once_another_judge_was_faster_this_one_goes_on_behind_it(
    rig: Rig, watched: Make
) -> None:
    model = watched(window=50)
    rig.register(model)
    rig.send(model.events(60, "a"))
    mine, other = (Judge(rig.reader, rig.submit, pace=0.0) for _ in range(2))
    settle(mine)
    rig.send(model.events(60, "b"))
    settle(other)
    with pytest.raises(TakenError, match="another monitor judges this store"):
        settle(mine)
    settle(mine)
    rig.send(model.events(60, "c"))
    settle(mine)
    chunks = rig.reader.chunks("churn", 3, newest=99)
    assert [chunk.number for chunk in chunks] == list(range(1, 37))
    assert sum(chunk.rows for chunk in chunks) == 180


def test_run_once_failed_writes_nothing_is_lost_or_counted_twice(rig: Rig, watched: Make) -> None:
    model = watched(window=50)
    rig.register(model)
    rig.send(model.events(600, "a"))
    calls = count(1)

    def submit(work: Callable[[Store], Any]) -> "Future[Any]":
        if next(calls) % 2:
            raise overloaded("full")  # noqa: EM101
        return rig.submit(work)

    judge = Judge(rig.reader, submit, pace=0.0)
    for _ in range(100):
        with suppress(RefusedError):
            judge.run_once()
    chunks = rig.reader.chunks("churn", 3, newest=999)
    assert [chunk.rows for chunk in chunks] == [5] * 120
    assert len(rig.reader.verdicts("churn", 3, "drift-rows", newest=999)) == 111


def test_run_once_long_idle_version_is_let_go_and_comes_back(
    rig: Rig, watched: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "IDLE_SECONDS", -1.0)
    model = watched(window=50)
    rig.register(model)
    rig.send(model.events(60, "a"))
    judge = Judge(rig.reader, rig.submit, pace=0.0)
    settle(judge)
    assert judge._followers == {}
    settle(judge)
    assert judge._followers == {}
    rig.send(model.events(60, "b"))
    settle(judge)
    assert sum(chunk.rows for chunk in rig.reader.chunks("churn", 3, newest=99)) == 120


def test_run_once_within_the_pace_all_is_written_at_once(rig: Rig, watched: Make) -> None:
    model = watched(window=50)
    rig.register(model)
    writes = []

    def submit(work: Callable[[Store], Any]) -> "Future[Any]":
        writes.append(work)
        return rig.submit(work)

    judge = Judge(rig.reader, submit, pace=3600.0)
    rig.send(model.events(60, "a"))
    settle(judge)
    assert len(writes) == 1
    rig.send(model.events(600, "b"))
    settle(judge)
    assert len(writes) == 1
    # A new one finds in the events what was not written.
    settle(Judge(rig.reader, submit, pace=3600.0))
    settle(Judge(rig.reader, submit, pace=0.0))
    chunks = rig.reader.chunks("churn", 3, newest=999)
    assert [chunk.rows for chunk in chunks] == [5] * 132
