"""Small real parts that the monitor's unit tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.monitor.events import Event
from components.monitor.predictions import Record
from components.monitor.store import Store
from components.monitor.versions import Version, read_registration

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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "events.sqlite3")
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
