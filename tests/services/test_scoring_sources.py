"""Scoring what lies in a bucket, through a real S3 server on loopback."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from components.bundle import read
from components.errors import DataError
from components.object_store import Patience
from components.score.addresses import bring
from components.score.batch import PREDICTIONS, score_addresses
from tests.bundles import build
from tests.scoring import table
from tests.web import Answer, Web

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_REGION": "us-east-1"}
SHORT = Patience(connect_s=0.5, read_s=0.5, retries=1)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    yield client
    # Another server in this process would still have them.
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    client.delete_bucket(Bucket="bucket")
    server.stop()


def test_score_addresses_of_bucket_answers_every_row(s3: Any, tmp_path: Path) -> None:
    table().write_parquet(tmp_path / "rows.parquet")
    s3.upload_file(str(tmp_path / "rows.parquet"), "bucket", "in/rows.parquet")
    for file in build(tmp_path / "bundle", "binary").folder.iterdir():
        s3.upload_file(str(file), "bucket", f"models/churn/{file.name}")
    out = tmp_path / "out" / "predictions"
    at, source = "s3://bucket/models/churn", "s3://bucket/in/rows.parquet"
    assert score_addresses(at, source, out, errors="refuse").counts()["rows"] == 100
    assert pl.read_parquet(out / PREDICTIONS).height == 100
    assert list(out.parent.iterdir()) == [out]


def upload(s3: Any, folder: Path, prefix: str) -> None:
    for file in folder.iterdir():
        s3.upload_file(str(file), "bucket", f"{prefix}/{file.name}")


def test_score_addresses_of_bundle_among_folders_takes_its_own_files(
    s3: Any, tmp_path: Path
) -> None:
    """Beside the files there may be a marker of the folder, and other folders within it."""
    upload(s3, build(tmp_path / "bundle", "regression").folder, "churn")
    s3.put_object(Bucket="bucket", Key="churn/", Body=b"")
    s3.put_object(Bucket="bucket", Key="churn/older/model.onnx", Body=b"")
    copy = bring("s3://bucket/churn/", tmp_path / "copy")
    assert read(copy, alone=True).task == "regression"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/gone.csv", "it is not there; check bucket and key"),
        ("s3://gone/rows.csv", "it is not there; check bucket and key"),
        ("s3://bucket/folder/..", "'..' is no name of a file; rename the object"),
        ("s3://bucket/only", "it is a folder without files; check bucket and key"),
    ],
)
def test_bring_of_what_is_not_there_says_so(
    s3: Any, tmp_path: Path, address: str, said: str
) -> None:
    s3.put_object(Bucket="bucket", Key="only/folder/rows.csv", Body=b"")
    with pytest.raises(DataError) as caught:
        bring(address, tmp_path / "copy")
    assert str(caught.value) == f"{address!r} cannot be fetched: {said}"


def test_bring_onto_a_full_disk_says_so(s3: Any, tiny_disk: Path) -> None:
    s3.put_object(Bucket="bucket", Key="rows.csv", Body=b"a\n1\n")
    (tiny_disk / "copy").mkdir()
    # There is room for its bytes, and for no other file.
    subprocess.run(["mount", "-o", "remount,nr_inodes=2", str(tiny_disk)], check=True)
    with pytest.raises(DataError) as caught:
        bring("s3://bucket/rows.csv", tiny_disk / "copy")
    said = "'s3://bucket/rows.csv' cannot be fetched: the disk is full; make room there"
    assert str(caught.value) == said


def test_bring_of_more_than_the_disk_has_room_for_fetches_nothing(s3: Any, tiny_disk: Path) -> None:
    s3.put_object(Bucket="bucket", Key="rows.csv", Body=bytes(5 << 20))
    with pytest.raises(DataError, match="it needs 5,242,880 bytes and [0-9,]+ are free"):
        bring("s3://bucket/rows.csv", tiny_disk / "copy")
    assert [path for path in tiny_disk.rglob("*") if path.is_file()] == []


class Failing(Web):
    """A store that is ill."""

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return 503, {}, b""


def test_bring_from_a_store_that_fails_asks_as_often_as_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Failing()
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": store.url}.items():
        monkeypatch.setenv(name, value)
    try:
        with pytest.raises(DataError, match="the store fails; run again later"):
            bring("s3://bucket/rows.csv", tmp_path / "copy", Patience(retries=2))
    finally:
        store.close()
    # The library's own tries are not multiplied by those of the one above it.
    assert [path for _, path, _ in store.asked] == [store.asked[0][1]] * 3


def test_score_addresses_of_missing_bundle_leaves_nothing(s3: Any, tmp_path: Path) -> None:
    out = tmp_path / "out" / "predictions"
    with pytest.raises(DataError, match="'s3://bucket/gone' cannot be fetched: it is not there"):
        score_addresses("s3://bucket/gone", "s3://bucket/rows.csv", out, errors="refuse")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("address", "needed"),
    [
        ("s3://bucket/rows.csv", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://bucket/rows.csv", "name it in GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_bring_without_credentials_says_which_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, needed: str
) -> None:
    for name in (*KEYS, "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match="needs credentials and there are none") as caught:
        bring(address, tmp_path / "copy")
    assert needed in str(caught.value)


class Store:
    """A store that answers every request alike, or not at all."""

    def __init__(self, status: int) -> None:
        self.hang = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                if not status:
                    store.hang.wait(30)
                    return
                body = b"{}"
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.mark.parametrize(
    ("scheme", "status", "said"),
    [
        ("s3", 403, "the store refuses access (403); check the credentials and their rights"),
        ("s3", 500, "the store fails; run again later"),
        ("s3", 0, "the store does not answer in time"),
        ("gs", 403, "the store refuses access (403); check the credentials and their rights"),
        ("gs", 400, "the store fails (400); run again later"),
    ],
)
def test_bring_from_a_store_that_fails_says_how_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, status: int, said: str
) -> None:
    store = Store(status)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": store.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.url)
    try:
        with pytest.raises(DataError) as caught:
            bring(f"{scheme}://b/rows.csv", tmp_path / "copy", SHORT)
    finally:
        store.close()
    assert f"'{scheme}://b/rows.csv' cannot be fetched: {said}" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_bring_where_nobody_listens_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DataError, match="the store cannot be reached; check AWS_ENDPOINT_URL"):
            bring("s3://b/rows.csv", tmp_path / "copy", SHORT)
