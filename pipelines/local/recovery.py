"""Puts back what was served before a run that ended early; by itself, or by the next run.

Whoever is about to change what is served, a run or a rollback, writes into the model's lock what
was served before, and takes that out again at the end. A lock that still holds a note belongs to
somebody who was stopped or killed.
"""

import json
import os
from pathlib import Path
from typing import IO, Any

from components.deploy.rollout import Served, restore, roll_out
from components.spec import Spec
from pipelines.local.services import Services
from pipelines.local.state import State, check_served, damaged


def note(lock: IO[str], document: dict[str, Any] | None) -> None:
    """Keeps in the lock's file what the next run must know if this one is killed."""
    lock.truncate(0)
    if document is not None:
        lock.write(json.dumps(document))
    lock.flush()
    os.fsync(lock.fileno())


def holder(note: str) -> str:
    """Reads from the lock's note which run holds it; a run that has just begun has none yet."""
    found = _read(note)
    return str(found.get("run", "")) if isinstance(found, dict) else ""


def recover(name: str, lock: IO[str], state: State, services: Services) -> None:
    """Takes back what a killed run had loaded and not crowned.

    Raises:
        StateError: the note is damaged; names its file.
    """
    lock.seek(0)
    found = _read(lock.read())
    if found is None:
        return
    path = Path(lock.name)
    if not isinstance(found, dict) or "before" not in found:
        raise damaged(path, 'expected {"run": …, "before": …}')
    before = None if found["before"] is None else check_served(found["before"], path)
    take_back(name, before, state, services)


def take_back(
    name: str,
    before: dict[str, Any] | None,
    state: State,
    services: Services,
    *,
    loading: bool = False,
) -> None:
    """Puts back what was served before, unless what is served now was crowned.

    Args:
        name: the model.
        before: what was served; None for nothing.
        state: says what is served now, and holds the registry.
        services: the model server is asked to load or unload.
        loading: whether the server may still be at a load that nobody waits for any more. It loads
            one after the other, so that one more load has the last word.

    Raises:
        DeployError: the version before cannot be put back.
        StateError: the model server does not answer.
    """
    if is_settled(name, before, state) and not (loading and state.serving(name) == before):
        return
    services.await_ready(state.logs)
    if before is not None:
        restore(services.serving, name, Served(before["version"], Path(before["path"])))
    elif state.serving(name) is not None:
        restore(services.serving, name, None)


def is_settled(name: str, before: dict[str, Any] | None, state: State) -> bool:
    """Whether nothing is to be taken back: what is served was served before, or was crowned."""
    now = state.serving(name)
    if now == before:
        return True
    champion = _champion(name, state)
    return bool(now and champion and champion.number == now["version"])


def ensure_served(spec: Spec, state: State, services: Services) -> None:
    """Brings the champion into service where it is not: a kept champion is to be served.

    Raises:
        DeployError: the champion does not prove itself any more.
    """
    champion, now = _champion(spec.name, state), state.serving(spec.name)
    if champion is None or (now is not None and now["version"] == champion.number):
        return
    bundle, number = Path(champion.bundle), champion.number
    roll_out(spec, bundle, number, services.serving, services.monitor)


def _champion(name: str, state: State) -> Any:
    from components.register.registry import Registry

    return Registry(state.registry).champion(name)


def _read(note: str) -> Any:
    """Reads a note; None for half a one: who died in writing it had not loaded anything yet."""
    try:
        return json.loads(note)
    except ValueError:
        return None
