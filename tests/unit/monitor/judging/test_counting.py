import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.monitor.judging.counting import LATE, Counting, count_events, moment
from components.monitor.statistics.binning import Reference, read_reference
from components.monitor.storage.records import StoredEvent
from tests.watched import Watched

NOON = 1_795_176_000_000_000


def stored(key: int, rows: int = 1, **changes: Any) -> StoredEvent:
    event = StoredEvent(
        key=key,
        id=f"e{key}",
        time=NOON + key,
        received=NOON + key,
        rows=rows,
        duration=0.001 * key,
        features={
            "age": [20.0 + key] * rows,
            "income": [None] * rows,
            "city": ["Bern"] * rows,
            "plan": ["basic"] * rows,
        },
        outputs={"labels": ["Yes"] * rows, "probabilities": [[0.2, 0.8]] * rows},
    )
    return replace(event, **changes)


@pytest.fixture(scope="module")
def reference() -> Reference:
    number = {"kind": "number", "edges": [30.0, 40.0], "counts": [5, 5, 5], "missing": 1}
    cities = {"kind": "category", "categories": ["Bern"], "counts": [9], "missing": 0, "other": 0}
    answers = {"kind": "category", "categories": ["No", "Yes"], "counts": [4, 5]}
    inputs = [{"name": n, "dtype": "float32"} for n in ("age", "income")] + [
        {"name": n, "dtype": "string"} for n in ("city", "plan")
    ]
    features = {"age": number, "income": number, "city": cities, "plan": cities}
    document = {
        "format": 1,
        "features": features,
        "prediction": answers | {"missing": 0, "other": 0},
    }
    return read_reference(document, {"signature": {"inputs": inputs}, "classes": ["No", "Yes"]})


def counting(reference: Reference, size: int = 10) -> Counting:
    return Counting(reference, size, ("churn", 3))


def test_add_enough_rows_chunk_closes_at_the_border_of_an_event(reference: Reference) -> None:
    closed = counting(reference).add([stored(1, 4), stored(2, 5), stored(3, 7), stored(4, 2)])
    [one] = closed
    assert (one.chunk.number, one.chunk.rows) == (1, 16)
    assert (one.chunk.first_event, one.chunk.last_event) == (1, 3)
    assert (one.chunk.start, one.chunk.end) == (NOON + 1, NOON + 3)
    assert list(one.durations) == [0.001, 0.002, 0.003]
    assert len(one.probabilities) == 16


def test_add_chunk_holds_what_the_reference_reads_back(reference: Reference) -> None:
    [one] = counting(reference).add([stored(1, 12)])
    assert reference.from_document(json.loads(one.chunk.counts)) == one.counts
    assert one.counts == reference.count(stored(1, 12).features, ["Yes"] * 12)


def test_resume_goes_on_behind_the_last_chunk(reference: Reference) -> None:
    events = [stored(key) for key in range(1, 31)]
    whole = counting(reference)
    expected = whole.add(events)
    again = counting(reference)
    again.resume(expected[0].chunk.number, expected[0].chunk.last_event)
    assert again.after == 10
    found = again.add([event for event in events if event.key > again.after])
    assert [one.chunk for one in found] == [one.chunk for one in expected[1:]]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_add_any_partition_gives_the_same_chunks(
    reference: Reference, rows: list[int], step: int
) -> None:
    events = [stored(key, count) for key, count in enumerate(rows, start=1)]
    whole, parts = counting(reference), counting(reference)
    expected = whole.add(events)
    found = [one for at in range(0, len(events), step) for one in parts.add(events[at : at + step])]
    assert [one.chunk for one in found] == [one.chunk for one in expected]
    assert [list(one.durations) for one in found] == [list(one.durations) for one in expected]


def test_count_events_together_equals_one_by_one(reference: Reference) -> None:
    events = [
        stored(1, 3),
        stored(2, 2, features=None),
        stored(3, 1, features={"age": [55.0]}),
        stored(4, 2, features={}),
    ]
    expected = reference.empty
    for event in events:
        expected = expected + reference.count(event.features, event.outputs["labels"])
    assert count_events(reference, events) == expected
    assert expected.rows == 8


def test_count_events_of_many_rows_are_counted_in_parts(reference: Reference) -> None:
    big = stored(1, 120_000)
    assert count_events(reference, [big]) == reference.count(big.features, big.outputs["labels"])


def test_add_regression_has_no_probabilities(watched: Callable[..., Watched]) -> None:
    content = watched("regression").registration()
    reference = read_reference(content["reference"], content["bundle"])
    [one] = counting(reference).add([stored(1, 12, outputs={"predictions": [1.5] * 12})])
    assert list(one.probabilities) == []
    assert one.counts.rows == 12


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param(NOON - 5, NOON - 5, id="own"),
        pytest.param(NOON - LATE, NOON - LATE, id="late"),
        pytest.param(NOON - LATE - 1, NOON, id="days-behind"),
        pytest.param(NOON + 1, NOON, id="ahead"),
    ],
)
def test_moment_of_an_event_is_believed_within_bounds(time: int, expected: int) -> None:
    assert moment(stored(1, time=time, received=NOON)) == expected
