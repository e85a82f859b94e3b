import contextlib
import multiprocessing
import os
import shutil
import sqlite3
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from components.bundle import Interval, Manifest, read
from components.champion import BUNDLE, Champion
from components.errors import BundleError, RegistryError
from components.proof import Proof
from components.register.connection import PERSON, RUN, Patience
from components.register.registry import Registry, _all
from components.register.version import CROWNED_TAG, Version
from tests.bundles import Fitted, build
from tests.web import Answer, Web


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, fitted: Fitted) -> Path:
    """A registry file with its tables made, which costs a second, and one model in it."""
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    Registry(f"sqlite:///{path}").register(manifest(fitted, "run-0", name="first"), "/nowhere")
    return path


@pytest.fixture
def registry(empty: Path, tmp_path: Path) -> Registry:
    shutil.copyfile(empty, tmp_path / "registry.db")
    return Registry(f"sqlite:///{tmp_path / 'registry.db'}")


def manifest(fitted: Fitted, run: str, name: str = "churn") -> Manifest:
    return fitted.manifest.model_copy(update={"run_id": run, "name": name})


def shows(version: int) -> Proof:
    """What a deployment shows that ends now."""
    found = {"endpoint": "", "golden_rows": 0, "latency_seconds": 0.0, "replaced": None}
    return Proof(name="churn", version=version, at=datetime.now(UTC), **found)


def champion_of(registry: Registry) -> int | None:
    champion = registry.champion("churn")
    return champion.number if champion else None


def test_registry_that_nobody_used_answers_without_a_file(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'new' / 'registry.db'}")
    assert registry.names() == []
    assert registry.versions("churn") == []
    assert registry.champion("churn") is None
    asked = datetime.now(UTC)
    found = registry.fetch_champion("churn", tmp_path / "c")
    assert found.version is None
    assert found.at is not None
    assert asked <= found.at <= datetime.now(UTC)
    assert Champion.read(tmp_path / "c") == found
    assert not (tmp_path / "new").exists()


def test_register_numbers_versions_from_one_and_keeps_lineage(
    registry: Registry, fitted: Fitted
) -> None:
    assert registry.register(manifest(fitted, "run-1"), "/bundles/1") == 1
    assert registry.register(manifest(fitted, "run-2"), "/bundles/2") == 2
    newest, oldest = registry.versions("churn")
    assert (newest.number, newest.bundle, newest.champion) == (2, "/bundles/2", False)
    assert oldest.tags == {
        "kubeloop.run_id": "run-1",
        "kubeloop.trained_at": "2026-11-20T12:00:00Z",
        "kubeloop.fingerprint": "sha256:00",
        "kubeloop.revision": "test",
        "kubeloop.task": "binary",
        "kubeloop.runtime": "onnx",
    }
    assert abs(newest.created / 1000 - time.time()) < 60
    assert registry.names() == ["churn", "first"]


def test_register_the_same_run_again_gives_the_same_version(
    registry: Registry, fitted: Fitted
) -> None:
    versions = [registry.register(manifest(fitted, "run-1"), "/bundles/1") for _ in range(2)]
    assert versions == [1, 1]
    assert len(registry.versions("churn")) == 1


def test_register_keeps_finite_metrics_in_the_mlflow_run(
    registry: Registry, fitted: Fitted
) -> None:
    from mlflow import MlflowClient

    undefined = Interval(value=float("nan"), low=0, high=1)
    endless = Interval(value=float("inf"), low=0, high=1)
    figures = {**fitted.manifest.metrics["test"], "r2": undefined, "rmse": endless}
    made = manifest(fitted, "run-1").model_copy(update={"metrics": {"test": figures}})
    registry.register(made, "/bundles/1")
    client = MlflowClient(tracking_uri=registry.address, registry_uri=registry.address)
    (version,) = client.search_model_versions("name='churn'")
    run = client.get_run(version.run_id)
    assert run.data.metrics == {"test.accuracy": 0.9}
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run-1"


