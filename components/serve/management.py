"""The repository extension: what is there, and loading by request, which the local engine allows.

See Triton's model repository extension, which KServe's V2 protocol refers to.
"""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from components.errors import BundleError, StateError
from components.serve.document import parse_object
from components.serve.limits import Limits
from components.serve.refusal import RefusalError, clipped, shown
from components.serve.repository import Loaded, Repository
from components.serve.runtime import Models
from components.serve.wire import JSON_TYPE, Receive, Reply, check_type, error_reply, read_body


class Management:
    """Answers `/v2/repository/index` and `/v2/repository/models/NAME/{load,unload}`."""

    def __init__(
        self, repository: Repository | None, limits: Limits, models: Models | None = None
    ) -> None:
        """Keeps what loads.

        Args:
            repository: None where clients may not load, as on every cluster.
            limits: bounds the body.
            models: what the index lists.
        """
        self._repository = repository
        self._limits = limits
        self._models = models or Models()

    async def reply(self, name: str, verb: str, headers: dict[str, str], receive: Receive) -> Reply:
        """Loads or unloads a model in a thread, so that requests are answered meanwhile.

        Args:
            name: the model; empty for the index.
            verb: load, unload or index.
            headers: by lower-case name.
            receive: brings the body.

        Returns:
            200, or why not: 403 where clients may not, 400 for a malformed body, 404 for a name
            that is not there, 409 for a bundle that was refused.
        """
        repository = self._repository
        if repository is None and verb != "index":
            return error_reply(403, "models are loaded by request only with a state folder")
        try:
            body = await read_body(headers, receive, self._limits)
            if repository is None or verb == "index":
                return Reply(200, orjson.dumps(self._index(body or b"")))
            if verb == "unload":
                known = await asyncio.to_thread(repository.unload, name)
                if not known:
                    return error_reply(404, f"model {clipped(name)} does not exist")
                return Reply(200, orjson.dumps({"name": name, "unload": True}))
            check_type(headers.get("content-type", JSON_TYPE))
            folder, version = _bundle(parse_object(body or b""))
            loaded = await asyncio.to_thread(repository.load, folder, version, name)
        except RefusalError as refusal:
            return error_reply(refusal.status, str(refusal))
        except (BundleError, StateError, OSError) as exc:
            return error_reply(409, str(exc))
        return Reply(200, orjson.dumps(_answer(loaded)))

    def _index(self, body: bytes) -> list[dict[str, str]]:
        """Lists every known model; only those in service if the body asks `{"ready": true}`."""
        ready = bool(body.strip()) and parse_object(body).get("ready") is True
        entries = []
        for name in self._models.names():
            model = self._models.get(name)
            if model is not None:
                version = str(model.version)
                entries.append({"name": name, "version": version, "state": "READY", "reason": ""})
            elif not ready:
                # Why it failed may name paths, which is for whoever may load alone.
                reason = self._models.reason(name) if self._repository is not None else ""
                entries.append({"name": name, "state": "UNAVAILABLE", "reason": reason})
        return entries


def _answer(loaded: Loaded) -> dict[str, Any]:
    """Says what was loaded, how it proved itself, and what to load to have the old one back."""
    model, old = loaded.model, loaded.replaced
    return {
        "name": model.name,
        "load": True,
        "version": model.version,
        "golden": {"rows": model.proof.rows, "seconds": model.proof.seconds},
        "replaced": {"version": old.version, "path": str(old.folder.resolve())} if old else None,
    }


def _bundle(document: dict[str, Any]) -> tuple[Path, int]:
    """Reads which bundle is to be loaded."""
    parameters = document.get("parameters")
    chosen: dict[str, Any] = parameters if isinstance(parameters, dict) else {}
    path, version = chosen.get("path"), chosen.get("version")
    if not isinstance(path, str) or not Path(path).is_absolute() or "\0" in path:
        msg = f"parameters.path must be the absolute path of a bundle, got {shown(path)}"
        raise RefusalError(msg)
    if type(version) is not int or version < 0:
        msg = f"parameters.version must be a whole number, got {shown(version)}"
        raise RefusalError(msg)
    return Path(path), version
