"""The past of a store, alike on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.verdicts import read_drift
from components.monitor.versions import Version
from tests.judged import MINUTE, NOON, column, drift

SERIES: Any = ("churn", 3, "drift-rows")


@pytest.fixture
def judged(store: Store) -> list[int]:
    """Verdicts of every minute of two hours, but for the second quarter."""
    times = [NOON + at * MINUTE for at in range(120) if not 30 <= at < 60]
    store.begin()
    for time in times:
        store.add_verdict("drift-rows", drift("churn", 3, time, {"tenure": column()}))
    store.add_verdict("drift-rows", drift("churn", 4, NOON - 1, {"tenure": column()}))
    store.add_verdict("drift-time", drift("churn", 3, NOON - 1, {}, window="time"))
    store.commit()
    return times


def test_documents_of_a_long_time_are_the_last_of_each_part(
    reader: Reader, judged: list[int]
) -> None:
    found = reader.history.documents(SERIES, NOON, NOON + 119 * MINUTE, 4)
    ends = [read_drift(text).judged for text in found]
    assert ends == [NOON + at * MINUTE for at in (29, 89, 119)]


def test_documents_of_few_verdicts_are_all_of_them(reader: Reader, judged: list[int]) -> None:
    found = reader.history.documents(SERIES, NOON + 5 * MINUTE, NOON + 9 * MINUTE, 60)
    assert [read_drift(text).judged for text in found] == judged[5:10]


def test_documents_of_one_moment_are_its_verdict(reader: Reader, judged: list[int]) -> None:
    [found] = reader.history.documents(SERIES, NOON, NOON, 60)
    assert read_drift(found).judged == NOON
    assert reader.history.documents(("other", 3, "drift-rows"), NOON, NOON, 60) == []


def test_first_judged_is_of_its_series_alone(reader: Reader, judged: list[int]) -> None:
    assert reader.history.first_judged(SERIES) == NOON
    assert reader.history.first_judged(("churn", 4, "drift-rows")) == NOON - 1
    assert reader.history.first_judged(("churn", 4, "quality")) is None


def test_last_event_is_by_arrival_and_not_by_the_sender(
    store: Store, reader: Reader, churn: Version, record: Callable[..., Record]
) -> None:
    store.begin()
    store.add_events([record("a", time=NOON + 99, received=NOON + 1)])
    store.add_events([record("b", time=NOON, received=NOON + 2), record("c", kind="request")])
    store.commit()
    assert reader.history.last_event("churn", 3) == NOON + 2
    assert reader.history.last_event("churn", 4) is None


def test_last_label_is_when_it_came(
    store: Store, reader: Reader, churn: Version, record: Callable[..., Record]
) -> None:
    assert reader.history.last_label("churn") is None
    entries, problems = read_feedback([{"id": "a", "label": "Yes"}], NOON + 7)
    store.begin()
    store.add_events([record("a")])
    store.add_feedback(entries, problems, NOON + 7)
    store.commit()
    assert reader.history.last_label("churn") == NOON + 7
