"""A store that several replicas share, on a real PostgreSQL."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from components.errors import StateError
from components.monitor.predictions import Record
from components.monitor.refusal import RefusedError
from components.monitor.storage.connection import StoreError
from components.monitor.storage.leader import Leader
from components.monitor.storage.postgres_server import SCHEMA
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.versions import Version
from components.monitor.writer import Writer
from tests.postgres import Postgres, running

Make = Callable[..., Record]


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def replica(url: str) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def build() -> Store:
        opened.append(Store(url))
        return opened[-1]

    yield build
    for store in opened:
        store.close()


def add(store: Store, *records: Record) -> None:
    store.begin()
    store.add_events(records)
    store.commit()


def drop_others(admin: psycopg.Connection) -> None:
    """Ends every connection but one, as a restart or a failing network does."""
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_commit_is_durable_whatever_the_server_is_set_to(postgres: Postgres) -> None:
    name = postgres.database()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
    store = Store(postgres.url(name))
    assert store._connection.query("SHOW synchronous_commit") == [("on",)]
    store.close()


def test_begin_connection_lost_while_idle_opened_again(
    replica: Callable[[], Store], admin: psycopg.Connection, record: Make
) -> None:
    store = replica()
    add(store, record("a"))
    drop_others(admin)
    add(store, record("b"))
    reader = Reader(store.address)
    assert len(reader.events_after("churn", 3, 0, 9)) == 2
    reader.close()


def test_reader_connection_lost_while_idle_reads_by_another(
    replica: Callable[[], Store], admin: psycopg.Connection, record: Make
) -> None:
    store = replica()
    reader = Reader(store.address)
    add(store, record("a"))
    assert len(reader.events_after("churn", 3, 0, 9)) == 1
    drop_others(admin)
    assert len(reader.events_after("churn", 3, 0, 9)) == 1
    reader.close()


@pytest.mark.parametrize("at", ["write", "commit"])
def test_submit_connection_lost_in_the_transaction_refused_then_recovers(
    replica: Callable[[], Store], admin: psycopg.Connection, record: Make, at: str
) -> None:
    store = replica()
    writer = Writer(store, capacity=10, observe_commit=lambda _: None)

    def lose(opened: Store) -> None:
        if at == "write":
            drop_others(admin)
        opened.add_events([record("a")])
        if at == "commit":
            drop_others(admin)

    futures = [writer.submit(lambda s: s.add_events([record("b")])), writer.submit(lose)]
    writer.start()
    for future in futures:
        with pytest.raises(RefusedError, match="nothing was acknowledged"):
            future.result(10)
    again = writer.submit(lambda s: s.add_events([record("a"), record("b")]))
    assert again.result(10).stored == 2
    writer._closing = True
    writer._queue.put(None)
    writer._thread.join()


def test_commit_after_a_failed_statement_never_says_it_is_done(
    replica: Callable[[], Store], record: Make
) -> None:
    """A server ends such a transaction with ROLLBACK, and calls that no error."""
    store = replica()
    store.begin()
    store.add_events([record("a")])
    with pytest.raises(StoreError, match="division by zero"):
        store._connection.query("SELECT 1 / 0")
    with pytest.raises(StoreError, match="the transaction ended with ROLLBACK"):
        store.commit()
    add(store, record("b"))
    reader = Reader(store.address)
    assert [event.id for event in reader.events_after("churn", 3, 0, 9)] == ["b"]
    reader.close()


def test_reader_server_started_again_reads_on(record: Make) -> None:
    with running() as server:
        store = Store(server.url())
        reader = Reader(server.url())
        add(store, record("a"))
        assert len(reader.events_after("churn", 3, 0, 9)) == 1
        server.stop(signal.SIGQUIT)
        with pytest.raises(StoreError, match="PostgreSQL: "):
            reader.content()
        with pytest.raises(StoreError, match="PostgreSQL: "):
            store.begin()
        server.start()
        assert len(reader.events_after("churn", 3, 0, 9)) == 1
        add(store, record("b"))
        assert len(reader.events_after("churn", 3, 0, 9)) == 2
        reader.close()
        store.close()


def test_two_replicas_keys_visible_in_order(replica: Callable[[], Store], record: Make) -> None:
    """A reader who goes on from the last key it saw misses none, whoever wrote it."""
    writers = [Writer(replica(), capacity=1000, observe_commit=lambda _: None) for _ in range(2)]
    done = threading.Event()

    def write(which: int) -> None:
        for number in range(300):
            records = [record(f"{which}-{number}-{part}") for part in range(3)]
            writers[which].submit(lambda store, r=records: store.add_events(r)).result(20)

    for writer in writers:
        writer.start()
    threads = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    reader = Reader(writers[0]._store.address)
    seen: list[str] = []
    key = 0
    while not done.is_set() or (more := reader.events_after("churn", 3, key, 1000)):
        if not any(thread.is_alive() for thread in threads):
            done.set()
        more = reader.events_after("churn", 3, key, 7)
        seen += [event.id for event in more]
        key = more[-1].key if more else key
    for thread in threads:
        thread.join()
    reader.close()
    for writer in writers:
        writer._closing = True
        writer._queue.put(None)
        writer._thread.join()
    assert len(seen) == len(set(seen)) == 1800


def test_two_replicas_same_event_stored_once(replica: Callable[[], Store], record: Make) -> None:
    first, second = replica(), replica()
    add(first, record("a"))
    second.begin()
    done = second.add_events([record("a"), record("b")])
    second.commit()
    assert (done.stored, done.duplicate) == (1, 1)


def test_two_replicas_version_registered_at_one_known_to_the_other(
    replica: Callable[[], Store], version: Callable[..., Version], record: Make
) -> None:
    first, second = replica(), replica()
    assert second.known("churn", 3) is None
    first.begin()
    first.register(version(3), 1)
    first.commit()
    assert second.known("churn", 3) == version(3)
    second.begin()
    assert second.register(version(3), 2) is False
    with pytest.raises(RefusedError, match="registered with other content"):
        second.register(version(3, classes=["a", "b"]), 3)
    second.commit()


def test_try_lead_one_of_two_until_it_is_gone(
    replica: Callable[[], Store], admin: psycopg.Connection, url: str
) -> None:
    replica()
    with closing(Leader(url)) as first, closing(Leader(url)) as second:
        assert [first.try_lead(), second.try_lead(), first.try_lead()] == [True, False, True]
        first.close()
        wait_for(second.try_lead)
        assert first.try_lead() is False
        drop_others(admin)
        # It must not go on as the leader: the lock went with the connection.
        wait_for(lambda: fails(second))
        wait_for(lambda: first.try_lead() if not fails(first) else False)
        assert second.try_lead() is False


def fails(leader: Leader) -> bool:
    try:
        leader.try_lead()
    except StoreError:
        return True
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    """A server notices a little later that a client is gone."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_begin_another_writer_hangs_refused_in_time(
    replica: Callable[[], Store], record: Make
) -> None:
    first, second = replica(), replica()
    second._connection.execute("SET lock_timeout TO '200ms'")
    first.begin()
    with pytest.raises(StoreError, match="lock timeout"):
        second.begin()
    second.rollback()
    first.rollback()
    add(second, record("a"))


