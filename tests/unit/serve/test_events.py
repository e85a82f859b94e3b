import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from components.errors import DeployError
from components.monitor.packed import unpack
from components.monitor.refusal import Review
from components.serve import v1
from components.serve.cloud_event import MANY_ROWS, Answered, write_events
from components.serve.events import Bounds, Events
from components.serve.limits import Limits
from components.serve.runtime import Model, open_model
from tests.bundles import Fitted
from tests.serving import Collector, wait_for

QUICK = Bounds(linger_s=0.01, timeout_s=30, flush_s=60)


class Lost:
    """Counts dropped events."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, model: Model, count: int) -> None:
        self.count += count


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def answered(model: Model, identity: str = "a", rows: int = 2) -> Answered:
    values = [[30.5, None, "Bern", "basic"], [61, 2.0, None, "gold"]] * rows
    read = v1.read({"instances": values[:rows]}, model.contract, Limits())
    return Answered(identity, model, read, model.predict(read), "v1", 0.0012, 1795176000.5)


def test_write_events_of_a_classifier_holds_features_labels_and_probabilities(model: Model) -> None:
    event = json.loads(write_events([answered(model, "req-1")]))
    probabilities = event["data"].pop("probabilities")
    income = event["data"]["features"].pop("income")
    assert event == {
        "specversion": "1.0",
        "id": "req-1",
        "type": "io.kubeloop.prediction",
        "source": "/kubeloop/serve",
        "time": "2026-11-20T12:00:00.500000Z",
        "datacontenttype": "application/json",
        "data": {
            "model": "churn",
            "version": 3,
            "duration_seconds": 0.0012,
            "features": {"age": [30.5, 61.0], "city": ["Bern", None], "plan": ["basic", "gold"]},
            "labels": ["No", "No"],
        },
    }
    assert income[1] == 2.0
    assert [len(row) for row in probabilities] == [2, 2]


def test_write_events_of_many_rows_are_packed_and_say_the_same(model: Model) -> None:
    few, many = (
        json.loads(write_events([answered(model, rows=rows)]))["data"]
        for rows in (MANY_ROWS - 1, MANY_ROWS)
    )
    assert "numbers" not in few
    assert set(many["features"]) == {"city", "plan"}
    plain = unpack(many, review := Review(0))
    assert review.problems == []
    for name, column in few["features"].items():
        assert plain["features"][name][:-1] == column
    # The second row has no city, the first no income, and what is filled in shows in neither.
    assert plain["features"]["income"] == [None, 2.0] * (MANY_ROWS // 2)
    assert plain["probabilities"][:-1] == few["probabilities"]
    assert len(plain["probabilities"]) == MANY_ROWS


def test_write_events_of_many_requests_are_a_list_without_its_brackets(model: Model) -> None:
    written = write_events([answered(model, "a"), answered(model, "b", rows=1)])
    assert [event["id"] for event in json.loads(b"[" + written + b"]")] == ["a", "b"]


def test_write_events_of_a_regression_holds_predictions(regression: Fitted) -> None:
    data: Any = json.loads(write_events([answered(open_model(regression.folder, 1))]))["data"]
    assert len(data["predictions"]) == 2
    assert "labels" not in data


def test_offered_events_arrive_in_batches_with_null_for_missing(
    model: Model, collector: Collector
) -> None:
    lost = Lost()
    events = Events(collector.url, lost, QUICK)
    for number in range(50):
        assert events.offer([answered(model, str(number))])
    events.close()
    assert collector.ids == [str(number) for number in range(50)]
    assert len(collector.batches) < 50
    assert set(collector.paths) == {"/events"}
    assert set(collector.types) == {"application/cloudevents-batch+json"}
    assert collector.batches[0][0]["data"]["features"]["income"] == [None, 2.0]
    assert lost.count == 0


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(events=3, linger_s=60, flush_s=0),
        # Three events of some 400 bytes, and no four.
        Bounds(bytes=1500, linger_s=60, flush_s=0),
    ],
)
def test_offer_to_a_full_queue_drops_and_counts_at_once(model: Model, bounds: Bounds) -> None:
    lost = Lost()
    events = Events("http://127.0.0.1:9", lost, bounds)
    one = answered(model)
    # One that waited for room would have it after a minute, and be queued.
    assert [events.offer([one]) for _ in range(5)] == [True, True, True, False, False]
    assert lost.count == 2
    events.close()
    assert lost.count == 5


def test_events_for_a_monitor_that_is_away_are_dropped_and_counted(model: Model) -> None:
    lost = Lost()
    events = Events("http://127.0.0.1:9", lost, QUICK)
    events.offer([answered(model)])
    assert wait_for(lambda: lost.count == 1)
    events.close()


@pytest.mark.parametrize(
    "bounds",
    [
        # What is being sent has its time, and what is sent upon closing what is left of that.
        Bounds(linger_s=0.01, timeout_s=0.2, flush_s=0.3),
        Bounds(linger_s=60, timeout_s=60, flush_s=0.3),
    ],
    ids=["sending", "waiting"],
)
def test_close_with_a_silent_monitor_gives_up_what_waits(model: Model, bounds: Bounds) -> None:
    lost = Lost()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        events = Events(f"http://127.0.0.1:{silent.getsockname()[1]}", lost, bounds)
        for number in range(5):
            events.offer([answered(model, str(number))])
        events.close()
        assert wait_for(lambda: lost.count == 5)


def test_a_busy_monitor_is_asked_again(model: Model, collector: Collector) -> None:
    collector.statuses = [503, 429]
    lost = Lost()
    events = Events(collector.url, lost, QUICK)
    events.offer([answered(model, "again")])
    events.close()
    assert collector.ids == ["again"]
    assert lost.count == 0


def test_a_refusing_monitor_is_not_asked_again(model: Model, collector: Collector) -> None:
    collector.statuses = [400]
    lost = Lost()
    events = Events(collector.url, lost, QUICK)
    events.offer([answered(model, "bad")])
    assert wait_for(lambda: lost.count == 1)
    events.offer([answered(model, "good")])
    events.close()
    assert collector.ids == ["good"]
    assert lost.count == 1


def test_a_batch_is_bounded_in_bytes(model: Model, collector: Collector) -> None:
    size = len(write_events([answered(model, "0")]))
    events = Events(collector.url, Lost(), Bounds(linger_s=60, batch_bytes=2 * size, flush_s=60))
    for number in range(4):
        events.offer([answered(model, str(number))])
    events.close()
    assert [len(batch) for batch in collector.batches] == [2, 2]


@pytest.mark.parametrize("url", ["localhost:9091", "ftp://x", "http://"])
def test_events_to_no_url_is_refused(url: str) -> None:
    with pytest.raises(DeployError, match="is no URL; expected http://HOST:PORT"):
        Events(url, Lost())
