"""`kubeloop submit --upload-to` into Google's storage and S3's, by their own libraries."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError, SpecError
from components.ingest.objects import put_object, read_digest
from components.spec import load
from pipelines.local.result import Exit
from pipelines.submit import submit_run
from pipelines.upload import Progress, upload_sources
from tests.google_storage import Google, running_google
from tests.kubeflow_api import KubeflowApi, running
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import SPEC, Laptop
from tests.services.test_submit import sources_of, submission

PLACE = "gs://team/sources"
ROWS = b"visit,returned\n1,yes\n"
# From 5 MiB on gcsfs uploads in pieces (gcsfs/core.py, `_put_file`).
LARGE = b"visit,returned\n" + 700_000 * b"1,yes\n" * 2
PIECE = 4 << 18
# A file is sent in pieces of 16 MiB.
TWO_PIECES = (16 << 20) * b"," + b"1,yes\n"
BUCKET, KEY = "team", f"sources/{sha256(ROWS).hexdigest()}/rows.csv"


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    without_credentials(monkeypatch)
    yield from running_google(monkeypatch, "team")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    without_credentials(monkeypatch)
    yield from running_store(monkeypatch, BUCKET)


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "rows.csv").write_bytes(ROWS)
    return Laptop(tmp_path)


def uploads(google: Google) -> list[str]:
    return [path for method, path, _ in google.asked if method == "POST"]


def test_upload_puts_a_file_once_under_its_fingerprint(
    api: KubeflowApi, google: Google, laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = load(laptop.folder / "spec.yaml")
    for _ in range(2):
        assert submit_run(spec, submission(api, upload_to=PLACE), wait=False) is Exit.DONE
    (address,) = sources_of(api, "run-0")
    assert sources_of(api, "run-1") == [address]
    assert re.fullmatch(r"gs://team/sources/[0-9a-f]{64}/rows\.csv", address)
    assert google.objects == {("team", address.removeprefix("gs://team/")): ROWS}
    # One that begins it, one that completes it.
    assert len(uploads(google)) == 2
    said = [line.split()[0] for line in capsys.readouterr().out.splitlines() if address in line]
    assert said == ["uploaded", "is"]


def test_model_that_could_not_be_served_uploads_nothing(
    api: KubeflowApi, google: Google, laptop: Laptop
) -> None:
    spec = load(laptop.folder / "spec.yaml", ["name=" + 39 * "x"])
    with pytest.raises(SpecError, match="cannot be served in namespace 'kubeloop'"):
        submit_run(spec, submission(api, upload_to=PLACE), wait=False)
    assert (google.objects, google.asked, api.asked) == ({}, [], [])


def test_upload_of_a_large_file_goes_on_where_the_store_stopped_to_take_it(
    google: Google, laptop: Laptop
) -> None:
    (laptop.folder / "rows.csv").write_bytes(LARGE)
    google.takes = PIECE
    upload_sources(load(laptop.folder / "spec.yaml"), PLACE, lambda _: None)
    assert list(google.objects.values()) == [LARGE]
    assert len(uploads(google)) == 1 + -(-len(LARGE) // PIECE)
    assert google.began == {}


def test_upload_of_a_large_file_says_how_far_it_is(google: Google, laptop: Laptop) -> None:
    path = laptop.folder / "rows.csv"
    path.write_bytes(LARGE[:-1] + bytes(3 << 20))
    spec, said = load(laptop.folder / "spec.yaml"), list[str]()
    upload_sources(spec, PLACE, said.append)
    reading, began, done = said
    size = path.stat().st_size
    assert reading == f"reading   rows.csv, {size / 1e6:.1f} MB"
    assert began == f"uploading rows.csv, 0 % of {size / 1e6:.1f} MB"
    assert done.startswith("uploaded  rows.csv  gs://team/sources/")
    said.clear()
    upload_sources(spec, PLACE, said.append)
    assert [line.split()[0] for line in said] == ["reading", "is"]


def test_progress_of_an_upload_is_said_each_tenth_once() -> None:
    said: list[str] = []
    progress = Progress("rows.csv", 1_240_000_000, said.append)
    for share in (0.0, 0.04, 0.5, 0.51, 0.58, 0.6, 1.0, 1.1):
        progress.sent(share)
    assert said == [f"uploading rows.csv, {share} % of 1.2 GB" for share in (0, 50, 60)]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (ROWS.swapcase(), "rows.csv' changed while it was uploaded: nothing of it stays at"),
        (ROWS[:-1], "rows.csv' changed while it was uploaded: nothing of it stays at"),
        (None, "rows.csv' cannot be read: No such file"),
    ],
    ids=["replaced", "shortened", "gone"],
)
def test_file_that_changes_while_it_is_uploaded_is_refused_and_leaves_nothing(
    google: Google, laptop: Laptop, held: bytes | None, said: str
) -> None:
    path = laptop.folder / "rows.csv"

    def change_it(share: float) -> None:
        if share == 0 and held is None:
            path.unlink()
        elif share == 0 and held is not None:
            path.write_bytes(held)

    with pytest.raises(DataError, match=said):
        put_object(path, f"gs://{BUCKET}/{KEY}", read_digest(path), sent=change_it)
    assert (google.objects, google.began) == ({}, {})


@pytest.mark.parametrize("share", [0, 1], ids=["first", "last"])
def test_file_that_grows_while_it_is_uploaded_arrives_as_its_name_says(
    google: Google, laptop: Laptop, share: float
) -> None:
    path = laptop.folder / "rows.csv"

    def append(now: float) -> None:
        if now == share:
            path.write_bytes(ROWS + b"2,no\n")

    assert put_object(path, f"gs://{BUCKET}/{KEY}", read_digest(path), sent=append)
    assert google.objects == {(BUCKET, KEY): ROWS}


def test_file_that_changed_after_its_fingerprint_was_taken_is_refused(
    google: Google, laptop: Laptop
) -> None:
    path = laptop.folder / "rows.csv"
    digest = read_digest(path)
    path.write_bytes(ROWS.swapcase())
    with pytest.raises(DataError, match="changed while it was uploaded"):
        put_object(path, f"{PLACE}/{digest}/rows.csv", digest)
    assert google.objects == {}


def test_no_object_is_there_for_a_moment_of_a_file_that_changed_after_its_fingerprint(
    s3: Any, laptop: Laptop
) -> None:
    """A bucket that keeps versions tells of what was there and was taken back, too."""
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    path = laptop.folder / "rows.csv"
    digest = read_digest(path)
    path.write_bytes(ROWS.swapcase())
    with pytest.raises(DataError, match="changed while it was uploaded"):
        put_object(path, f"s3://{BUCKET}/{KEY}", digest)
    versions = s3.list_object_versions(Bucket=BUCKET)
    assert not {"Versions", "DeleteMarkers"} & set(versions)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_file_that_was_written_over_and_back_while_it_was_uploaded_is_refused(
    s3: Any, laptop: Laptop
) -> None:
    """What was sent is the other content in part."""
    path = laptop.folder / "rows.csv"
    path.write_bytes(TWO_PIECES)
    digest = read_digest(path)

    def write_over_and_back(share: float) -> None:
        path.write_bytes(TWO_PIECES if share else TWO_PIECES.swapcase().replace(b",", b";"))

    with pytest.raises(DataError, match="changed while it was uploaded"):
        put_object(path, f"s3://{BUCKET}/{KEY}", digest, sent=write_over_and_back)
    assert path.read_bytes() == TWO_PIECES
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_upload_of_a_large_file_arrives_in_s3_piece_by_piece(s3: Any, laptop: Laptop) -> None:
    path = laptop.folder / "rows.csv"
    path.write_bytes(TWO_PIECES)
    shares: list[float] = []
    assert put_object(path, f"s3://{BUCKET}/{KEY}", read_digest(path), sent=shares.append)
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == TWO_PIECES
    first = s3.head_object(Bucket=BUCKET, Key=KEY, PartNumber=1)
    assert (first["PartsCount"], first["ContentLength"]) == (2, 16 << 20)
    assert shares == [0, (16 << 20) / len(TWO_PIECES), 1]


def test_upload_of_a_large_file_holds_no_more_than_a_piece(google: Google, laptop: Laptop) -> None:
    path = laptop.folder / "rows.csv"
    path.write_bytes(TWO_PIECES)
    assert put_object(path, f"gs://{BUCKET}/{KEY}", read_digest(path))
    assert google.objects == {(BUCKET, KEY): TWO_PIECES}
    sent = [int(headers["Content-Length"]) for way, _, headers in google.asked if way == "POST"]
    assert max(sent) == 16 << 20


_KILLED = """
import os, signal, sys
from pathlib import Path
from components.ingest.objects import put_object

def die(share):
    if share == 1:
        os.kill(os.getpid(), signal.SIGKILL)

put_object(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sent=die)
"""


def killed_when_all_is_sent(path: Path, place: str) -> None:
    """Uploads a file that changed after its fingerprint was taken, and ends before it is held."""
    path.write_bytes(ROWS.swapcase())
    command = [sys.executable, "-P", "-c", _KILLED, str(path), place, sha256(ROWS).hexdigest()]
    assert subprocess.run(command, timeout=300).returncode == -signal.SIGKILL
    path.write_bytes(ROWS)


def test_upload_to_google_that_is_killed_when_all_is_sent_leaves_its_name_to_the_right_content(
    google: Google, laptop: Laptop
) -> None:
    path, place = laptop.folder / "rows.csv", f"gs://{BUCKET}/{KEY}"
    killed_when_all_is_sent(path, place)
    assert google.objects == {}
    assert put_object(path, place, read_digest(path))
    assert google.objects == {(BUCKET, KEY): ROWS}


def test_upload_to_s3_that_is_killed_when_all_is_sent_leaves_its_name_to_the_right_content(
    s3: Any, laptop: Laptop
) -> None:
    path, place = laptop.folder / "rows.csv", f"s3://{BUCKET}/{KEY}"
    killed_when_all_is_sent(path, place)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert put_object(path, place, read_digest(path))
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == ROWS


def test_upload_that_cannot_be_given_up_says_why_it_failed(google: Google, laptop: Laptop) -> None:
    path = laptop.folder / "rows.csv"
    path.write_bytes(TWO_PIECES)

    def refuse(share: float) -> None:
        if share == 1:
            google.answers = [(403, {}, b'{"error": {"message": "SECRET"}}')]

    with pytest.raises(DataError) as raised:
        put_object(path, f"gs://{BUCKET}/{KEY}", sha256(ROWS).hexdigest(), sent=refuse)
    assert str(raised.value).endswith("run again when nobody writes it")
    assert "SECRET" not in str(raised.value)
    assert google.objects == {}
    assert list(google.began) == ["upload-0"]


def test_upload_of_an_empty_file_arrives(google: Google, laptop: Laptop) -> None:
    (laptop.folder / "rows.csv").write_bytes(b"")
    upload_sources(load(laptop.folder / "spec.yaml"), PLACE, lambda _: None)
    assert list(google.objects.values()) == [b""]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "cannot be uploaded: the store does not accept the credentials (401)"),
        (403, "cannot be uploaded: the store refuses access (403)"),
        (404, "cannot be uploaded: it is not there; check bucket and key"),
    ],
    ids=str,
)
def test_upload_that_is_refused_starts_no_run(
    api: KubeflowApi, google: Google, laptop: Laptop, status: int, said: str
) -> None:
    google.answers = [(status, {}, b'{"error": {"message": "SECRET"}}')]
    spec = load(laptop.folder / "spec.yaml")
    with pytest.raises(DataError) as raised:
        submit_run(spec, submission(api, upload_to=PLACE), wait=False)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"'{PLACE}/")
    assert "SECRET" not in str(raised.value)
    assert (api.runs, api.uploads) == ({}, [])


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("gs://user:secretpw@team/x", "'gs://***@team/x'"),
        ("gs://team/x?token=secretpw", "'gs://team/x?***'"),
        ("gs:///x", "'gs:///x'"),
        ("gcs://team/x", "'gcs://team/x'"),
        ("minio://team/x", "'minio://team/x'"),
    ],
)
def test_upload_to_what_is_no_store_is_refused(
    google: Google, laptop: Laptop, folder: str, shown: str
) -> None:
    spec = load(laptop.folder / "spec.yaml")
    with pytest.raises(SpecError) as raised:
        upload_sources(spec, folder, lambda _: None)
    assert f"--upload-to {shown}: expected s3://BUCKET/FOLDER or gs://" in str(raised.value)
    assert "secretpw" not in str(raised.value)
    assert google.asked == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_upload_that_was_ended_in_the_middle_leaves_no_object_and_is_done_again(
    api: KubeflowApi, google: Google, laptop: Laptop, number: signal.Signals
) -> None:
    (laptop.folder / "rows.csv").write_bytes(TWO_PIECES)
    google.takes = PIECE
    google.goes_on.clear()
    process = laptop.start("submit", "spec.yaml", "--host", api.address, "--upload-to", PLACE)
    assert google.reached.wait(60)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == "reading   rows.csv, 16.8 MB\nuploading rows.csv, 0 % of 16.8 MB\n"
    assert (process.returncode, err) == (
        (130, "kubeloop: interrupted\n") if number == signal.SIGINT else (-9, "")
    )
    google.goes_on.set()
    assert (google.objects, api.runs, api.uploads) == ({}, {}, [])
    spec = load(laptop.folder / "spec.yaml")
    assert submit_run(spec, submission(api, upload_to=PLACE), wait=False) is Exit.DONE
    (address,) = sources_of(api, "run-0")
    assert google.objects == {("team", address.removeprefix("gs://team/")): TWO_PIECES}
