"""The steps from nothing to a cluster with Kubeloop in it, in their order.

Each says by which commands it is done. Those of the platform and of the overlay stand in the
comments of their kustomizations and are read from there, so that a user who follows the manifests
does the same. Every step may be done again: the commands find what is there, and none names an
InferenceService.
"""

from dataclasses import dataclass
from pathlib import Path

from components.errors import SpecError
from components.revision import VERSION
from pipelines.cluster.commands import ROOT, Command, read_commands

NAME = "kubeloop"
"""The cluster's name in kind-config.yaml."""
KUBECTL = f"kubectl --context kind-{NAME}"
"""How a user's own command for it begins: kind names the context so."""
CONFIG = "kind-config.yaml"
OVERLAY = "manifests/overlays/kind"
IMAGES = (
    f"kubeloop/pipeline:{VERSION}",
    f"kubeloop/serve:{VERSION}",
    f"kubeloop/serve:{VERSION}-skops",
    f"kubeloop/monitor:{VERSION}",
)


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: by which it is called alone.
        what: what it brings, for a screen.
        commands: by which it is done, in their order.
    """

    name: str
    what: str
    commands: tuple[Command, ...]

    @property
    def makes_cluster(self) -> bool:
        """Whether its first command makes the cluster, which is left out where there is one."""
        return self.name == "kind"


def all_steps(root: Path = ROOT) -> tuple[Step, ...]:
    """Returns every step in its order.

    Args:
        root: the checkout.

    Raises:
        ClusterError: this is none.
    """
    return (
        _step(
            "kind",
            "a Kubernetes of one node, in a container",
            f"kind create cluster --config {CONFIG}",
            "kubectl wait --for=condition=Ready --timeout=5m node --all",
        ),
        _step(
            "images",
            "Kubeloop's images, built and brought into the node",
            "make images",
            f"kind load docker-image --name {NAME} {' '.join(IMAGES)}",
        ),
        *_platform(root / "manifests" / "platform"),
        Step(
            "overlay",
            "Kubeloop: monitor, registry, serving runtimes, rules and dashboards",
            read_commands(root / OVERLAY / "kustomization.yaml"),
        ),
        _step(
            "pipelines",
            "the compiled pipelines",
            "kubeloop compile --native | kubectl apply -f -",
            "kubeloop compile --native --pipeline scoring | kubectl apply -f -",
        ),
    )


def chosen(names: list[str], first: str = "") -> tuple[Step, ...]:
    """Returns the steps that were asked for, in their order.

    Args:
        names: of single steps; empty for all.
        first: with which to begin; empty for the first.

    Raises:
        SpecError: there is no such step, or all of them come before the first.
        ClusterError: this is no checkout.
    """
    steps = all_steps()
    known = [step.name for step in steps]
    for name in (*names, first):
        if name and name not in known:
            msg = f"there is no step {name!r}: the steps are {', '.join(known)}"
            raise SpecError(msg)
    if first:
        steps = steps[known.index(first) :]
    found = tuple(step for step in steps if not names or step.name in names)
    if not found:
        msg = f"nothing is left to do: {', '.join(names)} comes before {first!r}"
        raise SpecError(msg)
    return found


def _platform(folder: Path) -> tuple[Step, ...]:
    """The platform's steps, named as their folders are, without the number."""
    found = sorted(path for path in folder.glob("[0-9][0-9]-*") if path.is_dir())
    return tuple(
        Step(path.name[3:], f"manifests/platform/{path.name}", _commands_of(path)) for path in found
    )


def _commands_of(folder: Path) -> tuple[Command, ...]:
    return read_commands(folder / "kustomization.yaml")


def _step(name: str, what: str, *lines: str) -> Step:
    return Step(name, what, tuple(Command.parse(line) for line in lines))
