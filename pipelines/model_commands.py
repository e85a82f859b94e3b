"""The commands about models that were trained, on this machine or on a cluster."""

import os
from pathlib import Path
from typing import Annotated

import typer

from components.errors import SpecError
from pipelines.address import find_fault, without_secrets
from pipelines.kubeflow.place import ENDPOINT, find_place
from pipelines.options import (
    DEFAULT_STATE,
    HostOption,
    NameArgument,
    NamespaceOption,
    StateOption,
    TokenOption,
)

app = typer.Typer()

ServedOption = Annotated[
    str,
    typer.Option(
        "--serving", metavar="URI", help="kserve://NAMESPACE: on the cluster of KUBECONFIG."
    ),
]
RegistryOption = Annotated[
    str, typer.Option(metavar="URL", help="With --serving: as this machine reaches it.")
]


@app.command(epilog="Example: kubeloop status breast-cancer")
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One model.")] = None,
    state: StateOption = DEFAULT_STATE,
    serving: ServedOption = "",
    registry: RegistryOption = "",
    monitor: Annotated[
        str, typer.Option(metavar="URL", help="With --serving: as this machine reaches it.")
    ] = "",
    host: HostOption = "",
    namespace: NamespaceOption = "",
    token_file: TokenOption = None,
) -> None:
    """Show models, versions, what is served, and the last runs.

    Of this machine, or with --serving of a cluster: its runs too, where --host or
    KF_PIPELINES_ENDPOINT names Kubeflow Pipelines.
    """
    if not serving:
        _refuse_without_serving({"--registry": registry, "--monitor": monitor, "--host": host})
        from pipelines.history import show_status

        show_status(state, name)
        return
    from pipelines.cluster_status import Sources, show_cluster_status

    where = _namespace(serving)
    _require_address("--monitor", monitor)
    place = None
    if host or os.environ.get(ENDPOINT):
        place = find_place(host, namespace, token_file, os.environ)
    show_cluster_status(Sources(where, registry, monitor.rstrip("/"), place), name)


@app.command(epilog="Example: kubeloop rollback breast-cancer --to 2")
def rollback(
    name: NameArgument,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="Default: the one before.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    serving: ServedOption = "",
    registry: RegistryOption = "",
    monitor: Annotated[
        str, typer.Option(metavar="URL", help="With --serving: where pods send events.")
    ] = "",
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec", metavar="FILE", help="With --serving: where the bundle cannot be read."
        ),
    ] = None,
) -> None:
    """Put an earlier version back into service, proved as any deployment is."""
    if not serving:
        stated = {"--registry": registry, "--monitor": monitor, "--spec": str(spec or "")}
        _refuse_without_serving(stated)
        from pipelines.rollback import roll_back

        roll_back(state, name, to)
        return
    where = _namespace(serving)
    if not registry:
        msg = "kubeloop rollback --serving needs --registry URL: it knows the versions"
        raise SpecError(msg)
    from components.spec import load
    from pipelines.cluster_rollback import roll_back_cluster

    given = load(spec) if spec else None
    roll_back_cluster(name, to, namespace=where, registry=registry, monitor=monitor, spec=given)


@app.command(epilog="Example: kubeloop clean --keep 5")
def clean(
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="Runs to keep for each model.")],
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Remove old runs; what is served, the champion and the version before it stay."""
    from pipelines.history import clean_runs

    clean_runs(state, keep)


def _namespace(serving: str) -> str:
    from components.deploy.serving import KServe, read_serving

    found = read_serving(serving)
    if isinstance(found, KServe):
        return found.namespace
    msg = (
        f"--serving {without_secrets(serving)!r}: expected kserve://NAMESPACE; a "
        "model server of this machine is that of a state folder, which --state names"
    )
    raise SpecError(msg)


def _require_address(option: str, address: str) -> None:
    fault = find_fault(address) if address else ""
    if fault:
        msg = f"{option} {without_secrets(address)!r}: {fault}; expected http://HOST:PORT"
        raise SpecError(msg)


def _refuse_without_serving(stated: dict[str, str]) -> None:
    names = [option for option, value in stated.items() if value]
    if names:
        msg = f"{' and '.join(names)} is of a cluster: give --serving kserve://NAMESPACE as well"
        raise SpecError(msg)
