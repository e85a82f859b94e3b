import base64
import json
from typing import Any

import pytest

from components.monitor.events import BATCHED, STRUCTURED, read_events
from components.monitor.refusal import RefusedError

ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a",
    "type": "t",
    "source": "/s",
    "time": "2026-11-20T12:00:00Z",
    "data": {"x": 1},
}


def read(content_type: str, document: object) -> list[Any]:
    return read_events({"content-type": content_type}, json.dumps(document).encode())


def test_read_events_binary_headers_become_attributes() -> None:
    headers = {
        "content-type": "application/json; charset=utf-8",
        "ce-specversion": "1.0",
        "ce-id": "caf%C3%A9",
        "ce-type": "t",
        "ce-source": "/s",
        "ce-inferenceservicename": "churn",
    }
    [(event, review)] = read_events(headers, b'{"x": 1}')
    assert review.problems == []
    assert event is not None
    assert (event.id, event.type, event.time, event.data) == ("café", "t", None, {"x": 1})
    assert event.attributes["inferenceservicename"] == "churn"


def test_read_events_binary_bad_percent_encoding_noted() -> None:
    headers = {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "%ff"}
    [(event, review)] = read_events(headers, b"{}")
    assert event is None
    assert "percent-encoded UTF-8" in {problem.expected for problem in review.problems}


def test_read_events_structured_one_event() -> None:
    [(event, _)] = read(STRUCTURED, ENVELOPE)
    assert (event.id, event.time, event.data) == ("a", 1_795_176_000_000_000, {"x": 1})


def test_read_events_structured_base64_decoded() -> None:
    encoded = base64.b64encode(b'{"x": 2}').decode()
    document = {key: value for key, value in ENVELOPE.items() if key != "data"}
    [(event, _)] = read(STRUCTURED, document | {"data_base64": encoded})
    assert event.data == {"x": 2}


@pytest.mark.parametrize("encoded", ["%%", 17, base64.b64encode(b"no json").decode()])
def test_read_events_bad_base64_noted(encoded: object) -> None:
    [(event, review)] = read(STRUCTURED, ENVELOPE | {"data_base64": encoded})
    assert event is None
    assert review.problems[0].field == "data_base64"


def test_read_events_batch_keeps_order_and_empty_is_fine() -> None:
    found = read(BATCHED, [ENVELOPE, ENVELOPE | {"id": "b"}])
    assert [event.id for event, _ in found] == ["a", "b"]
    assert read(BATCHED, []) == []


def test_read_events_batch_all_problems_named_by_index_and_id() -> None:
    wrong = {"specversion": "0.3", "id": "b", "type": "", "time": "noon"}
    found = read(BATCHED, [ENVELOPE, wrong, 7])
    assert found[0][0] is not None
    problems = [p for _, review in found for p in review.problems]
    assert [(p.index, p.id, p.field) for p in problems] == [
        (1, "b", "specversion"),
        (1, "b", "type"),
        (1, "b", "source"),
        (1, "b", "time"),
        (2, None, "event"),
    ]


@pytest.mark.parametrize("identity", ["", "\ud800", 5, None, "x" * 513])
def test_read_events_unusable_id_noted(identity: object) -> None:
    [(event, review)] = read(STRUCTURED, ENVELOPE | {"id": identity})
    assert event is None
    assert [(p.field, p.id) for p in review.problems] == [("id", None)]


def test_read_events_other_data_type_noted() -> None:
    [(_, review)] = read(STRUCTURED, ENVELOPE | {"datacontenttype": "text/xml"})
    assert [p.field for p in review.problems] == ["datacontenttype"]


def test_read_events_batch_no_array_refused() -> None:
    with pytest.raises(RefusedError, match="must be a JSON array") as caught:
        read(BATCHED, ENVELOPE)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("content_type", "says"),
    [
        ("text/plain", "'text/plain' is not supported"),
        ("", "'' is not supported"),
        ("application/json", "without a ce-specversion header is no CloudEvent"),
    ],
)
def test_read_events_no_cloud_event_refused_415(content_type: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        read(content_type, ENVELOPE)
    assert caught.value.status == 415
