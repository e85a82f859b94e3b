"""A store that format 1 left behind: `format-1.sqlite3` was written by that code.

It holds one version, five events, three labels of which one was corrected and one came before its
prediction, a label that waits, and an event of KServe's agent.
"""

import shutil
import sqlite3
from pathlib import Path

import pytest

from components.errors import StateError
from components.monitor.feedback import read_feedback
from components.monitor.storage.reader import Reader
from components.monitor.store import Store

FIRST = Path(__file__).with_name("format-1.sqlite3")
NOON = 1_795_176_000_000_000


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copy(FIRST, tmp_path / "events.sqlite3")


def test_open_format_1_everything_is_kept(old: Path) -> None:
    store, reader = Store(old), Reader(old)
    assert store.versions.keys() == {("churn", 3)}
    content = reader.content()
    told = [(t.model, t.version, t.registered, t.events, t.predictions) for t in content.totals]
    assert told == [("churn", 0, False, 1, 0), ("churn", 3, False, 1, 1), ("churn", 3, True, 3, 4)]
    assert [total.labelled for total in content.totals] == [0, 1, 3]
    assert content.pending == 1
    events = reader.events_after("churn", 3, 0, 9)
    assert [event.id for event in events] == ["a", "b", "late"]
    assert events[1].features == {"tenure": [1.0, None], "Contract": ["x", "y"]}
    rows = reader.labelled("churn", 3, newest=9)
    assert [(row.event_key, row.row, row.label) for row in rows] == [
        (1, 0, "No"),
        (2, 1, "No"),
        (3, 0, "No"),
    ]
    reader.close()
    store.close()


def test_open_format_1_labels_are_numbered_by_arrival(old: Path) -> None:
    store, reader = Store(old), Reader(old)
    sql = "SELECT id, number FROM labels JOIN events ON event = key ORDER BY number"
    assert store._connection.query(sql) == [("late", 1), ("b", 2), ("u", 3), ("a", 4)]
    assert reader.newest_label("churn", 3) == 4
    store.begin()
    known = {"id": "nobody", "label": "Yes"}
    store.add_feedback(*read_feedback([{"id": "b:0", "label": "Yes"}, known], NOON), NOON)
    store.commit()
    newest = reader.labelled("churn", 3, newest=3)[0]
    assert (newest.label, newest.labelled_at) == ("Yes", NOON + 200)
    assert reader.newest_label("churn", 3) == 5
    reader.close()
    store.close()


def test_open_format_1_has_the_tables_of_a_new_store(old: Path, tmp_path: Path) -> None:
    Store(old).close()
    Store(tmp_path / "new").close()
    shapes = []
    for path in (old, tmp_path / "new"):
        connection = sqlite3.connect(path)
        columns = connection.execute(
            'SELECT m.name, m.type, i.name, i.type, i.pk, i."notnull" FROM sqlite_master m'
            " LEFT JOIN pragma_table_info(m.name) i ORDER BY m.name, i.cid"
        ).fetchall()
        shapes.append((columns, connection.execute("PRAGMA user_version").fetchone()))
        connection.close()
    assert shapes[0] == shapes[1]
    assert shapes[0][1] == (2,)


def test_open_format_1_migration_fails_store_stays_as_it_was(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("CREATE TABLE retrainings (something TEXT)")
    connection.commit()
    before = list(connection.iterdump())
    connection.close()
    with pytest.raises(StateError, match="cannot be used: table retrainings already exists"):
        Store(old)
    connection = sqlite3.connect(old)
    assert list(connection.iterdump()) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_open_format_1_sizes_counted(old: Path) -> None:
    store = Store(old)
    [[counted, stored]] = store._connection.query(
        "SELECT (SELECT sum(bytes) FROM totals), (SELECT sum(coalesce(length(features), 0)"
        " + coalesce(length(outputs), 0) + length(id) + 300) FROM events)"
    )
    assert counted == stored > 5 * 300
    store.close()
