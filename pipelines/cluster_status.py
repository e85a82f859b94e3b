"""What is served on a cluster, and what was run there: `kubeloop status --serving kserve://…`.

KServe says what is served, the registry which versions there are, the monitor how they fare, and
Kubeflow what was run. Only the first has to be reachable: what the others cannot say is left out,
and said to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from components.deploy.kserve.status import Observed, Variant, observe, observe_all
from components.errors import StateError
from components.register.registry import Registry
from pipelines.history import version_table
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.place import Place
from pipelines.screen import open_console
from pipelines.watch import Watch

_RUNS: Final = 5
_PAGE: Final = 50
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
        RegistryError: the registry cannot be asked.
        KubeflowError: Kubeflow cannot be asked.
    """
    registry = Registry(sources.registry) if sources.registry else None
    kubeflow = Kubeflow(sources.place) if sources.place else None
    served = _observe(name, sources.namespace)
    registered = [name] if name else registry.names() if registry else []
    names = sorted({*served, *registered})
    if not names:
        print(f"no model in namespace {sources.namespace!r}; kubeloop submit SPEC makes one")
    console = open_console()
    for model in names:
        versions = registry.versions(model) if registry else []
        found = served.get(model)
        if found is None and not versions:
            where = "" if registry else "; --registry URL asks for what is not served"
            msg = f"no model {model!r} in namespace {sources.namespace!r}{where}"
            raise StateError(msg)
        _print_served(console, model, found)
        if registry:
            number = found.version if found else None
            console.print(version_table(versions, number, lambda version: version.bundle))
        for line in Watch(sources.monitor).lines(model) if sources.monitor else ():
            console.print(Text(f"  {line}"))
        for line in _run_lines(kubeflow, model) if kubeflow else ():
            console.print(f"  {line}", markup=False)


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


def _run_lines(kubeflow: Kubeflow, model: str) -> list[str]:
    """The newest runs that have the model's name as a part of theirs, as those of Kubeloop do."""
    found = kubeflow.call(
        "list runs",
        "runs.run_service_list_runs",
        sort_by="created_at desc",
        page_size=_PAGE,
        **kubeflow.scope,
    )
    mine = [run for run in found.runs or () if _is_of(run, model)]
    return [f"{run.display_name}  {str(run.state).lower()}" for run in mine[:_RUNS]]


def _is_of(run: Any, model: str) -> bool:
    # Of `submit` and the monitor `DATE-…-MODEL-…`, of a schedule what KFP makes of its name.
    name = str(run.display_name)
    return f"-{model}-" in name or name.startswith(model)
