"""A watched model, and a store that takes its events and verdicts on this thread."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from components.monitor.events import Event
from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record, read_prediction
from components.monitor.refusal import Review
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.versions import Version, read_registration
from components.monitor.wire import parse_time
from tests.bundles import build
from tests.watched import Watched


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Bundles by task, each made once."""
    made: dict[str, Path] = {}

    def find(task: Any) -> Path:
        if task not in made:
            made[task] = build(tmp_path_factory.mktemp("bundles") / task, task).folder
        return made[task]

    return find


@pytest.fixture
def watched(bundles: Callable[[str], Path]) -> Callable[..., Watched]:
    def make(task: str = "binary", **options: Any) -> Watched:
        return Watched(bundles(task), **options)

    return make


class Rig:
    """An open store, written and read on one thread."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self.store, self.reader = store, reader

    def submit(self, work: Callable[[Store], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        self.store.begin()
        try:
            result = work(self.store)
        except BaseException as exc:
            self.store.rollback()
            future.set_exception(exc)
        else:
            self.store.commit()
            future.set_result(result)
        return future

    def register(self, watched: Watched) -> Version:
        model = watched.model
        version = read_registration(model.name, str(model.version), watched.registration())
        self.submit(lambda store: store.register(version, 1)).result()
        self.store.versions[version.model, version.number] = version
        return version

    def send(self, events: list[dict[str, Any]], *, late: int = 0) -> None:
        """Stores events as they come `late` microseconds after their own time."""
        records = [self._record(event, late) for event in events]
        self.submit(lambda store: store.add_events(records)).result()

    def label(self, labels: list[dict[str, Any]], received: int) -> None:
        entries, problems = read_feedback(labels, received)
        self.submit(lambda store: store.add_feedback(entries, problems, received)).result()

    def _record(self, event: dict[str, Any], late: int) -> Record:
        review, moment = Review(0), parse_time(event["time"])
        assert moment is not None
        read = Event(event["id"], event["type"], moment, event["data"], attributes={})
        record = read_prediction(read, self.store.versions, moment + late, review)
        assert record is not None, review.problems
        return record


@pytest.fixture
def rig(store: Store, reader: Reader) -> Rig:
    return Rig(store, reader)
