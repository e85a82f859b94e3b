"""Puts an earlier version back into service on this machine: `kubeloop rollback`."""

import json
from pathlib import Path

from components.bundle import read
from components.deploy.rollout import roll_out
from components.errors import KubeloopError, StateError
from components.proof import Proof
from components.register.registry import Registry
from components.register.version import Version
from components.spec import from_json
from pipelines.local.recovery import holder, note, recover, take_back
from pipelines.local.services import Services, running
from pipelines.local.state import open_state, read_state


def roll_back(folder: Path, name: str, to: int | None) -> None:
    """Puts an earlier version back into service and makes it champion.

    It goes the way of any deployment: loaded beside the served one, proved on its golden rows,
    swapped. Whatever ends it early, what was served stays or is put back: by itself, or by the
    next run if it was killed.

    Args:
        folder: the state folder.
        name: the model.
        to: the version; None for the newest one before the champion.

    Raises:
        StateError: there is no such version, or its bundle is gone.
        DeployError: the version did not prove itself.
    """
    state = open_state(read_state(folder).root)
    registry = Registry(state.registry)
    _choose_here(registry.versions(name), name, to)
    with state.model_lock(name, _say_waiting) as lock, running(state, {}) as services:
        # The run that was waited for may have crowned another version.
        chosen = _choose_here(registry.versions(name), name, to)
        services.await_ready(state.logs)
        recover(name, lock, state, services)
        before = state.serving(name)
        note(lock, {"run": f"rollback to version {chosen.number}", "before": before})
        try:
            proof = _crown(registry, name, chosen, services)
        except BaseException as exc:
            # The server goes on with a load that was asked for and is no longer waited for.
            loading = not isinstance(exc, KubeloopError)
            take_back(name, before, state, services, loading=loading)
            raise
        note(lock, None)
    replaced = f", replacing version {proof.replaced}" if proof.replaced else ""
    print(f"{name} version {chosen.number} is champion and served{replaced}")


def _crown(registry: Registry, name: str, chosen: Version, services: Services) -> Proof:
    bundle = Path(chosen.bundle)
    spec = from_json(json.dumps(read(bundle).spec))
    proof = roll_out(spec, bundle, chosen.number, services.serving, services.monitor)
    registry.crown(name, chosen.number)
    return proof


def _say_waiting(held: str) -> None:
    run = holder(held)
    print(f"waiting for another run of this model to end{run and f': {run}'}", flush=True)


def choose(versions: list[Version], name: str, to: int | None, current: int) -> Version:
    """Finds the version to roll back to.

    Args:
        versions: as the registry lists them, newest first.
        name: the model.
        to: the version that was asked for; None for the newest one before the current one that was
            champion, since others did not prove themselves or were put back.
        current: the version to leave; 0 for none.

    Returns:
        The version.

    Raises:
        StateError: there is none; those that there are are named.
    """
    if to is not None:
        fitting = [v for v in versions if v.number == to]
    else:
        fitting = [v for v in versions if v.number < current and v.was_champion]
    chosen = next(iter(fitting), None)
    if chosen is None:
        numbers = ", ".join(str(v.number) for v in versions) or "none"
        wanted = f"version {to}" if to is not None else "champion before this one"
        msg = f"model {name!r} has no {wanted}: versions are {numbers}"
        raise StateError(msg)
    return chosen


def _choose_here(versions: list[Version], name: str, to: int | None) -> Version:
    """Finds the version to roll back to, whose bundle is there."""
    crowned = next((v.number for v in versions if v.champion), 0)
    chosen = choose(versions, name, to, crowned)
    if not Path(chosen.bundle).is_dir():
        msg = f"the bundle of {name!r} version {chosen.number} is gone: {chosen.bundle!r}"
        raise StateError(msg)
    return chosen
