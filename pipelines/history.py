"""What was run and is served on this machine: `kubeloop status` and `clean`."""

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from components.errors import StateError
from components.monitor.retraining.leftovers import find_leftovers
from components.register.registry import Registry
from components.register.version import Version
from pipelines.local.state import State, damaged, open_state, read_json, read_state
from pipelines.screen import open_console, print_table
from pipelines.watch import find_watch


def show_status(folder: Path, name: str | None) -> None:
    """Prints models with versions, what is served and how it fares, and the last runs.

    It writes nothing. Drift, quality, alerts and retraining are those of the running monitor.

    Args:
        folder: the state folder.
        name: one model; None for all.

    Raises:
        StateError: the folder holds nothing, or no such model; or a file of it is damaged.
    """
    state = read_state(folder)
    registry = Registry(state.registry)
    names = [name] if name else registry.names()
    if not names:
        print(f"no model in {state.root}; kubeloop run SPEC makes one")
    console = open_console()
    watched = find_watch(state)
    for model in names:
        versions = registry.versions(model)
        runs = _runs(state, model)
        if not versions and not runs:
            msg = f"no model {model!r} in {str(state.root)!r}: {_known(registry.names())}"
            raise StateError(msg)
        served = state.serving(model)
        console.print(Text.assemble((model, "bold"), f"  {_served_text(served)}"))
        number = int(served["version"]) if served else None
        print_versions(console, versions, number, _bundle_there, below=("run",))
        for line in watched.lines(model):
            console.print(Text(f"  {line}"))
        for run, result in runs[:5]:
            stage = (result.get("error") or {}).get("stage", "")
            console.print(f"  {run.name}  {result['status']}  {stage}".rstrip(), markup=False)


def clean_runs(folder: Path, keep: int) -> None:
    """Removes old runs, and what the retraining runs that the monitor started have left.

    Args:
        folder: the state folder.
        keep: how many of the newest runs of each model stay; so does each run whose bundle is
            served, is champion, or was champion before it. Of retraining runs those stay too that
            have not ended, or whose end the monitor has not taken note of.

    Raises:
        StateError: the folder holds nothing, or a file of it is damaged.
        StoreError: the monitor's store cannot be read.
    """
    state = open_state(read_state(folder).root)
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
    leftovers = find_leftovers(state.root, state.monitor_store, keep)
    for leftover in leftovers:
        shutil.rmtree(leftover)
    if leftovers:
        print(f"removed what {len(leftovers)} retraining runs left")


def _needed(state: State) -> list[Path]:
    """Bundles that must stay: served, champion, and the one to roll back to."""
    serving = [state.serving(path.stem) for path in (state.root / "serving").glob("*.json")]
    needed = [Path(served["path"]) for served in serving if served]
    registry = Registry(state.registry)
    for name in registry.names():
        versions = registry.versions(name)
        crowned = next((v for v in versions if v.champion), None)
        if crowned:
            # Newest first: the other one is what `rollback` chooses.
            before = [v for v in versions if v.number < crowned.number and v.was_champion]
            needed += [Path(v.bundle) for v in (crowned, *before[:1])]
    return needed


def _is_young(run: Path) -> bool:
    """A run without a result is under way, or was killed; after a day it was killed."""
    age = datetime.now(UTC).timestamp() - run.stat().st_mtime
    return age < 24 * 3600


def _runs(state: State, name: str) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted(state.runs.glob("*/result.json"), reverse=True):
        if path.parent.is_symlink():
            continue
        result = read_json(path)
        if not isinstance(result, dict) or not {"name", "status"} <= result.keys():
            raise damaged(path, "expected a run's name and status")
        if result["name"] == name:
            found.append((path.parent, result))
    return found


def print_versions(
    console: Console,
    versions: list[Version],
    served: int | None,
    bundle: Callable[[Version], str],
    *,
    below: Sequence[str],
) -> None:
    """Prints a model's versions, for either engine: a row for each.

    Args:
        console: where.
        versions: as the registry lists them.
        served: the one that is served; None for none.
        bundle: says of a version where its bundle is.
        below: of `run` and `bundle`, what leaves the row in a narrow terminal, as `print_table`
            takes it.
    """
    rows = []
    for version in versions:
        marks = ["champion"] * version.champion
        marks += ["served"] * (version.number == served)
        rows.append(
            (
                str(version.number),
                ", ".join(marks),
                version.tags.get("kubeloop.trained_at", ""),
                version.tags.get("kubeloop.run_id", ""),
                bundle(version),
            )
        )
    print_table(console, ("version", "", "trained", "run", "bundle"), rows, below=below)


def _bundle_there(version: Version) -> str:
    return "there" if Path(version.bundle).is_dir() else "gone"


def _served_text(served: dict[str, Any] | None) -> str:
    return f"version {served['version']} is served" if served else "nothing is served"


def _known(names: list[str]) -> str:
    return f"it has {', '.join(names)}" if names else "it has none yet"
