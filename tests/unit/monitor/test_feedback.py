import pytest

from components.monitor.feedback import Entry, read_feedback
from components.monitor.refusal import RefusedError

TIME = "2026-11-20T12:00:00Z"


def test_read_feedback_one_object_one_entry() -> None:
    entries, problems = read_feedback({"id": "a:0", "label": "Yes", "time": TIME}, 5)
    assert problems == []
    assert entries == [Entry(index=0, id="a:0", label="Yes", time=1_795_176_000_000_000)]


def test_read_feedback_without_time_receipt_counts() -> None:
    entries, _ = read_feedback([{"id": "a", "label": 1}], 5)
    assert entries[0].time == 5


def test_read_feedback_wrong_entries_all_named() -> None:
    body = [
        {"id": "ok", "label": True},
        {"id": "list", "label": ["Yes"]},
        {"id": "huge", "label": 10**400},
        {"id": "null"},
        {"label": 1, "time": "noon"},
        7,
    ]
    entries, problems = read_feedback(body, 5)
    assert [entry.id for entry in entries] == ["ok"]
    assert [(p.index, p.id, p.field) for p in problems] == [
        (1, "list", "label"),
        (2, "huge", "label"),
        (3, "null", "label"),
        (4, None, "id"),
        (4, None, "time"),
        (5, None, "entry"),
    ]


@pytest.mark.parametrize("body", ["x", 1, None])
def test_read_feedback_no_object_or_list_refused(body: object) -> None:
    with pytest.raises(RefusedError, match="feedback must be an object"):
        read_feedback(body, 5)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("a:0", ("a", 0)),
        ("order:17:3", ("order:17", 3)),
        ("a", None),
        ("a:", None),
        ("a:01", None),
        ("a:-1", None),
        (":1", None),
        ("a:١", None),
    ],
)
def test_request_and_row_id_split(identity: str, expected: tuple[str, int] | None) -> None:
    assert Entry(index=0, id=identity, label=1, time=0).request_and_row == expected