def test_store_newer_format_refused(
    replica: Callable[[], Store], admin: psycopg.Connection
) -> None:
    replica()
    admin.execute("UPDATE kubeloop_monitor.store SET format = 99")
    with pytest.raises(StateError, match="has format 99, this version reads up to 2: use a newer"):
        replica()


def test_store_two_start_at_once_tables_made_once(url: str) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(Store(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4
    for store in stores:
        store.close()


def test_store_schema_made_by_an_administrator_used(postgres: Postgres) -> None:
    """A user who may not make a schema needs none made."""
    name = postgres.database()
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain")
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain-word'")
        plain = postgres.url(name).replace(f"kubeloop:{postgres.password}", "plain:plain-word")
        with pytest.raises(StateError, match="permission denied for database"):
            Store(plain)
        connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION plain")
        Store(plain).close()
        Store(plain).close()


@pytest.mark.parametrize("wrong", ["password", "port", "database"])
def test_store_cannot_be_reached_said_without_the_password(url: str, wrong: str) -> None:
    typed = "wrong-secret%2Fword"
    head, _, place = url.rpartition("@")
    address = {
        "password": f"postgresql://kubeloop:{typed}@{place}",
        "port": f"postgresql://kubeloop:{typed}@127.0.0.1:1/postgres",
        "database": f"{head}@{place.replace('/postgres', '/nowhere')}",
    }[wrong]
    with pytest.raises(StateError, match="the monitor's store at 127.0.0.1:") as caught:
        Store(address)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "wrong-secret" not in str(shown)
        assert url.split(":")[2].split("@")[0] not in str(shown)
        shown = shown.__cause__


def test_error_of_the_server_holds_no_value_of_a_row(replica: Callable[[], Store]) -> None:
    store = replica()
    store.begin()
    sql = "INSERT INTO chunks VALUES (?, 1, 1, 1, 1, 1, 1, 1, NULL)"
    with pytest.raises(StoreError) as caught:
        store._connection.execute(sql, ("SECRET",))
    assert "SECRET" not in str(caught.value)
    assert "violates not-null constraint (23502)" in str(caught.value)
