"""Remote sources against real servers on loopback: web servers, S3 and Google's storage."""

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from google.auth._cloud_sdk import CLOUD_SDK_CLIENT_ID

from components.contract import ROWS
from components.errors import DataError
from components.ingest.objects import copy_object, list_objects
from components.ingest.patience import Patience
from components.ingest.remote import fetch
from components.ingest.sources import ingest_table
from components.object_store import open_store
from components.spec import parse
from tests.google_storage import (
    Google,
    Metadata,
    metadata_variables,
    running_google,
    running_metadata,
)
from tests.object_store import KEYS, OTHERS, running_store, without_credentials

GOOD = b"a,y\n1,n\n2,p\n"
SHORT = Patience(connect_s=1, read_s=30, retries=2, backoff_s=0.01, most_wait_s=2)
# For a server that never answers; one that does may take longer on a busy machine.
SHORTEST = replace(SHORT, read_s=0.3)


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


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, "bucket")


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    yield from running_google(monkeypatch, "b")


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    yield from running_metadata()


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
        fetch(f"{web.url}/t.csv?token=SECRET", tmp_path, SHORT if answer[0] else SHORTEST)
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
        copy_object("s3://b/t.csv", tmp_path / "t", SHORT if answer[0] else SHORTEST)
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
    for key, body in {
        "d/b.csv": GOOD,
        "d/a.csv": GOOD.replace(b"1", b"3"),
        "d/notes.txt": b"no",
        "d/sub/c.csv": GOOD,
    }.items():
        google.objects["b", key] = body
    rows = ingested(tmp_path / "out", "gs://b/d/*.csv")
    assert rows == [("3", "n"), ("2", "p"), ("1", "n"), ("2", "p")]


@pytest.mark.parametrize(
    ("place", "answers", "said"),
    [
        ("gs://b/none.csv", [], "it is not there"),
        ("gs://none/d/a.csv", [], "it is not there"),
        ("gs://b/none-*.csv", [], "matches no object"),
        ("gs://b/d/a.csv", [(403, {}, b"{}")], "the store refuses access (403)"),
        ("gs://b/d/a.csv", [(401, {}, b"{}")], "does not accept the credentials (401)"),
        ("gs://b/d/a.csv", [(400, {}, b"{}")], "the store fails (400); run again later"),
    ],
)
def test_gs_failure_is_one_sentence(
    google: Google, tmp_path: Path, place: str, answers: list[Any], said: str
) -> None:
    google.objects["b", "d/a.csv"], google.answers = GOOD, answers
    with pytest.raises(DataError) as error:
        ingested(tmp_path / "out", place)
    assert said in str(error.value)
    assert f"source {place!r}" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_gs_without_credentials_is_refused_before_anybody_is_asked(
    metadata: Metadata, tmp_path: Path
) -> None:
    """On a machine of Google's, too, where the identity is that of all its users."""
    done = opened(tmp_path, **metadata_variables(metadata))
    assert "'gs://b/t.csv' needs credentials and there are none" in done
    assert "name it in GOOGLE_APPLICATION_CREDENTIALS, or log in by gcloud" in done
    assert metadata.asked == []


def test_gs_in_a_pod_is_read_with_the_identity_of_the_pod(
    metadata: Metadata, tmp_path: Path
) -> None:
    store = Google("b")
    store.bearer = metadata.identity
    store.objects["b", "t.csv"] = GOOD
    environment = {**IN_POD, **metadata_variables(metadata), "FSSPEC_GS_ENDPOINT_URL": store.url}
    try:
        assert opened(tmp_path, **environment) == f"{GOOD!r}\n"
    finally:
        store.close()


def test_gs_in_a_pod_without_an_identity_is_a_sentence(web: Web, tmp_path: Path) -> None:
    """What answers at the metadata server's address is none, as within other clouds."""
    web.answers = [(404, {}, b"SECRET")]
    host = web.url.removeprefix("http://")
    done = opened(tmp_path, **IN_POD, GCE_METADATA_HOST=host, GCE_METADATA_IP=host)
    assert "'gs://b/t.csv' needs credentials and this pod has no identity: mount a key" in done
    assert len(done.splitlines()) == 1
    assert len(web.requests) == 1


@pytest.mark.parametrize("right", ["read_only", "read_write"])
def test_gs_identity_of_a_pod_is_asked_for_no_right_that_is_not_needed(
    metadata: Metadata, tmp_path: Path, right: str
) -> None:
    store = Google("b")
    store.objects["b", "t.csv"] = GOOD
    environment = {**IN_POD, **metadata_variables(metadata), "FSSPEC_GS_ENDPOINT_URL": store.url}
    try:
        opened(tmp_path, _PUT if right == "read_write" else _OPEN, **environment)
    finally:
        store.close()
    asked = [parse_qs(urlsplit(path).query).get("scopes") for _, path, _ in metadata.asked]
    scope = f"https://www.googleapis.com/auth/devstorage.{right}"
    assert {scopes[0] for scopes in asked if scopes} == {scope}
    assert (("b", "put.py") in store.objects) is (right == "read_write")


@pytest.mark.parametrize("folder", [".config/gcloud", "elsewhere"])
def test_gs_after_a_login_with_gcloud_is_opened_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    without_credentials(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    if folder == "elsewhere":
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / folder))
    login = tmp_path / folder / "application_default_credentials.json"
    login.parent.mkdir(parents=True)
    held = {"client_secret": "SECRET", "refresh_token": "its own", "client_id": CLOUD_SDK_CLIENT_ID}
    login.write_text(json.dumps({"type": "authorized_user", **held}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = open_store("gs://b/t.csv", SHORT)
    assert store.credentials.credentials.refresh_token == held["refresh_token"]
    login.write_text("{")
    with pytest.raises(DataError, match="its credentials cannot be read; check") as error:
        open_store("gs://b/t.csv", SHORT)
    assert "pod" not in str(error.value)
    assert "SECRET" not in str(error.value)


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
_OPEN = """
from components.errors import DataError
from components.object_store import Patience, open_store

try:
    print(open_store("gs://b/t.csv", Patience(2, 2, 0)).cat_file("gs://b/t.csv"))
except DataError as exc:
    print(exc)
"""

_PUT = f"""
from pathlib import Path
from components.ingest.objects import put_object, read_digest

path = Path({__file__!r})
put_object(path, "gs://b/put.py", read_digest(path))
"""


def opened(home: Path, script: str = _OPEN, **environment: str) -> str:
    """Reads an object in a process of its own: Google's library reads the environment once."""
    kept = {name: value for name, value in os.environ.items() if name not in OTHERS}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout
