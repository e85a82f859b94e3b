"""The champion's bundle is fetched from a real object store, as runs on a cluster have it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.bundle import read
from components.champion import BUNDLE
from components.errors import BundleError, RegistryError
from components.register.registry import Registry
from tests.bundles import Fitted
from tests.deployed import empty_registry
from tests.google_storage import Google, running_google
from tests.object_store import running_store, without_credentials

BUCKET = "mlpipeline"
KEY = "v2/artifacts/kubeloop-training/run-1/package/bundle"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, BUCKET)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    yield from running_google(monkeypatch, BUCKET)


@pytest.fixture
def registry(registry_file: Path, tmp_path: Path) -> Registry:
    return Registry(empty_registry(registry_file, tmp_path))


def crowned(registry: Registry, churn: Fitted, bundle: str) -> None:
    registry.crown("churn", registry.register(churn.manifest, bundle))


def upload(s3: Any, folder: Path) -> None:
    for file in folder.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"{KEY}/{file.name}", Body=file.read_bytes())
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}-other/bundle.json", Body=b"of another run")


@pytest.mark.parametrize("scheme", ["minio", "s3"])
def test_fetch_champion_from_an_object_store_gives_its_bundle(
    s3: Any, registry: Registry, churn: Fitted, tmp_path: Path, scheme: str
) -> None:
    upload(s3, churn.folder)
    crowned(registry, churn, f"{scheme}://{BUCKET}/{KEY}")
    assert registry.fetch_champion("churn", tmp_path / "run").version == 1
    assert read(tmp_path / "run" / BUNDLE, alone=True) == read(churn.folder)


def test_fetch_champion_that_is_gone_from_the_store_says_which(
    s3: Any, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="version 1 of 'churn' is champion, but its .* is gone"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_that_was_altered_in_the_store_is_refused(
    s3: Any, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    upload(s3, churn.folder)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/model.onnx", Body=b"another")
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(BundleError, match=r"altered: model\.onnx"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_without_credentials_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    without_credentials(monkeypatch)
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="needs credentials and there are none: set AWS_ACC"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_from_a_store_that_is_away_says_where_to_look(
    s3: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="be fetched: the store cannot be reached") as told:
        registry.fetch_champion("churn", tmp_path / "run")
    assert "SECRET" not in str(told.value)
    # The libraries' own texts stay out of the traceback that a pod's log shows.
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


@pytest.mark.parametrize("way", ["/../../outside", "/{0}/outside", "/./outside", "/sub//outside"])
def test_fetch_champion_with_a_file_outside_of_its_folder_is_refused(
    s3: Any, registry: Registry, churn: Fitted, tmp_path: Path, way: str
) -> None:
    upload(s3, churn.folder)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}{way.format(tmp_path)}", Body=b"x")
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="holds a file outside of its own folder"):
        registry.fetch_champion("churn", tmp_path / "run")
    assert not list(tmp_path.rglob("outside"))
    assert not list((tmp_path / "run").rglob("*.onnx"))


@pytest.mark.parametrize("folder", ["", "notes/"])
def test_fetch_champion_takes_no_file_of_a_key_that_stands_for_a_folder(
    s3: Any, registry: Registry, churn: Fitted, tmp_path: Path, folder: str
) -> None:
    upload(s3, churn.folder)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/{folder}", Body=b"")
    crowned(registry, churn, f"s3://{BUCKET}/{KEY}")
    assert registry.fetch_champion("churn", tmp_path / "run").version == 1
    assert read(tmp_path / "run" / BUNDLE, alone=True) == read(churn.folder)


def test_fetch_champion_with_the_users_own_credentials_file_asks_the_store(
    s3: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    upload(s3, churn.folder)
    crowned(registry, churn, f"minio://{BUCKET}/{KEY}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "home" / ".aws" / "credentials"
    file.parent.mkdir(parents=True)
    file.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = SECRET\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert registry.fetch_champion("churn", tmp_path / "run").version == 1


def upload_to_google(google: Google, folder: Path) -> None:
    for file in folder.iterdir():
        google.objects[BUCKET, f"{KEY}/{file.name}"] = file.read_bytes()
    google.objects[BUCKET, f"{KEY}-other/bundle.json"] = b"of another run"


def test_fetch_champion_from_google_gives_its_bundle(
    google: Google, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    upload_to_google(google, churn.folder)
    crowned(registry, churn, f"gs://{BUCKET}/{KEY}/")
    assert registry.fetch_champion("churn", tmp_path / "run").version == 1
    assert read(tmp_path / "run" / BUNDLE, alone=True) == read(churn.folder)
    assert {method for method, _, _ in google.asked} == {"GET"}


def test_fetch_champion_that_is_gone_from_google_says_which(
    google: Google, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    crowned(registry, churn, f"gs://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="version 1 of 'churn' is champion, but its .* is gone"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_that_was_altered_at_google_is_refused(
    google: Google, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    upload_to_google(google, churn.folder)
    google.objects[BUCKET, f"{KEY}/model.onnx"] = b"another"
    crowned(registry, churn, f"gs://{BUCKET}/{KEY}")
    with pytest.raises(BundleError, match=r"altered: model\.onnx"):
        registry.fetch_champion("churn", tmp_path / "run")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"the store does not accept the credentials \(401\)"),
        (403, r"the store refuses access \(403\)"),
    ],
    ids=str,
)
def test_fetch_champion_that_google_refuses_says_so_without_its_words(
    google: Google, registry: Registry, churn: Fitted, tmp_path: Path, status: int, said: str
) -> None:
    google.answers = [(status, {}, b'{"error": {"message": "SECRET"}}')]
    crowned(registry, churn, f"gs://{BUCKET}/{KEY}")
    with pytest.raises(
        RegistryError, match=f"'churn' is champion, but its bundle .*{said}"
    ) as told:
        registry.fetch_champion("churn", tmp_path / "run")
    assert "SECRET" not in str(told.value)
    assert told.value.__cause__ is None


def test_fetch_champion_from_google_without_credentials_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, registry: Registry, churn: Fitted, tmp_path: Path
) -> None:
    without_credentials(monkeypatch)
    crowned(registry, churn, f"gs://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="there are none: mount a key file and name it in GOOG"):
        registry.fetch_champion("churn", tmp_path / "run")
