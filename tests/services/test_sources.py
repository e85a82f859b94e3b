"""Remote sources against real servers on loopback: web servers, S3 and Google's storage."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from components.contract import ROWS
from components.errors import DataError
from components.ingest.objects import copy_object, list_objects
from components.ingest.patience import Patience
from components.ingest.remote import fetch
from components.ingest.sources import ingest_table
from components.spec import parse

GOOD = b"a,y\n1,n\n2,p\n"
SHORT = Patience(connect_s=1, read_s=0.3, retries=2, backoff_s=0.01, most_wait_s=2)
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_REGION": "us-east-1"}


class Web:
    """A web server that answers what it is told, one answer after the other, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.hang = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                web.requests.append((self.path, dict(self.headers)))
                status, headers, body = web.answer(self.path)
                if status == 0:
                    web.hang.wait(5)
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Google(Web):
    """As much of Google's storage as is needed to list a bucket `b` and to read its objects."""

    objects: dict[str, bytes]

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(path)
        place, query = unquote(parts.path), parse_qs(parts.query)
        if self.answers:
            return self.answers[0]
        about = [
            {"name": name, "bucket": "b", "size": str(len(body)), "kind": "storage#object"}
            for name, body in self.objects.items()
            if name.startswith(query.get("prefix", [""])[0])
        ]
        if place.endswith("/b/b/o"):
            return 200, {"Content-Type": "application/json"}, json.dumps({"items": about}).encode()
        name = place.partition("/b/b/o/")[2]
        if name not in self.objects:
            return 404, {}, b'{"error": {"code": 404, "message": "No such object"}}'
        if query.get("alt") == ["media"]:
            return 200, {}, self.objects[name]
        entry = next(entry for entry in about if entry["name"] == name)
        return 200, {"Content-Type": "application/json"}, json.dumps(entry).encode()


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    yield client
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    client.delete_bucket(Bucket="bucket")
    server.stop()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    server = Google()
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.close()


def ingested(folder: Path, *sources: str) -> list[tuple[Any, ...]]:
    head = {"name": "m", "task": "binary", "target": "y", "source": list(sources)}
    ingest_table(parse(json.dumps(head)), folder, run_id="run")
    assert [path.name for path in folder.parent.iterdir() if "scratch" in path.name] == []
    return pl.read_parquet(folder / ROWS).rows()


def test_https_file_is_read_like_a_local_one(web: Web, tmp_path: Path) -> None:
    web.answers = [(200, {}, gzip.compress(GOOD.replace(b",", b";")))]
    rows = ingested(tmp_path / "out", f"{web.url}/t.csv.gz?v=SECRET")
    assert rows == [("1", "n"), ("2", "p")]
    assert web.requests[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_https_answer_that_is_better_next_time_is_tried_again(
    web: Web, tmp_path: Path, status: int
) -> None:
    web.answers = [(status, {}, b""), (status, {"Retry-After": "1"}, b""), (200, {}, GOOD)]
    began = time.monotonic()
    assert fetch(f"{web.url}/t.csv", tmp_path, SHORT).read_bytes() == GOOD
    assert len(web.requests) == 3
    # No measure of speed: the server asked for a second, and a test that waits less is wrong.
    assert time.monotonic() - began >= 1


def test_https_body_that_breaks_off_is_fetched_again(web: Web, tmp_path: Path) -> None:
    web.answers = [(200, {"Content-Length": "999"}, GOOD), (200, {}, GOOD)]
    assert fetch(f"{web.url}/t.csv", tmp_path, SHORT).read_bytes() == GOOD


@pytest.mark.parametrize(
    ("answer", "said", "requests"),
    [
        (
            (401, {}, b""),
            "answers 401: it asks for credentials; give them in the file that NETRC",
            1,
        ),
        ((403, {}, b""), "answers 403: it refuses access; check the credentials", 1),
        ((404, {}, b""), "answers 404: it is not there; check the address", 1),
        ((429, {}, b""), "answers 429: it asks for fewer requests; wait a while", 3),
        ((500, {}, b""), "answers 500: it fails; run again later", 3),
        ((0, {}, b""), "the server was silent for 0.3 s; run again later", 3),
        ((200, {"Content-Length": "999"}, GOOD), "the answer ended before it was whole", 3),
        ((200, {"Content-Type": "text/html"}, b"<html>"), "if it is a page to log in at", 1),
        ((302, {"Location": "/t.csv"}, b""), "it redirects in a circle", 31),
    ],
)
def test_https_failure_is_one_sentence_without_secrets(
    web: Web, tmp_path: Path, answer: tuple[int, dict[str, str], bytes], said: str, requests: int
) -> None:
    web.answers = [answer]
    with pytest.raises(DataError) as error:
        fetch(f"{web.url}/t.csv?token=SECRET", tmp_path, SHORT)
    assert said in str(error.value)
    assert f"source '{web.url}/t.csv?…' cannot be fetched" in str(error.value)
    assert "SECRET" not in str(error.value)
    assert len(web.requests) == requests
    assert list(tmp_path.iterdir()) == []


def test_https_nobody_there_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and nobody answers on it.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/t.csv"
        with pytest.raises(DataError, match="its host refuses the connection"):
            fetch(url, tmp_path, SHORT)


def test_https_unknown_host_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match="its host is not known; check the address"):
        fetch("https://nobody.invalid/t.csv", tmp_path, SHORT)


