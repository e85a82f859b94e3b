"""The commands about models that were trained, on this machine or on a cluster."""

import os
from pathlib import Path
from typing import Annotated

import typer

from components.address import find_fault, is_of_this_machine, without_secrets
from components.errors import SpecError
from components.names import is_dns_label
from pipelines.kubeflow.place import ENDPOINT, find_place
from pipelines.options import (
    DEFAULT_STATE,
    ContextOption,
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
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One model.")] = None,
    state: StateOption = DEFAULT_STATE,
    serving: ServedOption = "",
    context: ContextOption = "",
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
    _check_name(name)
    if not serving:
        stated = {"--context": context, "--registry": registry, "--monitor": monitor}
        stated |= {"--host": host, "--namespace": namespace, "--token-file": str(token_file or "")}
        _refuse_without_serving(stated)
        from pipelines.history import show_status

        show_status(state, name)
        return
    from pipelines.cluster_status import Sources, show_cluster_status

    where = _namespace(serving)
    _require_address("--monitor", monitor)
    _require_registry(registry)
    place = None
    if host or os.environ.get(ENDPOINT):
        place = find_place(host, namespace, token_file, os.environ)
    elif namespace or token_file:
        msg = f"--namespace and --token-file are of Kubeflow: give its --host URL, or {ENDPOINT}"
        raise SpecError(msg)
    show_cluster_status(Sources(where, registry, monitor.rstrip("/"), place, context), name)


@app.command(epilog="Example: kubeloop rollback breast-cancer --to 2")
def rollback(
    name: NameArgument,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="Default: the one before.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    serving: ServedOption = "",
    context: ContextOption = "",
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
    _check_name(name)
    if not serving:
        stated = {"--context": context, "--registry": registry, "--monitor": monitor}
        _refuse_without_serving({**stated, "--spec": str(spec or "")})
        from pipelines.rollback import roll_back

        roll_back(state, name, to)
        return
    where = _namespace(serving)
    _require_address("--monitor", monitor)
    if monitor and is_of_this_machine(monitor):
        msg = (
            f"--monitor {monitor!r} is of this machine: expected the address that pods use, such "
            "as http://NAME.NAMESPACE.svc:PORT"
        )
        raise SpecError(msg)
    if not registry:
        msg = "kubeloop rollback --serving needs --registry URL: it knows the versions"
        raise SpecError(msg)
    _require_registry(registry)
    from components.spec import load
    from pipelines.cluster_rollback import roll_back_cluster

    given = load(spec) if spec else None
    roll_back_cluster(
        name, to, namespace=where, registry=registry, monitor=monitor, context=context, spec=given
    )


@app.command(epilog="Example: kubeloop clean --keep 5")
def clean(
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="Runs to keep for each model.")],
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Remove old runs; what is served, the champion and the version before it stay."""
    from pipelines.history import clean_runs

    clean_runs(state, keep)


def _check_name(name: str | None) -> None:
    """Refuses what can be no model's name, before it becomes a part of an address."""
    if name is not None and not is_dns_label(name):
        msg = (
            f"{name!r:.200} is no model's name: expected a DNS label, at most 63 of a-z, 0-9 and "
            "'-', first and last no '-'"
        )
        raise SpecError(msg)


def _namespace(serving: str) -> str:
    from components.deploy.serving import KServe, read_serving

    found = read_serving(serving)
    if isinstance(found, KServe):
        return found.namespace
    msg = (
        f"serving {without_secrets(serving)!r}: expected kserve://NAMESPACE; a model server of "
        "this machine is that of a state folder, which --state names"
    )
    raise SpecError(msg)


def _require_address(option: str, address: str) -> None:
    fault = find_fault(address) if address else ""
    if fault:
        msg = f"{option} {without_secrets(address)!r}: {fault}; expected http://HOST:PORT"
        raise SpecError(msg)


def _require_registry(address: str) -> None:
    """Refuses what is no registry's address, and a file that is not there and so knows nothing."""
    if not address:
        return
    from components.register.connection import database_file, is_file

    expected = "expected http://HOST:PORT of an MLflow server, or sqlite:////FOLDER/registry.db"
    if is_file(address):
        fault = "" if database_file(address).is_file() else "there is no such file"
    else:
        scheme, colon, rest = address.partition("://")
        # A server may ask for a user and a password, which errors do not show.
        fault = find_fault(f"{scheme}{colon}{rest.rpartition('@')[2]}")
    if fault:
        msg = f"--registry {without_secrets(address)!r}: {fault}; {expected}"
        raise SpecError(msg)


def _refuse_without_serving(stated: dict[str, str]) -> None:
    names = [option for option, value in stated.items() if value]
    if names:
        are = "is" if len(names) == 1 else "are"
        listed = " and ".join(names)
        msg = f"{listed} {are} of a cluster: give --serving kserve://NAMESPACE as well"
        raise SpecError(msg)
