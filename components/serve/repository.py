"""Which models are in service: loading, unloading, and resuming after a restart.

With a state folder every loaded model leaves `<state>/serving/NAME.json`, written whole or not at
all, from which a later start resumes. A bundle that cannot be proved never replaces one that can.
"""

import json
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import BundleError, KubeloopError, StateError
from components.names import is_dns_label
from components.serve.metrics import Metrics
from components.serve.runtime import Model, Models, open_model

_LOG = logging.getLogger(__name__)
FORMAT = 1


@dataclass(frozen=True)
class Loaded:
    """What a load did: the model now in service, and the one it replaced, if there was one."""

    model: Model
    replaced: Model | None


class Repository:
    """Loads models into service, one at a time, beside requests that keep being answered."""

    def __init__(self, models: Models, metrics: Metrics, state: Path | None) -> None:
        """Keeps the models in service and where their state lies.

        Args:
            models: what serves.
            metrics: told which version is in service.
            state: the state folder; without one nothing is remembered.
        """
        self._models = models
        self._metrics = metrics
        self._serving = None if state is None else state / "serving"
        # Resuming holds it throughout, and loads meanwhile.
        self._lock = threading.RLock()

    def load(self, folder: Path, version: int, name: str | None = None) -> Loaded:
        """Verifies, loads and proves a bundle, then puts it in service at once.

        Args:
            folder: the bundle's folder.
            version: the integer that the registry gave it.
            name: what the bundle has to be called; None to take its own name.

        Returns:
            The model now in service, and the one that it replaced.

        Raises:
            BundleError: the bundle was refused; what served before still does.
            StateError: the state could not be written; likewise.
        """
        with self._lock:
            model = open_model(folder, version)
            if name is not None and model.name != name:
                msg = f"bundle {str(folder)!r} holds model {model.name!r}, not {name!r}"
                raise BundleError(msg)
            if not is_dns_label(model.name):
                msg = f"bundle {str(folder)!r}: model name {model.name!r} is no DNS label"
                raise BundleError(msg)
            try:
                self._remember(model, folder)
            except OSError as exc:
                msg = f"cannot write the state of model {model.name!r}: {exc}"
                raise StateError(msg) from exc
            old = self._models.put(model)
            if old is not None:
                self._metrics.retire(old)
            self._metrics.publish(model)
        _LOG.info("loaded model=%s version=%d", model.name, version)
        return Loaded(model, old)

    def unload(self, name: str) -> bool:
        """Takes a model out of service and forgets it.

        Returns:
            Whether the name was known.
        """
        with self._lock:
            known = name in self._models.names()
            if known and self._serving is not None and is_dns_label(name):
                (self._serving / f"{name}.json").unlink(missing_ok=True)
            old = self._models.remove(name)
            if old is not None:
                self._metrics.retire(old)
        if known:
            _LOG.info("unloaded model=%s", name)
        return known

    def expect(self) -> None:
        """Has every model that the state folder remembers answer 503 until it is loaded."""
        for entry in self._entries():
            self._models.expect(entry.stem)

    def resume(self) -> None:
        """Loads what the state folder remembers; a damaged entry never stops the others."""
        # A load by request comes after it, or an older version would take a newer one's place.
        with self._lock:
            for entry in self._entries():
                try:
                    folder, version = _recall(entry)
                    self.load(folder, version, entry.stem)
                except (KubeloopError, OSError) as exc:
                    self._models.failed(entry.stem, str(exc))
                    _LOG.error("cannot resume model=%s: %s", entry.stem, exc)  # noqa: TRY400

    def _entries(self) -> list[Path]:
        return [] if self._serving is None else sorted(self._serving.glob("*.json"))

    def _remember(self, model: Model, folder: Path) -> None:
        if self._serving is None:
            return
        self._serving.mkdir(parents=True, exist_ok=True)
        entry = {"format": FORMAT, "name": model.name, "path": str(folder.resolve())}
        partial = self._serving / f".{model.name}.partial"
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(entry | {"version": model.version}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, self._serving / f"{model.name}.json")
        directory = os.open(self._serving, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _recall(entry: Path) -> tuple[Path, int]:
    """Reads a state entry: the bundle's folder and version."""
    try:
        document: Any = json.loads(entry.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        msg = f"state {str(entry)!r} cannot be read: {exc}"
        raise StateError(msg) from exc
    stated = document.get("format") if isinstance(document, dict) else None
    if isinstance(stated, int) and stated > FORMAT:
        msg = f"state {str(entry)!r} has format {stated}, this version reads up to {FORMAT}: "
        msg += "use a newer Kubeloop"
        raise StateError(msg)
    fine = stated == FORMAT and document.get("name") == entry.stem
    path, version = (document.get("path"), document.get("version")) if fine else (None, None)
    if not isinstance(path, str) or type(version) is not int:
        msg = f"state {str(entry)!r} is damaged: expected name, path and version"
        raise StateError(msg)
    return Path(path), version