def test_https_missing_file_leaves_nothing_half_written(web: Web, tmp_path: Path) -> None:
    web.answers = [(404, {}, b"")]
    (tmp_path / "a.csv").write_bytes(GOOD)
    with pytest.raises(DataError, match="answers 404"):
        ingested(tmp_path / "out", str(tmp_path / "a.csv"), f"{web.url}/t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_https_credentials_come_from_netrc(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password SECRET\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.answers = [(200, {}, GOOD)]
    fetch(f"{web.url}/t.csv", tmp_path, SHORT)
    assert web.requests[0][1]["Authorization"] == "Basic YWRhOlNFQ1JFVA=="


def test_s3_glob_is_listed_and_read(s3: Any, tmp_path: Path) -> None:
    for key, body in {
        "d/b.csv": GOOD.replace(b"1", b"3"),
        "d/a[1].csv.gz": gzip.compress(GOOD),
        "d/notes.txt": b"nothing",
        "d/sub/c.csv": GOOD,
    }.items():
        s3.put_object(Bucket="bucket", Key=key, Body=body)
    rows = ingested(tmp_path / "out", "s3://bucket/d/*.csv*")
    assert rows == [("1", "n"), ("2", "p"), ("3", "n"), ("2", "p")]
    assert ingested(tmp_path / "out", "s3://bucket/d/a[1].csv.gz") == [("1", "n"), ("2", "p")]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "s3://bucket/none.csv",
            "'s3://bucket/none.csv' cannot be fetched: it is not there",
        ),
        ("s3://none/t.csv", "source 's3://none/t.csv' cannot be fetched: it is not there"),
        ("s3://bucket/none-*.csv", "source 's3://bucket/none-*.csv' matches no object"),
    ],
)
def test_s3_missing_object_is_said(s3: Any, tmp_path: Path, place: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        ingested(tmp_path / "out", place)
    assert said in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_s3_without_credentials_says_which_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*KEYS, "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        ingested(tmp_path / "out", "s3://b/t.csv")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {}, b""), "the store refuses access (403); check the credentials"),
        ((404, {}, b""), "it is not there"),
        ((500, {}, b""), "the store fails"),
        ((503, {}, b""), "the store fails"),
        ((0, {}, b""), "the store does not answer in time"),
    ],
)
def test_s3_failure_is_one_sentence(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": web.url}.items():
        monkeypatch.setenv(name, value)
    web.answers = [answer]
    with pytest.raises(DataError) as error:
        copy_object("s3://b/t.csv", tmp_path / "t", SHORT)
    assert said in str(error.value)
    assert "source 's3://b/t.csv'" in str(error.value)
    assert "SECRET" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_s3_nobody_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DataError, match="the store cannot be reached; check AWS_ENDPOINT_URL"):
            list_objects("s3://b/*.csv", SHORT)


def test_gs_glob_is_listed_and_read(google: Google, tmp_path: Path) -> None:
    google.objects = {"d/b.csv": GOOD, "d/a.csv": GOOD.replace(b"1", b"3"), "d/notes.txt": b"no"}
    rows = ingested(tmp_path / "out", "gs://b/d/*.csv")
    assert rows == [("3", "n"), ("2", "p"), ("1", "n"), ("2", "p")]


@pytest.mark.parametrize(
    ("place", "answers", "said"),
    [
        ("gs://b/none.csv", [], "it is not there"),
        ("gs://b/none-*.csv", [], "matches no object"),
        ("gs://b/d/a.csv", [(403, {}, b"{}")], "the store refuses access (403)"),
        ("gs://b/d/a.csv", [(400, {}, b"{}")], "the store fails (400); run again later"),
    ],
)
def test_gs_failure_is_one_sentence(
    google: Google, tmp_path: Path, place: str, answers: list[Any], said: str
) -> None:
    google.objects, google.answers = {"d/a.csv": GOOD}, answers
    with pytest.raises(DataError) as error:
        ingested(tmp_path / "out", place)
    assert said in str(error.value)
    assert f"source {place!r}" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_gs_without_credentials_says_which_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match="name it in GOOGLE_APPLICATION_CREDENTIALS"):
        ingested(tmp_path / "out", "gs://b/t.csv")
