"""Labelled rows as a table: its columns, and that each label comes exactly once."""

import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record
from components.monitor.storage import labelled
from components.monitor.storage.addresses import Address
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.versions import Version, read_registration
from components.monitor.writer import Writer

Make = Callable[..., Record]
NOON = 1_795_176_000_000_000
END = NOON + 10**12


def registered(number: int, classes: list[Any] | None, **inputs: str) -> Version:
    bundle = {
        "format": 1,
        "name": "churn",
        "task": "binary" if classes else "regression",
        "runtime": "onnx",
        "classes": classes,
        "signature": {"inputs": [{"name": n, "dtype": d} for n, d in inputs.items()]},
        "spec": {"target": "Churn"},
    }
    content = {"bundle": bundle, "reference": {"format": 1, "features": {}}}
    return read_registration("churn", str(number), content)


class Rig:
    """A writing thread beside a reader, as in the service."""

    def __init__(self, address: Address) -> None:
        self._store = Store(address)
        self._known = 0
        self.writer = Writer(self._store, capacity=10_000, observe_commit=lambda _: None)
        self.writer.start()
        self.reader = Reader(address, fence=self._fence)

    def _fence(self, until: int) -> None:
        self.writer.submit(lambda store: store.fence_labels(until)).result(10)

    def register(self, version: Version) -> None:
        self.writer.submit(lambda store: store.register(version, NOON)).result(10)
        self._store.versions[version.model, version.number] = version

    def add(self, *records: Record) -> None:
        self.writer.submit(lambda store: store.add_events(records)).result(10)

    def label(self, received: int, labels: dict[str, Any]) -> None:
        # Known later with each call, whatever the clock that received it says.
        self._known += 1
        known = {"time": f"2026-11-01T00:00:00.{self._known:06}Z"}
        entries, problems = read_feedback(
            [{"id": name, "label": value} | known for name, value in labels.items()], received
        )
        self.writer.submit(lambda store: store.add_feedback(entries, problems, received)).result(10)

    def table(self, since: int = 0, until: int | None = None) -> pa.Table:
        until = now() if until is None else until
        return pa.Table.from_batches(self.reader.labelled_table("churn", since, until))

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture
def rig(address: Address) -> Iterator[Rig]:
    built = Rig(address)
    yield built
    built.close()


def now() -> int:
    return time.time_ns() // 1000


def test_labelled_table_columns_and_types(rig: Rig, record: Make) -> None:
    rig.register(registered(3, [0, 1], tenure="float32", Contract="string", since="date"))
    old = now() - 10**9
    features = {"tenure": [1.5, None], "Contract": ["a", None], "since": ["2026-01-01", None]}
    two = record("b", rows=2, features=json.dumps(features), time=old + 7, received=old + 9)
    ahead = record("c", features='{"tenure":[3]}', time=now() + 10**12, received=old + 8)
    rig.add(two, ahead, record("a", time=old, received=old + 20), record("n", features=None))
    rig.label(old + 30, {"b:1": "1", "b:0": 0, "c": 1, "a": True, "n": 0} | {"a": 0})
    table = rig.table()
    assert table.schema == pa.schema(
        [
            ("tenure", pa.float64()),
            ("Contract", pa.string()),
            ("since", pa.string()),
            ("Churn", pa.int64()),
            ("kubeloop_time", pa.timestamp("us", tz="UTC")),
            ("kubeloop_id", pa.string()),
        ]
    )
    times = [moment - old for moment in table["kubeloop_time"].cast(pa.int64()).to_pylist()]
    assert times == [0, 7, 7, 8]
    assert table.drop_columns("kubeloop_time").to_pylist() == [
        dict(zip(("tenure", "Contract", "since", "Churn", "kubeloop_id"), row, strict=True))
        for row in (
            (1.0, None, None, 0, "a"),
            (1.5, "a", "2026-01-01", 0, "b:0"),
            (None, None, None, 1, "b:1"),
            (3.0, None, None, 1, "c"),
        )
    ]


@pytest.mark.parametrize(
    ("classes", "label", "kind", "value"),
    [
        (["No", "Yes"], "Yes", pa.string(), "Yes"),
        ([False, True], "True", pa.bool_(), True),
        (None, 7, pa.float64(), 7.0),
    ],
    ids=["text", "boolean", "regression"],
)
def test_labelled_table_label_in_the_sources_type(
    rig: Rig, record: Make, classes: list[Any] | None, label: Any, kind: pa.DataType, value: Any
) -> None:
    rig.register(registered(3, classes, tenure="float32"))
    rig.add(record("a"))
    rig.label(NOON, {"a": label})
    table = rig.table()
    assert table.schema.field("Churn").type == kind
    assert table["Churn"].to_pylist() == [value]


