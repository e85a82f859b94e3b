import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.contract import ROWS, Lineage
from components.errors import DataError
from components.fresh import FRESH_ROWS, Fresh
from components.ingest.privacy import KEY_FILE_VARIABLE
from components.ingest.sources import ingest_table
from components.spec import Spec, parse
from tests.labelled import BEGIN, SECOND, labelled, write_labelled

N = 60
NUMBERS = {"a": [float(i) for i in range(N)]}
STRINGS = {"c": ["u", "v"] * (N // 2)}
TARGET = ("y", ["n", "p"] * (N // 2))
SOURCE = "id,mail,a,c,rare,y\n1,x@x.org,1,u,k,n\n2,y@x.org,,v,k,p\n"


def spec_of(folder: Path, **keys: Any) -> Spec:
    (folder / "a.csv").write_text(SOURCE)
    document = {"name": "m", "task": "binary", "source": str(folder / "a.csv"), "target": "y"}
    columns = {"mail": {"privacy": "drop"}}
    return parse(json.dumps({**document, "id": "id", "columns": columns, **keys}))


def ingested(folder: Path, address: object, **keys: Any) -> Lineage:
    return ingest_table(spec_of(folder, **keys), folder / "out", run_id="r", fresh=str(address))


def refused(folder: Path, address: object, **keys: Any) -> str:
    with pytest.raises(DataError) as error:
        ingested(folder, address, **keys)
    assert list((folder / "out").iterdir()) == []
    assert [path.name for path in folder.iterdir() if "scratch" in path.name] == []
    return str(error.value)


def kept(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "out" / FRESH_ROWS)


def test_ingest_fresh_rows_stand_beside_the_sources(tmp_path: Path) -> None:
    path = write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET)
    lineage = ingested(tmp_path, path)
    alone = ingested(tmp_path, "")
    fresh = lineage.fresh
    assert fresh is not None
    assert (lineage.rows, lineage.columns, fresh.rows, alone.rows) == (N + 2, 5, N, 2)
    assert fresh.columns == ("a", "c", "y")
    assert fresh.first == "2026-11-01T00:00:00.000000Z"
    assert fresh.last == "2026-11-01T00:00:59.000000Z"
    assert fresh.sources == alone.fingerprint != lineage.fingerprint
    assert not (tmp_path / "out" / FRESH_ROWS).exists()
    assert Fresh.read(tmp_path / "out") is None


def test_ingest_fresh_rows_keep_values_times_and_no_id(tmp_path: Path) -> None:
    path = write_labelled(tmp_path / "f.parquet", {"a": [0.1] * N}, STRINGS, TARGET)
    ingested(tmp_path, path)
    found = kept(tmp_path)
    assert found.schema == {
        "a": pl.Float64,
        "c": pl.String,
        "y": pl.String,
        "kubeloop_time": pl.Datetime("us"),
    }
    assert found["a"][0] == 0.10000000149011612
    assert found["kubeloop_time"][1] == (BEGIN + SECOND).replace(tzinfo=None)
    assert pl.read_parquet(tmp_path / "out" / ROWS).height == 2
    assert Lineage.from_facts(
        {"run_id": "r", "rows": 62.0, "columns": 5.0, "fingerprint": "f", "fresh_rows": 60.0},
        tmp_path / "out",
    ).fresh == Fresh.read(tmp_path / "out")


def test_ingest_same_fresh_rows_have_the_same_fingerprint_and_others_another(
    tmp_path: Path,
) -> None:
    one = ingested(tmp_path, write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET))
    same = ingested(tmp_path, write_labelled(tmp_path / "g.parquet", NUMBERS, STRINGS, TARGET))
    target = ("y", ["p", *TARGET[1][1:]])
    other = ingested(tmp_path, write_labelled(tmp_path / "h.parquet", NUMBERS, STRINGS, target))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_ingest_row_that_comes_twice_counts_once_and_as_it_came_last(tmp_path: Path) -> None:
    table = labelled(NUMBERS, STRINGS, TARGET)
    again = labelled(NUMBERS, STRINGS, ("y", ["late"] * N))
    pq.write_table(pa.concat_tables([table, again.slice(0, 7)]), tmp_path / "f.parquet")
    lineage = ingested(tmp_path, tmp_path / "f.parquet")
    assert lineage.fresh is not None
    assert (lineage.fresh.rows, lineage.fresh.left_out) == (N, 7)
    assert kept(tmp_path)["y"].to_list().count("late") == 7


def test_ingest_rows_with_which_a_run_checked_its_endpoint_are_no_fresh_ones(
    tmp_path: Path,
) -> None:
    ids = [f"kubeloop-check-{i}" if i < 5 else f"request-{i}" for i in range(N)]
    write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET, ids=ids)
    lineage = ingested(tmp_path, tmp_path / "f.parquet", checks={"min_rows": N - 5})
    assert lineage.fresh is not None
    assert (lineage.fresh.rows, lineage.fresh.left_out) == (N - 5, 5)
    assert kept(tmp_path)["a"].min() == 5
    said = refused(tmp_path, tmp_path / "f.parquet", checks={"min_rows": N - 4})
    assert f"they are {N - 5}, 5 left out, and their newest fifth is to judge the models" in said
    assert f"expected at least {N - 4} (`checks.min_rows`)" in said


def test_ingest_never_takes_private_ids_groups_or_dropped_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0" * 32)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key))
    strings = {**STRINGS, "mail": ["PRIVATE"] * N, "id": ["1"] * N, "rare": ["k"] * N}
    strings |= {"unheard": ["of"] * N}
    write_labelled(tmp_path / "f.parquet", NUMBERS, strings, TARGET)
    for privacy in ("drop", "hash", "mask"):
        columns = {"mail": {"privacy": privacy}}
        ingested(tmp_path, tmp_path / "f.parquet", columns=columns, drop=["rare"])
        assert kept(tmp_path).columns == ["a", "c", "y", "kubeloop_time"]
    split = {"method": "group", "group": "rare"}
    ingested(tmp_path, tmp_path / "f.parquet", split=split)
    assert kept(tmp_path).columns == ["a", "c", "y", "kubeloop_time"]


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_ingest_times_of_any_zone_and_unit_become_utc(tmp_path: Path, unit: str) -> None:
    table = labelled(NUMBERS, STRINGS, TARGET)
    place = table.schema.get_field_index("kubeloop_time")
    times = table["kubeloop_time"].cast(pa.timestamp(unit, tz="Europe/Berlin"))
    pq.write_table(table.set_column(place, "kubeloop_time", times), tmp_path / "f.parquet")
    ingested(tmp_path, tmp_path / "f.parquet")
    assert kept(tmp_path)["kubeloop_time"][0] == datetime(2026, 11, 1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("drop", "said"),
    [
        (["kubeloop_time"], "they lack 'kubeloop_time': expected what GET /v1/models/NAME/label"),
        (["y", "kubeloop_id"], "they lack 'y', 'kubeloop_id': expected what GET"),
        (["a", "c"], "they have none of the sources' columns but the target 'y'"),
    ],
)
def test_ingest_fresh_file_without_its_columns_is_refused(
    tmp_path: Path, drop: list[str], said: str
) -> None:
    pq.write_table(labelled(NUMBERS, STRINGS, TARGET).drop_columns(drop), tmp_path / "f.parquet")
    assert said in refused(tmp_path, tmp_path / "f.parquet")


def test_ingest_fresh_file_of_other_types_is_refused(tmp_path: Path) -> None:
    table = labelled(NUMBERS, STRINGS, TARGET)
    place = table.schema.get_field_index("kubeloop_time")
    texts = pa.array(["2026"] * N)
    pq.write_table(table.set_column(place, "kubeloop_time", texts), tmp_path / "f.parquet")
    assert "they hold 'kubeloop_time' as String" in refused(tmp_path, tmp_path / "f.parquet")
    times = pa.nulls(N, pa.timestamp("us", tz="UTC"))
    pq.write_table(table.set_column(place, "kubeloop_time", times), tmp_path / "f.parquet")
    said = refused(tmp_path, tmp_path / "f.parquet")
    assert f"{N} rows have no 'kubeloop_time' or no 'kubeloop_id'" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.parquet", None, "they are 0 and their newest fifth"),
        ("gone.parquet", b"", "No such file"),
        ("damaged.parquet", b"PAR1 no Parquet PAR1", "it is no whole Parquet file"),
        ("rows.csv", b"a,y\n1,n\n", "expected one Parquet file"),
    ],
)
def test_ingest_fresh_file_of_no_use_is_refused(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is None:
        pq.write_table(labelled(NUMBERS, STRINGS, TARGET).slice(0, 0), path)
    elif content:
        path.write_bytes(content)
    found = refused(tmp_path, path)
    assert found.startswith(f"the fresh rows of '{path}' cannot be used: ")
    assert said in found


def test_ingest_source_that_has_a_fresh_rows_mark_is_refused(tmp_path: Path) -> None:
    write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET)
    said = refused(
        tmp_path, tmp_path / "f.parquet", source=str(tmp_path / "f.parquet"), id=None, columns={}
    )
    assert "the sources have 'kubeloop_time', 'kubeloop_id' too" in said


