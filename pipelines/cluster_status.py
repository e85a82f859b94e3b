"""What is served on a cluster, and what was run there: `kubeloop status --serving kserve://…`.

KServe says what is served, the registry which versions there are, the monitor how they fare, and
Kubeflow what was run. Only the first has to be reachable: what the others cannot say is left out,
and said to be.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from shlex import quote
from typing import Final

from rich.console import Console
from rich.text import Text

from components.deploy.kserve.namespaces import is_missing
from components.deploy.kserve.status import Observed, Variant, observe, observe_all
from components.errors import StateError
from components.register.version import Version
from pipelines.cluster_runs import Runs
from pipelines.cluster_versions import Versions
from pipelines.history import print_versions
from pipelines.kubeflow.patience import PATIENCE, Waiting
from pipelines.kubeflow.place import Place
from pipelines.screen import open_console
from pipelines.watch import Watch

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
        context: of KUBECONFIG: the cluster that serves; empty for its current one.
    """

    namespace: str
    registry: str = ""
    monitor: str = ""
    place: Place | None = None
    context: str = ""


def show_cluster_status(sources: Sources, name: str | None) -> None:
    """Prints models with versions, what is served and how it fares, and the last runs.

    It writes nothing.

    Args:
        sources: where it is asked.
        name: one model; None for all.

    Raises:
        StateError: there is no such model, or no such namespace.
        DeployError: the cluster cannot be asked.
    """
    served, versions = _observe(name, sources), Versions(sources.registry)
    if not served:
        _require_something(sources, name, versions)
    runs = Runs(sources.place, lambda: set(_in_turn(name, served, versions)))
    page = _Page(sources, versions, runs)
    is_empty = True
    for model in _in_turn(name, served, versions):
        page.show(model, served.get(model))
        is_empty = False
    if is_empty:
        print(f"no model in namespace {sources.namespace!r}; kubeloop submit SPEC makes one")
    for reason in filter(None, (versions.fault, runs.fault)):
        page.console.print(Text(reason))


class _Page:
    """What is shown of each model, from each source in turn."""

    def __init__(self, sources: Sources, versions: Versions, runs: Runs) -> None:
        self.console = open_console()
        self._sources, self._versions, self._runs = sources, versions, runs
        self._watch = Watch(sources.monitor)
        self._waiting = Waiting(sources.monitor, PATIENCE.told_s)

    def show(self, model: str, found: Observed | None) -> None:
        """Prints what the cluster says before the others are asked, who may be silent."""
        _print_served(self.console, model, found)
        self._show_versions(model, found)
        if self._sources.monitor:
            with self._waiting.over("how models fare"):
                lines = self._watch.lines(model)
            for line in lines:
                self.console.print(Text(f"  {line}"))
        for line in self._runs.of(model):
            self.console.print(f"  {line}", markup=False)

    def _show_versions(self, model: str, found: Observed | None) -> None:
        versions = self._versions.of(model)
        if versions:
            number = found.version if found else None
            print_versions(self.console, versions, number, _place_of, below=("bundle", "run"))
        elif self._sources.registry and not self._versions.fault:
            self.console.print("  the registry knows no version of it")


def _in_turn(name: str | None, served: Collection[str], versions: Versions) -> Iterator[str]:
    """The models to show: what is served first, for which the registry need not be asked."""
    if name:
        yield name
        return
    yield from sorted(served)
    yield from sorted(set(versions.names()) - set(served))


def _require_something(sources: Sources, name: str | None, versions: Versions) -> None:
    """Refuses a namespace that is not there, and a model that nobody knows."""
    if is_missing(sources.namespace, context=sources.context):
        kubectl = f"kubectl --context {quote(sources.context)}" if sources.context else "kubectl"
        msg = (
            f"there is no namespace {sources.namespace!r} in this cluster: `{kubectl} get "
            "namespaces` lists those that there are"
        )
        raise StateError(msg)
    if name and not versions.of(name):
        known = "" if sources.registry else "--registry URL shows what is not served, too"
        where = versions.fault or known
        msg = f"no model {name!r} is served in namespace {sources.namespace!r}"
        raise StateError(f"{msg}; {where}" if where else msg)


def _place_of(version: Version) -> str:
    return version.bundle


def _observe(name: str | None, sources: Sources) -> Mapping[str, Observed]:
    namespace, context = sources.namespace, sources.context
    # What its import takes is no waiting for the cluster.
    import_module("kubernetes.client")
    with Waiting("the cluster", PATIENCE.told_s).over("read what it serves"):
        if name is None:
            return {found.name: found for found in observe_all(namespace, context=context)}
        one = observe(name, namespace, context=context)
        return {name: one} if one else {}


def _print_served(console: Console, name: str, found: Observed | None) -> None:
    console.print(Text.assemble((name, "bold"), f"  {_served_text(found)}"))
    if found is None:
        return
    for variant in found.variants:
        console.print(f"  {_variant_text(variant)}", markup=False)
    # Where a version is not ready its own line has said why.
    if found.reason and all(found.reason != variant.reason for variant in found.variants):
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
