"""What was run and is served: `kubeloop status`, `rollback` and `clean`."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from components.bundle import read
from components.deploy import model_server, rollout
from components.errors import DeployError, StateError
from components.register.registry import Registry, Version
from components.spec import from_json
from pipelines.local.services import running
from pipelines.local.state import State, open_state, read_json


def show_status(folder: Path, name: str | None) -> None:
    """Prints models with their versions, what is served, and the last runs.

    Args:
        folder: the state folder.
        name: one model; None for all.

    Raises:
        StateError: the folder holds nothing, or no such model.
    """
    state = _existing(folder)
    registry = Registry(state.registry)
    names = [name] if name else registry.names()
    if not names:
        print(f"no model in {state.root}; kubeloop run SPEC makes one")
    console = Console(highlight=False, soft_wrap=True)
    for model in names:
        versions = registry.versions(model)
        runs = _runs(state, model)
        if not versions and not runs:
            msg = f"no model {model!r} in {str(state.root)!r}: {_known(registry.names())}"
            raise StateError(msg)
        served = state.serving(model)
        console.print(f"[bold]{model}[/bold]  {_served_text(served)}")
        console.print(_version_table(versions, served))
        for run, result in runs[:5]:
            error = f"  {result['error']['stage']}" if result.get("error") else ""
            console.print(f"  {run.name}  {result['status']}{error}", markup=False)


def roll_back(folder: Path, name: str, to: int | None) -> None:
    """Puts an earlier version back into service and makes it champion.

    It goes the way of any deployment: loaded beside the served one, proved on its golden rows,
    swapped. If the proof fails, what was served stays.

    Args:
        folder: the state folder.
        name: the model.
        to: the version; None for the newest one before the champion.

    Raises:
        StateError: there is no such version, or its bundle is gone.
        DeployError: the version did not prove itself.
    """
    state = _existing(folder)
    registry = Registry(state.registry)
    chosen = _choose(registry.versions(name), name, to)
    bundle = Path(chosen.bundle)
    spec = from_json(_spec_text(bundle))
    with state.model_lock(name, lambda _: print("waiting for a run of this model to end")):
        before = state.serving(name)
        with running(state, {}) as services:
            services.await_ready(state.logs)
            proof = rollout.roll_out(
                spec, bundle, chosen.number, services.serving, services.monitor
            )
            try:
                registry.crown(name, chosen.number)
            except BaseException:
                _restore(services.serving, name, before)
                raise
    replaced = f", replacing version {proof.replaced}" if proof.replaced else ""
    print(f"{name} version {chosen.number} is champion and served{replaced}")


def clean_runs(folder: Path, keep: int) -> None:
    """Removes old runs.

    Args:
        folder: the state folder.
        keep: how many of the newest runs of each model stay; so does each run whose bundle is
            served, is champion, or is the version before the champion.
    """
    state = _existing(folder)
    needed = _needed(state)
    removed = 0
    kept_by_model: dict[str, int] = {}
    for run in sorted((r for r in state.runs.iterdir() if not r.is_symlink()), reverse=True):
        model = run.name.split("-", 1)[1].rsplit("-", 1)[0] if "-" in run.name else ""
        kept_by_model[model] = kept_by_model.get(model, 0) + 1
        if kept_by_model[model] <= keep or any(place.is_relative_to(run) for place in needed):
            continue
        if not (run / "result.json").exists() and _is_young(run):
            continue
        shutil.rmtree(run)
        removed += 1
    for link in (entry for entry in state.runs.iterdir() if entry.is_symlink()):
        if not link.exists():
            link.unlink()
    print(f"removed {removed} runs")


def _needed(state: State) -> list[Path]:
    """Bundles that must stay: served, champion, and the one to roll back to."""
    needed = [Path(read_json(p)["path"]) for p in (state.root / "serving").glob("*.json")]
    registry = Registry(state.registry)
    for name in registry.names():
        versions = registry.versions(name)
        for index, version in enumerate(versions):
            if version.champion:
                needed += [Path(v.bundle) for v in versions[index : index + 2]]
    return needed


def _is_young(run: Path) -> bool:
    """A run without a result is under way, or was killed; after a day it was killed."""
    age = datetime.now(UTC).timestamp() - run.stat().st_mtime
    return age < 24 * 3600


def _existing(folder: Path) -> State:
    if not (folder / "state.json").exists():
        msg = f"no state folder at {str(folder)!r}: kubeloop run SPEC makes one"
        raise StateError(msg)
    return open_state(folder)


def _choose(versions: list[Version], name: str, to: int | None) -> Version:
    """Finds the version to roll back to; the versions come newest first."""
    numbers = ", ".join(str(v.number) for v in versions) or "none"
    if to is not None:
        chosen = next((v for v in versions if v.number == to), None)
    else:
        crowned = next((v.number for v in versions if v.champion), 0)
        chosen = next((v for v in versions if v.number < crowned), None)
    if chosen is None:
        wanted = f"version {to}" if to is not None else "version before the champion"
        msg = f"model {name!r} has no {wanted}: versions are {numbers}"
        raise StateError(msg)
    if not Path(chosen.bundle).is_dir():
        msg = f"the bundle of {name!r} version {chosen.number} is gone: {chosen.bundle!r}"
        raise StateError(msg)
    return chosen


def _spec_text(bundle: Path) -> str:
    import json

    return json.dumps(read(bundle).spec)


def _restore(serving: str, name: str, before: dict[str, Any] | None) -> None:
    if before is None:
        model_server.unload(serving, name)
        return
    try:
        model_server.load(serving, name, Path(before["path"]), before["version"])
    except DeployError as exc:
        msg = f"the registry failed, and version {before['version']} could not be put back: {exc}"
        raise DeployError(msg) from exc


def _runs(state: State, name: str) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted(state.runs.glob("*/result.json"), reverse=True):
        if path.parent.is_symlink():
            continue
        result = read_json(path)
        if result["name"] == name:
            found.append((path.parent, result))
    return found


def _version_table(versions: list[Version], served: dict[str, Any] | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("version", "", "trained", "run", "bundle"):
        table.add_column(column)
    for version in versions:
        marks = ["champion"] * version.champion
        marks += ["served"] * bool(served and served["version"] == version.number)
        table.add_row(
            str(version.number),
            ", ".join(marks),
            version.tags.get("kubeloop.trained_at", ""),
            version.tags.get("kubeloop.run_id", ""),
            "there" if Path(version.bundle).is_dir() else "gone",
        )
    return table


def _served_text(served: dict[str, Any] | None) -> str:
    return f"version {served['version']} is served" if served else "nothing is served"


def _known(names: list[str]) -> str:
    return f"it has {', '.join(names)}" if names else "it has none yet"
