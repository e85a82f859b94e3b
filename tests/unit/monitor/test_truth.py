from collections.abc import Callable

import pytest

from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record
from components.monitor.refusal import RefusedError
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.versions import Version

Make = Callable[..., Record]


def post(store: Store, *entries: object) -> dict[str, int]:
    store.begin()
    try:
        results = dict(store.add_feedback(*read_feedback(list(entries), 100), 100))
    except RefusedError:
        store.rollback()
        raise
    store.commit()
    return results


def add(store: Store, *records: Record) -> int:
    store.begin()
    done = store.add_events(records)
    store.commit()
    return done.mismatched


def labels(store: Store) -> list[tuple[str, int, str]]:
    sql = "SELECT id, row, label FROM labels JOIN events ON event = key ORDER BY id, row"
    return store._connection.query(sql)


def labelled_and_pending(store: Store) -> tuple[int, int]:
    reader = Reader(store.address)
    content = reader.content()
    reader.close()
    return sum(total.labelled for total in content.totals), content.pending


@pytest.mark.usefixtures("churn")
def test_add_known_prediction_joined(store: Store, record: Make) -> None:
    add(store, record("a", rows=2), record("b"))
    entries = ({"id": i, "label": "Yes"} for i in ("a:0", "a:1", "b"))
    assert post(store, *entries) == {"joined": 3}
    assert labels(store) == [("a", 0, '"Yes"'), ("a", 1, '"Yes"'), ("b", 0, '"Yes"')]
    assert labelled_and_pending(store) == (3, 0)


@pytest.mark.usefixtures("churn")
def test_add_before_prediction_pending_then_joined(store: Store, record: Make) -> None:
    entries = ({"id": i, "label": "No"} for i in ("a:0", "a:1", "b", "c:0"))
    assert post(store, *entries) == {"pending": 4}
    assert labelled_and_pending(store) == (0, 4)
    assert add(store, record("a", rows=2), record("b"), record("c")) == 0
    assert labelled_and_pending(store) == (4, 0)


def test_add_repeated_and_changed_counted(
    store: Store, record: Make, version: Callable[..., Version]
) -> None:
    store.versions["churn", 3] = version(classes=[0, 1])
    add(store, record("a"))
    assert post(store, {"id": "a", "label": 1}) == {"joined": 1}
    assert post(store, {"id": "a:0", "label": "1"}) == {"duplicate": 1}
    assert post(store, {"id": "a", "label": 0}, {"id": "a", "label": 0}) == {
        "corrected": 1,
        "duplicate": 1,
    }
    assert labels(store) == [("a", 0, "0")]
    assert labelled_and_pending(store) == (1, 0)


@pytest.mark.usefixtures("churn")
def test_add_older_truth_changes_nothing(store: Store, record: Make) -> None:
    add(store, record("a"))
    post(store, {"id": "a", "label": "Yes", "time": "2026-11-20T12:00:00Z"})
    older = {"id": "a", "label": "No", "time": "2026-11-19T12:00:00Z"}
    assert post(store, older) == {"duplicate": 1}
    assert labels(store) == [("a", 0, '"Yes"')]


def test_add_pending_repeated_and_changed_counted(store: Store) -> None:
    assert post(store, {"id": "a", "label": 1}) == {"pending": 1}
    assert post(store, {"id": "a", "label": 1}) == {"duplicate": 1}
    assert post(store, {"id": "a", "label": 2}) == {"corrected": 1}
    assert labelled_and_pending(store) == (0, 1)


@pytest.mark.usefixtures("churn")
def test_add_wrong_labels_refused_whole_and_named(store: Store, record: Make) -> None:
    add(store, record("a", rows=2))
    with pytest.raises(RefusedError) as caught:
        post(
            store,
            {"id": "a:0", "label": "Yes"},
            {"id": "a:1", "label": "SECRET"},
            {"id": "x", "label": []},
            {"id": "a:2", "label": "Yes"},
            {"id": "a", "label": "Yes"},
        )
    assert caught.value.status == 400
    assert [(p.index, p.id, p.field, p.expected) for p in caught.value.problems] == [
        (1, "a:1", "label", """one of the classes of 'churn' version 3: "No", "Yes\""""),
        (2, "x", "label", "a boolean, a finite number, or text of at most 512 characters"),
        (3, "a:2", "id", "a row from 0 to 1 of this request"),
        (4, "a", "id", "an id with its row, from ':0' to ':1', for this request"),
    ]
    assert "SECRET" not in str(caught.value.as_json())
    assert labelled_and_pending(store) == (0, 0)


@pytest.mark.usefixtures("churn")
def test_join_waiting_label_no_class_dropped_and_counted(store: Store, record: Make) -> None:
    post(store, {"id": "a:0", "label": "Maybe"}, {"id": "a:1", "label": "No"})
    assert add(store, record("a", rows=2)) == 1
    assert labels(store) == [("a", 1, '"No"')]
    assert labelled_and_pending(store) == (1, 0)


def test_add_unregistered_version_label_kept_as_sent(store: Store, record: Make) -> None:
    add(store, record("a", registered=False, features=None))
    assert post(store, {"id": "a", "label": "anything"}) == {"joined": 1}
    assert labels(store) == [("a", 0, '"anything"')]


@pytest.mark.usefixtures("churn")
def test_add_bare_id_that_looks_like_a_row_joined(store: Store, record: Make) -> None:
    add(store, record("order:17"))
    assert post(store, {"id": "order:17", "label": "Yes"}) == {"joined": 1}
    assert labels(store) == [("order:17", 0, '"Yes"')]


@pytest.mark.usefixtures("churn")
def test_add_agent_event_never_joined(store: Store, record: Make) -> None:
    add(store, record("a", kind="response", version=0, registered=False))
    assert post(store, {"id": "a", "label": "Yes"}) == {"pending": 1}


@pytest.mark.usefixtures("churn")
def test_join_waiting_row_that_the_event_has_not_waits_on(store: Store, record: Make) -> None:
    post(
        store,
        {"id": "a:1", "label": "No"},
        {"id": "a:2", "label": "No"},
        {"id": "b", "label": "No"},
    )
    add(store, record("a", rows=2), record("b", rows=2))
    assert labels(store) == [("a", 1, '"No"')]
    assert labelled_and_pending(store) == (1, 2)


@pytest.mark.usefixtures("churn")
def test_join_waiting_counts_as_labelled_when_its_prediction_came(
    store: Store, record: Make
) -> None:
    """Whoever has read the labels until then would miss it otherwise."""
    post(store, {"id": "a", "label": "No"})
    add(store, record("a", received=5_000))
    [[received]] = store._connection.query("SELECT received FROM labels")
    assert received == 5_000
