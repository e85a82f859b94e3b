import sqlite3
import stat
from pathlib import Path

import pytest

from components.errors import StateError
from components.monitor.storage import sqlite_file
from components.monitor.store import Store


def test_open_database_new_file_wal_full_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.sqlite3"
    connection = sqlite_file.open_file(path)
    pragmas = ("journal_mode", "synchronous", "user_version", "application_id")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    connection.close()
    assert values == ["wal", 2, 2, sqlite_file.APPLICATION_ID]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_open_database_newer_format_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    connection = sqlite_file.open_file(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StateError, match="has format 99, this version reads up to 2: use a newer"):
        Store(path)
    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA user_version").fetchone() == (99,)
    plain.close()


def test_open_database_foreign_database_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE users (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="is a database of something else"):
        sqlite_file.open_file(path)
    assert path.read_bytes() == before


def test_open_database_no_database_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    path.write_text("this is no database, " * 100)
    with pytest.raises(StateError, match="cannot be used: file is not a database"):
        sqlite_file.open_file(path)


def test_open_database_folder_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        sqlite_file.open_file(tmp_path)


def test_store_second_owner_refused_until_closed(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    first = Store(path)
    with pytest.raises(StateError, match="is in use by another monitor; stop it first"):
        Store(path)
    first.close()
    Store(path).close()


def test_store_failed_open_releases_lock(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    path.write_text("no database, " * 100)
    with pytest.raises(StateError, match="not a database"):
        Store(path)
    path.unlink()
    Store(path).close()
