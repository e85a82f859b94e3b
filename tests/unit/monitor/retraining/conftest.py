"""A store with a registered model, and what the retraining thread needs beside it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from components.monitor.retraining.decisions import Decisions
from components.monitor.retraining.following import Follower
from components.monitor.retraining.notification import Notifier
from components.monitor.retraining.retrainer import Retrainer, Sources
from components.monitor.retraining.runner import Ending, Order
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Retraining
from components.monitor.store import Store
from components.monitor.versions import read_registration
from tests.unit.monitor.conftest import document

NOON = 1_795_176_000_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND


class Told(Notifier):
    """A notifier without an address, whose sentences can be read."""

    def __init__(self) -> None:
        super().__init__("", count=lambda _: None)
        self.sentences: list[str] = []

    def tell(self, sentence: str) -> None:
        self.sentences.append(sentence)


class Hand:
    """A runner whose runs end when the test says so; a real implementation of the protocol."""

    pause = 0.0

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.endings: dict[str, Ending] = {}
        self.refusal: Exception | None = None

    def start(self, order: Order) -> str:
        if self.refusal is not None:
            raise self.refusal
        assert order.id not in self.orders, "started twice"
        self.orders[order.id] = order
        return f"run-{order.id}"

    def follow(self, identity: str, run: str, model: str) -> Ending | None:
        assert run == f"run-{identity}"
        assert self.orders[identity].model == model
        if self.refusal is not None:
            raise self.refusal
        return self.endings.get(identity)


class World:
    """One monitor's retraining over a real store, looked at by hand."""

    def __init__(self, folder: Path, retrain: dict[str, Any]) -> None:
        self.store = Store(folder / "monitor.db")
        self.reader = Reader(self.store.address)
        self.hand, self.told = Hand(), Told()
        self.retrain = retrain
        self.now = NOON
        self.restart()

    def restart(self, *, verdicts: bool = True, alerts: bool = True) -> None:
        """Forgets all that is not in the store."""
        decisions = Decisions(self.reader, self.submit)
        follower = Follower(self.hand, decisions, self.told)
        self.retrainer = Retrainer(
            self.reader,
            decisions,
            follower,
            self.told,
            sources=Sources(verdicts=verdicts, alerts=alerts),
            address="http://127.0.0.1:9091",
        )

    def submit(self, work: Callable[[Store], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        self.store.begin()
        try:
            future.set_result(work(self.store))
            self.store.commit()
        except Exception as exc:
            self.store.rollback()
            future.set_exception(exc)
        return future

    def register(self, number: int) -> None:
        content = document()
        content["bundle"] |= {
            "trained_at": "2026-11-20T11:00:00+00:00",
            "spec": {
                "name": "churn",
                "source": ["/a.csv"],
                "checks": {"min_rows": 2},
                "monitor": {"retrain": self.retrain},
            },
        }
        version = read_registration("churn", str(number), content)
        self.submit(lambda store: store.register(version, self.now)).result()
        self.store.versions[version.model, version.number] = version

    def look(self) -> list[Retraining]:
        self.retrainer.look(self.reader.versions(), self.reader.latest_verdicts(), self.now)
        return self.decisions

    @property
    def decisions(self) -> list[Retraining]:
        """The newest first."""
        return self.reader.retrainings("churn", newest=100)

    def evidence(self, index: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.decisions[index].evidence)
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {"cooldown_s": 3600.0, "min_labels": 2, "max_per_day": 4})
    made.register(1)
    yield made
    made.reader.close()
    made.store.close()
