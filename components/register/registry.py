"""The model registry: MLflow, in a file on one machine and behind a server on a cluster.

The alias `champion` means what is served. A version keeps its lineage and metrics as tags of the
version and as an MLflow run, so that MLflow's own pages show them.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from components.bundle import Manifest, read
from components.champion import BUNDLE, Champion
from components.errors import RegistryError

ALIAS = "champion"
_RUN_TAG = "kubeloop.run_id"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Version:
    """One registered version of a model.

    Attributes:
        number: assigned by the registry, from 1.
        bundle: where its bundle lies, a path or an address.
        champion: whether the alias is on it.
        tags: run id, time of training, fingerprint, revision, task and runtime.
        created: milliseconds since 1970, UTC.
    """

    number: int
    bundle: str
    champion: bool
    tags: dict[str, str]
    created: int


class Registry:
    """A registry at an address.

    Args:
        address: `sqlite:////abs/registry.db`, or an MLflow server's `http://…`.

    Raises:
        RegistryError: it cannot be opened.
    """

    def __init__(self, address: str) -> None:
        """Opens the registry; a file is made at its first use."""
        # MLflow reports usage to its makers unless told not to, and reads this at import.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("DO_NOT_TRACK", "true")
        self.address = address
        with _errors(address), _first_use(address):
            from mlflow import MlflowClient

            self._client: Any = MlflowClient(tracking_uri=address, registry_uri=address)
            # The file's tables are made by whoever asks first; two at once would make them twice.
            self._client.search_registered_models(max_results=1)

    def versions(self, name: str) -> list[Version]:
        """Lists a model's versions, newest first; empty where the model is unknown."""
        with _errors(self.address):
            # A DNS label holds no quote, so the filter cannot be escaped.
            found = self._client.search_model_versions(f"name='{name}'")
            crowned = self._crowned(name)
        versions = [
            Version(
                number=int(v.version),
                bundle=v.source,
                champion=int(v.version) == crowned,
                tags=dict(v.tags),
                created=v.creation_timestamp,
            )
            for v in found
        ]
        return sorted(versions, key=lambda version: -version.number)

    def names(self) -> list[str]:
        """Lists the models, by name."""
        with _errors(self.address):
            return sorted(model.name for model in self._client.search_registered_models())

    def champion(self, name: str) -> Version | None:
        """Finds the version that is served; None where there is none."""
        return next((version for version in self.versions(name) if version.champion), None)

    def fetch_champion(self, name: str, folder: Path) -> Champion:
        """Copies the champion's bundle into a run.

        Args:
            name: the model.
            folder: receives `champion.json`, and the bundle where there is one.

        Returns:
            Which version is champion.

        Raises:
            RegistryError: the registry names a bundle that is not there.
        """
        found = self.champion(name)
        champion = Champion(version=found.number if found else None)
        champion.write(folder)
        if found:
            source = Path(found.bundle)
            if not source.is_dir():
                msg = (
                    f"version {found.number} of {name!r} is champion, but its bundle "
                    f"{found.bundle!r} is gone: roll back to a version whose bundle is there"
                )
                raise RegistryError(msg)
            shutil.copytree(source, folder / BUNDLE, dirs_exist_ok=True)
            read(folder / BUNDLE)
        return champion

    def register(self, manifest: Manifest, bundle: str) -> int:
        """Registers a bundle; the same run registers once, however often it asks.

        Args:
            manifest: the bundle's.
            bundle: where it lies, a path or an address that outlives the run.

        Returns:
            The version.
        """
        for version in self.versions(manifest.name):
            if version.tags.get(_RUN_TAG) == manifest.run_id:
                return version.number
        with _errors(self.address):
            self._ensure_model(manifest.name)
            run = self._log_run(manifest)
            made = self._client.create_model_version(
                manifest.name, source=bundle, run_id=run, tags=_tags(manifest)
            )
        return int(made.version)

    def crown(self, name: str, version: int) -> None:
        """Moves the champion's alias to a version."""
        with _errors(self.address):
            self._client.set_registered_model_alias(name, ALIAS, str(version))

    def _crowned(self, name: str) -> int | None:
        from mlflow.exceptions import MlflowException

        try:
            return int(self._client.get_model_version_by_alias(name, ALIAS).version)
        except MlflowException as exc:
            if exc.error_code in _MISSING:
                return None
            raise

    def _ensure_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as exc:
            if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _log_run(self, manifest: Manifest) -> str:
        from mlflow.entities import Metric

        experiment = self._client.get_experiment_by_name(manifest.name)
        if experiment:
            experiment_id = experiment.experiment_id
        else:
            # Nothing is stored there; without a place MLflow would make ./mlruns where it runs.
            place = (
                f"{_file(self.address).parent.as_uri()}/mlflow" if _is_file(self.address) else None
            )
            experiment_id = self._client.create_experiment(manifest.name, artifact_location=place)
        run = self._client.create_run(
            experiment_id, run_name=manifest.run_id, tags=_tags(manifest)
        ).info.run_id
        metrics = [
            Metric(f"{part}.{name}", interval.value, 0, 0)
            for part, found in manifest.metrics.items()
            for name, interval in found.items()
            if interval.value == interval.value
        ]
        self._client.log_batch(run, metrics=metrics)
        self._client.set_terminated(run)
        return str(run)


def _tags(manifest: Manifest) -> dict[str, str]:
    return {
        _RUN_TAG: manifest.run_id,
        "kubeloop.trained_at": manifest.trained_at,
        "kubeloop.fingerprint": manifest.data.fingerprint,
        "kubeloop.revision": manifest.revision,
        "kubeloop.task": manifest.task,
        "kubeloop.runtime": manifest.runtime,
    }


def _is_file(address: str) -> bool:
    return address.startswith("sqlite:///")


def _file(address: str) -> Path:
    return Path(unquote(urlsplit(address).path.removeprefix("/")))


@contextmanager
def _first_use(address: str) -> Iterator[None]:
    """Lets one process at a time make or migrate the tables of a file."""
    if not _is_file(address):
        yield
        return
    import fcntl

    path = _file(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _errors(address: str) -> Iterator[None]:
    """Turns MLflow's and the database's errors into one sentence that names the registry."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as exc:
        # MLflow lets errors of SQLAlchemy, requests and its own through, with no common base.
        first = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        msg = f"the registry {_without_password(address)!r} failed: {first}"
        raise RegistryError(msg) from exc


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    if parts.password is None:
        return address
    return parts._replace(netloc=f"{parts.username}:***@{parts.hostname}").geturl()