def test_labelled_table_no_label_has_its_columns(rig: Rig) -> None:
    rig.register(registered(3, ["No", "Yes"], tenure="float32"))
    table = rig.table()
    assert (table.num_rows, table.num_columns) == (0, 4)


def test_labelled_table_unknown_model_or_future_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="no version of 'churn' is registered"):
        rig.table()
    rig.register(registered(3, ["No", "Yes"], tenure="float32"))
    with pytest.raises(ValueError, match="expected a moment that is over"):
        rig.table(until=now() + 10**9)


def test_labelled_table_versions_together_in_the_newest_columns(rig: Rig, record: Make) -> None:
    rig.register(registered(3, ["No", "Yes"], tenure="float32", plan="string"))
    rig.register(registered(4, ["No", "Yes", "Maybe"][:2], plan="float32", city="string"))
    rig.add(
        record("a", features='{"tenure":[1.0],"plan":["basic"]}'),
        record("b", version=4, features='{"plan":[2.0],"city":["Bern"]}'),
        record("early", version=5, registered=False, features=None),
    )
    rig.label(NOON, {"a": "No", "b": "Yes", "early": "No"})
    rows = rig.table().drop_columns("kubeloop_time").to_pylist()
    assert rows == [
        {"plan": None, "city": None, "Churn": "No", "kubeloop_id": "a"},
        {"plan": 2.0, "city": "Bern", "Churn": "Yes", "kubeloop_id": "b"},
    ]


def test_labelled_table_span_is_half_open(rig: Rig, record: Make) -> None:
    rig.register(registered(3, ["No", "Yes"], tenure="float32"))
    rig.add(*(record(name) for name in "abc"))
    start = now() - 10**9
    for name, offset in (("a", 0), ("b", 1), ("c", 2)):
        rig.label(start + offset, {name: "No"})
    assert rig.table(start, start + 2)["kubeloop_id"].to_pylist() == ["a", "b"]
    assert rig.table(start + 2, start + 3)["kubeloop_id"].to_pylist() == ["c"]


def test_labelled_table_consecutive_spans_each_label_once(rig: Rig, record: Make) -> None:
    """Labels come late, before their prediction, corrected, and by clocks that are behind."""
    rig.register(registered(3, ["No", "Yes"], tenure="float32"))
    random.seed(3)
    names = [f"r{number}" for number in range(300)]
    delivered: dict[str, list[str]] = {name: [] for name in names}
    given: dict[str, list[str]] = {name: [] for name in names}
    since, edges = 0, []
    for step in range(30):
        for name in names[step * 10 : step * 10 + 5]:
            given[name].append("No")
            rig.label(now() - random.randint(0, 10**6), {name: "No"})
        rig.add(*(record(name) for name in names[step * 10 : step * 10 + 10]))
        for name in random.sample(names[: step * 10 + 10], 8):
            other = "Yes" if given[name][-1:] == ["No"] else "No"
            given[name].append(other)
            # A clock that is behind, as another replica's may be.
            rig.label(now() - random.randint(0, 10**7), {name: other})
        edges.append(now())
        table = rig.table(since, edges[-1])
        since = edges[-1]
        for row in table.to_pylist():
            delivered[row["kubeloop_id"]].append(row["Churn"])
    for name in names:
        # Corrections between two readings are delivered as the last of them.
        assert delivered[name][-1:] == given[name][-1:]
        assert len(delivered[name]) <= len(given[name])
    assert sum(map(len, delivered.values())) >= sum(bool(labels) for labels in given.values())


def test_labelled_table_many_batches_in_bounded_memory(
    rig: Rig, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 rows of 40 columns, 26 MB as Python objects, in batches of 500."""
    inputs = {f"n{index}": "float32" for index in range(40)}
    rig.register(registered(3, ["No", "Yes"], **inputs))
    features = json.dumps({name: [1.25] * 100 for name in inputs})
    start = now()
    for part in range(20):
        names = [f"e{part}-{number}" for number in range(10)]
        rig.add(*(record(n, rows=100, features=features, time=start - part) for n in names))
        rig.label(start, {f"{name}:{row}": "No" for name in names for row in range(100)})
    monkeypatch.setattr(labelled, "_ROWS", 500)
    sizes: list[int] = []
    times: list[int] = []
    batches = rig.reader.labelled_table("churn", 0, now())
    tracemalloc.start()
    for batch in batches:
        sizes.append(batch.num_rows)
        times += batch.column("kubeloop_time").cast(pa.int64()).to_pylist()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes == [500] * 40
    assert times == sorted(times)
    assert peak < 10 * 1024 * 1024