def test_register_leaves_nothing_in_the_working_folder(
    registry: Registry, fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    registry.register(manifest(fitted, "run-1"), "/bundles/1")
    assert list((tmp_path / "cwd").iterdir()) == []


def test_crown_moves_the_alias(registry: Registry, fitted: Fitted) -> None:
    for run in ("run-1", "run-2"):
        registry.register(manifest(fitted, run), f"/bundles/{run}")
    assert registry.champion("churn") is None
    registry.crown("churn", 2)
    registry.crown("churn", 1)
    assert [(v.number, v.champion) for v in registry.versions("churn")] == [(2, False), (1, True)]
    champion = registry.champion("churn")
    assert isinstance(champion, Version)
    assert (champion.number, champion.bundle, champion.champion) == (1, "/bundles/run-1", True)
    assert champion in registry.versions("churn")


def test_version_that_was_champion_is_known_as_such(registry: Registry, fitted: Fitted) -> None:
    for run in ("run-1", "run-2", "run-3"):
        registry.register(manifest(fitted, run), f"/bundles/{run}")
    registry.crown("churn", 1)
    registry.succeed(shows(3))
    found = {version.number: version.was_champion for version in registry.versions("churn")}
    assert found == {1: True, 2: False, 3: True}


@pytest.mark.parametrize("text", ["2026-11-20T10:00:00", "2026-11-20T10:00:00+02:00"])
def test_time_of_a_crowning_is_of_a_zone_whoever_wrote_it(text: str) -> None:
    found = Version(1, "/1", champion=True, tags={CROWNED_TAG: text}, created=0).crowned
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize("before", [None, 1])
def test_succeed_moves_the_alias(registry: Registry, fitted: Fitted, before: int | None) -> None:
    versions = [registry.register(manifest(fitted, run), f"/bundles/{run}") for run in "ab"]
    if before:
        registry.crown("churn", before)
    shown = shows(versions[1])
    for _ in range(2):
        # A pod that was lost does it again.
        registry.succeed(shown)
    assert champion_of(registry) == 2


def test_succeed_replaces_what_was_put_back_before_the_deployment(
    registry: Registry, fitted: Fitted
) -> None:
    for run in "abc":
        registry.register(manifest(fitted, run), f"/bundles/{run}")
    for number in (1, 2, 1):
        # Another run while this one trained, and a rollback from that.
        registry.crown("churn", number)
    registry.succeed(shows(3))
    assert champion_of(registry) == 3


@pytest.mark.parametrize("after", [1, 3])
def test_succeed_leaves_what_was_made_champion_after_the_deployment(
    registry: Registry, fitted: Fitted, after: int
) -> None:
    for run in "abc":
        registry.register(manifest(fitted, run), f"/bundles/{run}")
    registry.crown("churn", 1)
    # The run has put version 2 into service. Before it is crowned, somebody rolls it back, or
    # another run replaces it.
    shown = shows(2)
    registry.crown("churn", after)
    with pytest.raises(RegistryError, match=f"version {after} was made it since that one came"):
        registry.succeed(shown)
    assert champion_of(registry) == after


def test_succeed_replaces_a_champion_of_which_nobody_knows_since_when(
    registry: Registry, fitted: Fitted
) -> None:
    from mlflow import MlflowClient

    for run in "ab":
        registry.register(manifest(fitted, run), f"/bundles/{run}")
    shown = shows(2)
    client = MlflowClient(tracking_uri=registry.address, registry_uri=registry.address)
    client.set_registered_model_alias("churn", "champion", "1")
    registry.succeed(shown)
    assert champion_of(registry) == 2


def test_crown_a_version_that_is_not_there_is_refused(registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"the registry 'sqlite:.*' failed: .*not found"):
        registry.crown("first", 9)


def test_fetch_champion_copies_and_verifies_its_bundle(
    registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    registry.crown("churn", registry.register(fitted.manifest, str(fitted.folder)))
    assert registry.fetch_champion("churn", tmp_path / "c").version == 1
    assert read(tmp_path / "c" / BUNDLE) == fitted.manifest


def test_fetch_champion_whose_bundle_is_gone_says_which(
    registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    registry.crown("churn", registry.register(fitted.manifest, "/no/such/bundle"))
    with pytest.raises(RegistryError, match=r"version 1 of 'churn' .* '/no/such/bundle' is gone"):
        registry.fetch_champion("churn", tmp_path / "c")


def test_fetch_champion_whose_bundle_is_damaged_names_the_file(
    registry: Registry, fitted: Fitted, tmp_path: Path
) -> None:
    shutil.copytree(fitted.folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "card.md").write_text("another")
    registry.crown("churn", registry.register(fitted.manifest, str(tmp_path / "damaged")))
    with pytest.raises(BundleError, match=r"is damaged; altered: card\.md"):
        registry.fetch_champion("churn", tmp_path / "c")


def test_names_and_versions_beyond_one_page_are_all_there(registry: Registry) -> None:
    client = registry._client
    for number in range(130):
        client.create_registered_model(f"model-{number:03}")
    assert len(registry.names()) == 131
    for number in range(2, 25):
        client.create_model_version("first", source=f"/bundles/{number}")
    assert [v.number for v in registry.versions("first")] == list(range(24, 0, -1))
    small_pages = partial(client.search_model_versions, "name='first'", max_results=10)
    assert len(_all(small_pages)) == 24


@pytest.mark.parametrize("folder", ["a b", "ünï", "100%", "a#b", "it's"])
def test_registry_in_a_folder_of_any_name_makes_its_file_there(
    folder: str, empty: Path, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / "registry.db"
    shutil.copyfile(empty, path)
    assert Registry(f"sqlite:///{path}").names() == ["first"]
    assert sorted(p.name for p in (tmp_path / folder).iterdir()) == ["registry.db", "registry.lock"]
    assert [p.name for p in tmp_path.iterdir()] == [folder]


def test_registry_with_percent_escapes_reads_the_file_they_mean(
    empty: Path, tmp_path: Path
) -> None:
    (tmp_path / "a%20b").mkdir()
    shutil.copyfile(empty, tmp_path / "a%20b" / "registry.db")
    assert Registry(f"sqlite:///{tmp_path}/a%2520b/registry.db").names() == ["first"]


def test_registry_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(RegistryError, match=r"registry\.db' failed: .*file is not a database"):
        Registry(f"sqlite:///{path}").names()


def test_registry_server_that_is_away_fails_in_seconds_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    begin = time.monotonic()
    with pytest.raises(RegistryError) as caught:
        Registry("http://bob:s3cret@127.0.0.1:9").names()
    # MLflow by itself would ask for four minutes.
    assert time.monotonic() - begin < 100
    assert str(caught.value) == (
        "the registry 'http://***@127.0.0.1:9' failed: [Errno 111] Connection refused"
    )


class Server(Web):
    """A registry that answers as MLflow's server does where it is overloaded, or not at all."""

    def __init__(self, *, silent: bool) -> None:
        self._over = threading.Event()
        if not silent:
            self._over.set()
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self._over.wait()
        return 503, {}, b"overloaded"

    def close(self) -> None:
        self._over.set()
        super().close()


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time between two tries, and nothing else said of them."""
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER"):
        monkeypatch.setenv(name, "0")


@pytest.mark.parametrize(
    ("patience", "times"), [(PERSON, 1), (RUN, 3), (Patience(retries=1), 2)], ids=repr
)
@pytest.mark.usefixtures("impatience")
def test_overloaded_registry_server_is_asked_again_by_whom_it_may_be(
    patience: Patience, times: int
) -> None:
    server = Server(silent=False)
    # Each has its own, whichever was there first.
    other = Registry(server.url, Patience(retries=4))
    with contextlib.closing(server):
        with pytest.raises(RegistryError):
            other.names()
        before = len(server.asked)
        with pytest.raises(RegistryError):
            Registry(server.url, patience).names()
    assert (before, len(server.asked) - before) == (5, times)
    assert not {"MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"} & {*os.environ}


@pytest.mark.usefixtures("impatience")
def test_patience_of_the_environment_is_that_of_every_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with contextlib.closing(Server(silent=False)) as server:
        with pytest.raises(RegistryError):
            Registry(server.url, PERSON).names()
        assert len(server.asked) == 2
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"


@pytest.mark.usefixtures("impatience")
def test_silent_registry_server_is_waited_for_as_long_as_the_patience_says() -> None:
    with contextlib.closing(Server(silent=True)) as server:
        with pytest.raises(RegistryError, match=f"the registry '{server.url}' failed: timed out"):
            Registry(server.url, Patience(retries=0, answer_s=1)).names()
        assert len(server.asked) == 1


def test_locked_registry_file_is_one_sentence_and_no_traceback(
    registry: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    address = f"{registry.address}?timeout=0.1"
    waiting = Registry(address)
    assert waiting.names() == ["first"]
    with contextlib.closing(sqlite3.connect(tmp_path / "registry.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        capfd.readouterr()
        with pytest.raises(RegistryError, match="failed: .*database is locked$"):
            waiting.crown("first", 1)
    assert capfd.readouterr() == ("", "")


def _register_first(address: str, folder: str, run: str) -> int:
    made = read(Path(folder)).model_copy(update={"run_id": run})
    return Registry(address).register(made, folder)


def test_registry_made_by_three_processes_at_once_numbers_all_three(
    fitted: Fitted, tmp_path: Path
) -> None:
    address = f"sqlite:///{tmp_path / 'state' / 'registry.db'}"
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(3) as pool:
        calls = [(address, str(fitted.folder), f"run-{i}") for i in range(3)]
        versions = pool.starmap(_register_first, calls, chunksize=1)
    assert sorted(versions) == [1, 2, 3]
    assert os.listdir(tmp_path) == ["state"]
