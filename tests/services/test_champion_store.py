"""The champion's bundle is fetched from a real object store, as runs on a cluster have it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.bundle import read
from components.champion import BUNDLE, Champion
from components.errors import BundleError, RegistryError
from components.register.registry import Registry
from tests.bundles import Fitted, build
from tests.object_store import running_store, without_credentials

BUCKET = "mlpipeline"
KEY = "v2/artifacts/kubeloop-training/run-1/package/bundle"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, BUCKET)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(f"sqlite:///{tmp_path / 'registry.db'}")


def crowned(registry: Registry, fitted: Fitted, bundle: str) -> None:
    registry.crown("churn", registry.register(fitted.manifest, bundle))


def upload(s3: Any, folder: Path) -> None:
    for file in folder.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"{KEY}/{file.name}", Body=file.read_bytes())
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}-other/bundle.json", Body=b"of another run")


@pytest.mark.parametrize("scheme", ["minio", "s3"])
def test_fetch_champion_from_an_object_store_gives_its_bundle(
    s3: Any, registry: Registry, fitted: Fitted, tmp_path: Path, scheme: str
) -> None:
    upload(s3, fitted.folder)
    crowned(registry, fitted, f"{scheme}://{BUCKET}/{KEY}")
    assert registry.fetch_champion("churn", tmp_path / "run") == Champion(version=1)
    assert read(tmp_path / "run" / BUNDLE, alone=True) == read(fitted.folder)


def test_fetch_champion_that_is_gone_from_the_store_says_which(
    s3: Any, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="version 1 of 'churn' is champion, but its .* is gone"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_that_was_altered_in_the_store_is_refused(
    s3: Any, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    upload(s3, fitted.folder)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/model.onnx", Body=b"another")
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(BundleError, match=r"altered: model\.onnx"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_without_credentials_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    without_credentials(monkeypatch)
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="there are no credentials; set AWS_ACCESS_KEY_ID"):
        registry.fetch_champion("churn", tmp_path / "run")


def test_fetch_champion_from_a_store_that_is_away_says_where_to_look(
    s3: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="cannot be fetched .*: check AWS_ENDPOINT_URL") as told:
        registry.fetch_champion("churn", tmp_path / "run")
    assert "SECRET" not in str(told.value)
    # The libraries' own texts stay out of the traceback that a pod's log shows.
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_fetch_champion_with_a_file_outside_of_its_folder_is_refused(
    s3: Any, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    upload(s3, fitted.folder)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/../../outside", Body=b"x")
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    with pytest.raises(RegistryError, match="holds a file outside of its own folder"):
        registry.fetch_champion("churn", tmp_path / "run")
    assert not list(tmp_path.rglob("outside"))


def test_fetch_champion_with_the_users_own_credentials_file_asks_the_store(
    s3: Any, monkeypatch: pytest.MonkeyPatch, registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    upload(s3, fitted.folder)
    crowned(registry, fitted, f"minio://{BUCKET}/{KEY}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "home" / ".aws" / "credentials"
    file.parent.mkdir(parents=True)
    file.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = SECRET\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert registry.fetch_champion("churn", tmp_path / "run") == Champion(version=1)
