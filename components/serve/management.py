"""Loading and unloading by request, which the local engine alone allows."""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from components.errors import BundleError, StateError
from components.serve.document import parse_object
from components.serve.limits import Limits
from components.serve.refusal import RefusalError, clipped, shown
from components.serve.repository import Loaded, Repository
from components.serve.wire import Receive, Reply, check_type, error_reply, read_body


class Management:
    """Answers `/v2/repository/models/NAME/{load,unload}`."""

    def __init__(self, repository: Repository | None, limits: Limits) -> None:
        """Keeps what loads.

        Args:
            repository: None where clients may not load, as on every cluster.
            limits: bounds the body.
        """
        self._repository = repository
        self._limits = limits

    async def reply(self, name: str, verb: str, headers: dict[str, str], receive: Receive) -> Reply:
        """Loads or unloads a model in a thread, so that requests are answered meanwhile.

        Args:
            name: the model.
            verb: load or unload.
            headers: by lower-case name.
            receive: brings the body.

        Returns:
            200, or why not: 403 where clients may not, 400 for a malformed body, 404 for a name
            that is not there, 409 for a bundle that was refused.
        """
        repository = self._repository
        if repository is None:
            return error_reply(403, "models are loaded by request only with a state folder")
        try:
            body = await read_body(headers, receive, self._limits)
            if verb == "unload":
                known = await asyncio.to_thread(repository.unload, name)
                if not known:
                    return error_reply(404, f"model {clipped(name)} does not exist")
                return Reply(200, orjson.dumps({"name": name, "unload": True}))
            check_type(headers, "application/json")
            folder, version = _bundle(parse_object(body or b""))
            loaded = await asyncio.to_thread(repository.load, folder, version, name)
        except RefusalError as refusal:
            return error_reply(refusal.status, str(refusal))
        except (BundleError, StateError, OSError) as exc:
            return error_reply(409, str(exc))
        return Reply(200, orjson.dumps(_answer(loaded)))


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
