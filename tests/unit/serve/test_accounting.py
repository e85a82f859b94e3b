import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from components.serve import v1
from components.serve.accounting import Accounting
from components.serve.events import Bounds, Events
from components.serve.limits import Limits
from components.serve.metrics import Metrics
from components.serve.runtime import Model
from tests.serving import Collector, wait_for

LABELS = {"model_name": "churn", "model_version": "3"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def book(accounting: Accounting, model: Model, identity: str, rows: int = 1) -> None:
    body = {"instances": [[30.5, 1, "Atlantis", "basic"]] * rows}
    read = v1.read(body, model.contract, Limits())
    prediction = model.predict(read)
    accounting.answered(model, read, prediction, protocol="v1", identity=identity, seconds=0.001)


def counted(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"kubeloop_{name}", LABELS | labels)


def test_metrics_count_what_was_answered_a_moment_ago(model: Model) -> None:
    registry = CollectorRegistry()
    accounting = Accounting(Metrics(registry), None)

    async def answer() -> None:
        for number in range(3):
            book(accounting, model, str(number), rows=2)
        # Nobody has waited for anything.
        assert counted(registry, "requests_total", protocol="v1", code="200") == 3
        assert counted(registry, "rows_total") == 6
        assert counted(registry, "predictions_total", label="No") == 6
        unseen = {"feature": "city", "reason": "unseen"}
        assert counted(registry, "invalid_values_total", **unseen) == 6
        assert counted(registry, "request_duration_seconds_count", protocol="v1") == 3

    asyncio.run(answer())


def test_a_lone_answer_is_sent_soon_and_many_in_their_order(
    model: Model, collector: Collector
) -> None:
    events = Events(collector.url, lambda *_: None, Bounds(linger_s=0.01))
    accounting = Accounting(Metrics(CollectorRegistry()), events)

    async def answer() -> None:
        book(accounting, model, "lone")
        assert await asyncio.to_thread(wait_for, lambda: collector.ids == ["lone"])
        for number in range(100):
            book(accounting, model, str(number), rows=1 + number % 20)
        assert await asyncio.to_thread(wait_for, lambda: len(collector.ids) == 101)

    asyncio.run(answer())
    events.close()
    assert collector.ids == ["lone", *map(str, range(100))]


def test_settle_without_anything_open_sends_nothing(model: Model, collector: Collector) -> None:
    events = Events(collector.url, lambda *_: None, Bounds(linger_s=0.01))
    accounting = Accounting(Metrics(CollectorRegistry()), events)
    accounting.settle()

    async def answer() -> None:
        book(accounting, model, "one")
        accounting.settle()
        accounting.settle()

    asyncio.run(answer())
    events.close()
    assert collector.ids == ["one"]
