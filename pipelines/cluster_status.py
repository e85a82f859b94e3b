"""What is served on a cluster, and what was run there: `kubeloop status --serving kserve://…`.

KServe says what is served, the registry which versions there are, the monitor how they fare, and
Kubeflow what was run. Only the first has to be reachable: what the others cannot say is left out,
and said to be.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from components.deploy.kserve.status import Observed, Variant, observe, observe_all
from components.errors import RegistryError, StateError
from components.register.registry import Registry, Version
from pipelines.history import version_table
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.place import Place
from pipelines.screen import open_console
from pipelines.watch import Watch

_RUNS: Final = 5
# Five pages: where others run a lot, older runs of a model are not looked for.
_LOOKED_AT: Final = 500
# Of what `observe` says.
_UNDER_WAY: Final = ("rolling out", "putting back")


@dataclass(frozen=True)
class Sources:
    """Where the parts of a status come from; empty and None for what is not asked.

    Attributes:
        namespace: where models are served.
        registry: as this machine reaches it.
        monitor: as this machine reaches it.
        place: of Kubeflow Pipelines.
    """

    namespace: str
    registry: str = ""
    monitor: str = ""
    place: Place | None = None


def show_cluster_status(sources: Sources, name: str | None) -> None:
    """Prints models with versions, what is served and how it fares, and the last runs.

    It writes nothing.

    Args:
        sources: where it is asked.
        name: one model; None for all.

    Raises:
        StateError: there is no such model.
        DeployError: the cluster cannot be asked.
    """
    served = _observe(name, sources.namespace)
    versions, no_versions = _read_versions(sources.registry, name, served)
    names = sorted({*served, *versions})
    if name and name not in served and not versions.get(name):
        where = no_versions or ("" if sources.registry else "--registry URL asks for what is not")
        msg = f"no model {name!r} is served in namespace {sources.namespace!r}"
        raise StateError(f"{msg}; {where}" if where else msg)
    if not names:
        print(f"no model in namespace {sources.namespace!r}; kubeloop submit SPEC makes one")
    runs, no_runs = _read_runs(sources.place, names)
    console = open_console()
    for model in names:
        found = served.get(model)
        _print_served(console, model, found)
        if model in versions:
            number = found.version if found else None
            console.print(version_table(versions[model], number, lambda version: version.bundle))
        for line in Watch(sources.monitor).lines(model) if sources.monitor else ():
            console.print(Text(f"  {line}"))
        for line in runs.get(model, ()):
            console.print(f"  {line}", markup=False)
    for reason in filter(None, (no_versions, no_runs)):
        console.print(Text(reason))


def _observe(name: str | None, namespace: str) -> Mapping[str, Observed]:
    if name is None:
        return {found.name: found for found in observe_all(namespace)}
    one = observe(name, namespace)
    return {name: one} if one else {}


def _print_served(console: Console, name: str, found: Observed | None) -> None:
    console.print(Text.assemble((name, "bold"), f"  {_served_text(found)}"))
    if found is None:
        return
    for variant in found.variants:
        console.print(f"  {_variant_text(variant)}", markup=False)
    if found.reason:
        console.print(f"  {found.reason}", markup=False)
    if found.deployer:
        console.print(f"  being deployed by {found.deployer}", markup=False)
    elif found.phase in _UNDER_WAY:
        console.print("  a deployment was killed in the middle: the next one clears what it left")
    if found.endpoint:
        console.print(f"  {found.endpoint}", markup=False)


def _served_text(found: Observed | None) -> str:
    if found is None:
        return "nothing is served"
    state = f"version {found.version} is served" if found.ready else "nothing answers"
    if found.candidate is not None:
        state += f", version {found.candidate} is a candidate"
    return f"{state} ({found.phase})" if found.phase in _UNDER_WAY else state


def _variant_text(variant: Variant) -> str:
    pods = f"{variant.pods} pod{'' if variant.pods == 1 else 's'} ready"
    line = f"version {variant.version}  {variant.traffic:>3} %  {pods}"
    return f"{line}; {variant.reason}" if variant.reason else line


def _read_versions(
    address: str, name: str | None, served: Collection[str]
) -> tuple[dict[str, list[Version]], str]:
    """Versions by model, of what is served and what is registered; or why there are none."""
    if not address:
        return {}, ""
    registry = Registry(address)
    try:
        names = {name} if name else {*served, *registry.names()}
        return {model: registry.versions(model) for model in names}, ""
    except RegistryError as exc:
        return {}, f"versions are not shown: {exc}"


def _read_runs(place: Place | None, models: Collection[str]) -> tuple[dict[str, list[str]], str]:
    """The newest runs by model, a line each; or why there are none."""
    found: dict[str, list[str]] = {model: [] for model in models}
    if place is None or not models:
        return found, ""
    try:
        kubeflow = Kubeflow(place)
        runs = kubeflow.pages(
            "list runs",
            "runs.run_service_list_runs",
            "runs",
            sort_by="created_at desc",
            **kubeflow.scope,
        )
        for run in islice(runs, _LOOKED_AT):
            lines = found.get(_model_of(run))
            if lines is not None and len(lines) < _RUNS:
                lines.append(f"{run.display_name}  {str(run.state).lower()}")
            if all(len(each) == _RUNS for each in found.values()):
                break
    except KubeflowError as exc:
        return found, f"runs are not shown: {exc}"
    return found, ""


def _model_of(run: Any) -> str:
    """The model that a run trains, by its spec; empty where it is none of Kubeloop's.

    Names tell it not: `remote-one` holds `one`.
    """
    parameters = (run.runtime_config and run.runtime_config.parameters) or {}
    try:
        return str(json.loads(str(parameters.get("spec")))["name"])
    except (ValueError, TypeError, KeyError):
        return ""
