"""The model registry: MLflow, in a file on one machine and behind a server on a cluster.

The alias `champion` means what is served. A version keeps its lineage and metrics as tags of the
version and as an MLflow run, so that MLflow's own pages show them.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from components.bundle import Manifest, read
from components.champion import BUNDLE, Champion
from components.errors import RegistryError
from components.proof import Proof
from components.register.connection import (
    RUN,
    Patience,
    database_file,
    errors,
    is_file,
    open_client,
)
from components.register.stored import fetch_bundle
from components.register.version import CROWNED_TAG, RUN_TAG, Version, tags_of, version_of

ALIAS = "champion"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Registry:
    """A registry at an address.

    Args:
        address: `sqlite:////abs/registry.db` (percent escapes are decoded), or an MLflow server's
            `http://…`. A file is made by the first registration; until then it holds nothing, and
            asking costs no import of MLflow. Every method raises `RegistryError` where it fails.
        patience: with a server; `connection.PERSON` where somebody looks at a terminal.
    """

    def __init__(self, address: str, patience: Patience = RUN) -> None:
        """Remembers the address; it is opened at the first question that needs an answer."""
        self.address, self._patience = address, patience

    @cached_property
    def _client(self) -> Any:
        return open_client(self.address, self._patience)

    def versions(self, name: str) -> list[Version]:
        """Lists a model's versions, newest first; empty where the model is unknown."""
        if self._is_unused():
            return []
        with errors(self.address):
            # A DNS label holds no quote, so the filter cannot be escaped.
            found = _all(partial(self._client.search_model_versions, f"name='{name}'"))
            crowned = self._crowned(name)
        number = int(crowned.version) if crowned else None
        versions = [version_of(entry, number) for entry in found]
        return sorted(versions, key=lambda version: -version.number)

    def names(self) -> list[str]:
        """Lists the models, by name."""
        if self._is_unused():
            return []
        with errors(self.address):
            return sorted(model.name for model in _all(self._client.search_registered_models))

    def champion(self, name: str) -> Version | None:
        """Finds the version that is served; None where there is none."""
        if self._is_unused():
            return None
        with errors(self.address):
            crowned = self._crowned(name)
        return version_of(crowned, int(crowned.version)) if crowned else None

    def fetch_champion(self, name: str, folder: Path) -> Champion:
        """Copies the champion's bundle into a run.

        Args:
            name: the model.
            folder: receives `champion.json`, and the bundle where there is one.

        Returns:
            Which version is champion.

        Raises:
            RegistryError: the registry names a bundle that is not there, or cannot be fetched.
        """
        # Before it is asked: what comes into service from now on is later.
        at = datetime.now(UTC)
        found = self.champion(name)
        champion = Champion(version=found.number if found else None, at=at)
        champion.write(folder)
        if found:
            about = f"version {found.number} of {name!r} is champion"
            fetch_bundle(found.bundle, folder / BUNDLE, about)
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
            if version.tags.get(RUN_TAG) == manifest.run_id:
                return version.number
        with errors(self.address):
            self._ensure_model(manifest.name)
            run = self._log_run(manifest)
            made = self._client.create_model_version(
                manifest.name, source=bundle, run_id=run, tags=tags_of(manifest)
            )
        return int(made.version)

    def crown(self, name: str, version: int) -> None:
        """Moves the champion's alias to a version, whatever it is on."""
        with errors(self.address):
            now = datetime.now(UTC).isoformat()
            self._client.set_model_version_tag(name, str(version), CROWNED_TAG, now)
            self._client.set_registered_model_alias(name, ALIAS, str(version))

    def succeed(self, proof: Proof) -> None:
        """Moves the champion's alias to a version that a run has put into service.

        What was champion before is replaced, whatever it was: deploy has seen to it that a run
        replaces what it was compared with. What was made champion after that is served now.

        Args:
            proof: of its deployment.

        Raises:
            RegistryError: a rollback or another run has made another version champion since, and
                that it stays.
        """
        found = self.champion(proof.name)
        since = found.crowned if found else None
        if found and since and found.number != proof.version and since > proof.at:
            msg = (
                f"version {proof.version} of {proof.name!r} is not made champion: version "
                f"{found.number} was made it since that one came into service, by a rollback or "
                f"another run; see `kubeloop status {proof.name}` for what is served"
            )
            raise RegistryError(msg)
        self.crown(proof.name, proof.version)

    def _is_unused(self) -> bool:
        """Whether the registry is a file that nobody has made yet: then it holds nothing."""
        return is_file(self.address) and not database_file(self.address).exists()

    def _crowned(self, name: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(name, ALIAS)
        except MlflowException as exc:
            if exc.error_code in _MISSING:
                return None
            raise

    def _ensure_model(self, name: str) -> None:
        _unless_there(partial(self._client.create_registered_model, name))

    def _log_run(self, manifest: Manifest) -> str:
        from mlflow.entities import Metric

        experiment = self._client.get_experiment_by_name(manifest.name)
        if not experiment:
            # Nothing is stored there; without a place MLflow would make ./mlruns where it runs.
            file = database_file(self.address) if is_file(self.address) else None
            place = f"{file.parent.as_uri()}/mlflow" if file else None
            make = partial(self._client.create_experiment, manifest.name, artifact_location=place)
            _unless_there(make)
            experiment = self._client.get_experiment_by_name(manifest.name)
        run = self._client.create_run(
            experiment.experiment_id, run_name=manifest.run_id, tags=tags_of(manifest)
        ).info.run_id
        metrics = [
            Metric(f"{part}.{name}", interval.value, 0, 0)
            for part, found in manifest.metrics.items()
            for name, interval in found.items()
            if math.isfinite(interval.value)
        ]
        self._client.log_batch(run, metrics=metrics)
        self._client.set_terminated(run)
        return str(run)


def _all(search: Callable[..., Any]) -> list[Any]:
    """Every page of an MLflow search; one page holds 100 models."""
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _unless_there(create: Callable[[], Any]) -> None:
    """Creates something that another run may have created a moment before."""
    from mlflow.exceptions import MlflowException

    try:
        create()
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
