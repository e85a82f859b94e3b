"""Puts back what was served before a run that ended early; by itself, or by the next run.

A run writes into its model's lock what was served when it began, and takes that out again at its
end. A lock that still holds a note belongs to a run that was killed.
"""

import json
import os
from pathlib import Path
from typing import IO, Any

from components.deploy import model_server
from components.deploy.rollout import roll_out
from components.spec import Spec
from pipelines.local.services import Services
from pipelines.local.state import State


def note(lock: IO[str], document: dict[str, Any] | None) -> None:
    """Keeps in the lock's file what the next run must know if this one is killed."""
    lock.truncate(0)
    if document is not None:
        lock.write(json.dumps(document))
    lock.flush()
    os.fsync(lock.fileno())


def holder(note: str) -> str:
    """Reads from the lock's note which run holds it; a run that has just begun has none yet."""
    return str(json.loads(note)["run"]) if note else ""


def recover(name: str, lock: IO[str], state: State, services: Services) -> None:
    """Takes back what a killed run had loaded and not crowned."""
    lock.seek(0)
    text = lock.read()
    if not text:
        return
    take_back(name, json.loads(text)["before"], state, services)


def take_back(name: str, before: dict[str, Any] | None, state: State, services: Services) -> None:
    """Puts back what was served before, unless what is served now was crowned."""
    now = state.serving(name)
    if now == before:
        return
    from components.register.registry import Registry

    champion = Registry(state.registry).champion(name)
    if now and champion and champion.number == now["version"]:
        return
    services.await_ready(state.logs)
    if before is None:
        model_server.unload(services.serving, name)
    else:
        model_server.load(services.serving, name, Path(before["path"]), before["version"])


def ensure_served(spec: Spec, state: State, services: Services) -> None:
    """Brings the champion into service where it is not: a kept champion is to be served.

    Raises:
        DeployError: the champion does not prove itself any more.
    """
    from components.register.registry import Registry

    now = state.serving(spec.name)
    if now is not None:
        return
    champion = Registry(state.registry).champion(spec.name)
    if champion is not None:
        bundle, number = Path(champion.bundle), champion.number
        roll_out(spec, bundle, number, services.serving, services.monitor)