class Monitor(BaseHTTPRequestHandler):
    status, body, length = 200, b"", 0

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", "application/vnd.apache.parquet")
        self.send_header("Content-Length", str(self.length))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    answer = {"status": status, "body": body, "length": len(body)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (Monitor,), answer))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/models/m/labelled.parquet"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_ingest_fresh_rows_of_the_monitor_know_their_span(tmp_path: Path) -> None:
    path = write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET)
    with answering(200, path.read_bytes()) as address:
        lineage = ingested(tmp_path, f"{address}?since=2026-11-01T00%3A00%3A00Z&until=2026-11-02")
    assert lineage.fresh is not None
    assert (lineage.fresh.since, lineage.fresh.until) == ("2026-11-01T00:00:00Z", "2026-11-02")


@pytest.mark.parametrize(
    ("status", "said"), [(404, "answers 404: it is not there"), (400, "answers 400: it refuses")]
)
def test_ingest_monitor_that_has_none_is_quoted_without_its_query(
    tmp_path: Path, status: int, said: str
) -> None:
    with answering(status, b"{}") as address:
        found = refused(tmp_path, f"{address}?since=SECRET")
    assert said in found
    assert "SECRET" not in found


def test_ingest_times_ten_years_apart_are_told_as_they_are(tmp_path: Path) -> None:
    times = [BEGIN + timedelta(days=3650 * (i == N - 1)) for i in range(N)]
    write_labelled(tmp_path / "f.parquet", NUMBERS, STRINGS, TARGET, times=times)
    lineage = ingested(tmp_path, tmp_path / "f.parquet")
    assert lineage.fresh is not None
    last = datetime.fromisoformat(lineage.fresh.last)
    assert last - BEGIN == timedelta(days=3650)
    assert last.tzinfo == UTC
