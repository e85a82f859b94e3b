"""Small real parts that the monitor's unit tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from components.monitor.events import Event
from components.monitor.predictions import Record
from components.monitor.storage.addresses import Address
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.versions import Version, read_registration
from tests.postgres import Postgres, running

NOON = 1_795_176_000_000_000


def document(
    name: str = "churn", task: str = "binary", classes: list[Any] | None = None
) -> dict[str, Any]:
    if classes is None and task != "regression":
        classes = ["No", "Yes"]
    inputs = [
        {"name": "tenure", "dtype": "float32", "nullable": True},
        {"name": "Contract", "dtype": "string", "nullable": True},
    ]
    bundle = {
        "format": 1,
        "name": name,
        "task": task,
        "runtime": "onnx",
        "classes": classes,
        "signature": {"inputs": inputs, "ignored": ["email"], "outputs": []},
        "golden": {"rows": [{"tenure": 41.25, "Contract": "golden-secret"}]},
    }
    return {"bundle": bundle, "reference": {"format": 1, "features": {}, "rows": 10}}


@pytest.fixture
def registration() -> Callable[..., dict[str, Any]]:
    return document


@pytest.fixture
def version() -> Callable[..., Version]:
    def build(number: int = 3, **kwargs: Any) -> Version:
        content = document(**kwargs)
        return read_registration(content["bundle"]["name"], str(number), content)

    return build


@pytest.fixture
def event() -> Callable[..., Event]:
    def build(data: object, *, id: str = "a", **attributes: object) -> Event:
        type_ = str(attributes.pop("type", "io.kubeloop.prediction"))
        return Event(id=id, type=type_, time=NOON, data=data, attributes=attributes)

    return build


@pytest.fixture
def record() -> Callable[..., Record]:
    def build(id: str = "a", *, rows: int = 1, registered: bool = True, **kwargs: Any) -> Record:
        values: dict[str, Any] = {
            "kind": "prediction",
            "model": "churn",
            "version": 3,
            "time": NOON,
            "received": NOON + 5,
            "duration": 0.001,
            "features": '{"tenure":[1.0]}',
            "outputs": '{"labels":["Yes"]}',
        }
        return Record(id=id, rows=rows, registered=registered, **(values | kwargs))

    return build


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a worker."""
    with running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """Of a database without a store; a database for each test would take longer than the tests."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA IF EXISTS kubeloop_monitor CASCADE")
    return postgres.url()


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Of an empty store: a test that asks for it runs on both databases."""
    if request.param == "sqlite":
        return tmp_path / "events.sqlite3"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    opened = Store(address)
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    opened = Reader(store.address)
    yield opened
    opened.close()


@pytest.fixture
def churn(store: Store, version: Callable[..., Version]) -> Version:
    """Version 3 of churn, classes No and Yes, registered in the store."""
    known = version()
    store.begin()
    store.register(known, NOON)
    store.commit()
    store.versions[known.model, known.number] = known
    return known
