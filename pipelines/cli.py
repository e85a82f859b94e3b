"""The `kubeloop` command: what a user types, and what the exit status then says.

Every command does its imports when it is called, so that `--help` and a misspelt key answer at
once. Errors of the project's own family become one message and an exit status; anything else is a
bug and keeps its traceback.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from components.errors import KubeloopError, SpecError
from components.revision import VERSION
from pipelines import (
    bundle_commands,
    cluster_commands,
    destination,
    doctor_commands,
    model_commands,
    monitor_commands,
    run_commands,
)
from pipelines.interruption import interrupt_on_signals
from pipelines.local.result import Exit
from pipelines.options import (
    DEFAULT_STATE,
    SetOption,
    SpecPath,
    StateOption,
    port_option,
)
from pipelines.standard_output import (
    OutputError,
    complain,
    run_with_output,
    write_document,
)

_HELP = "Close the machine-learning loop: one spec in, a served and watched model out."

app = typer.Typer(
    name="kubeloop",
    help=_HELP,
    epilog="Example: kubeloop run pipelines/specs/breast-cancer.yaml",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.add_typer(bundle_commands.app)
app.add_typer(model_commands.app)
app.add_typer(run_commands.app)
app.add_typer(cluster_commands.app)
app.add_typer(monitor_commands.app)
app.add_typer(doctor_commands.app)


@app.callback(help=_HELP)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=lambda wanted: _print_version(wanted=wanted),
        ),
    ] = False,
) -> None:
    """Shows the help where no command is named."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(f"kubeloop {VERSION}")
        raise typer.Exit


@app.command(epilog="Example: kubeloop run my-spec.yaml --set search.trials=3 --keep")
def run(
    spec: SpecPath,
    overrides: SetOption = None,
    state: StateOption = DEFAULT_STATE,
    fresh: Annotated[
        str,
        typer.Option("--fresh", metavar="ADDRESS", help="Labelled rows since the last run."),
    ] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep server and monitor up until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result alone, as JSON.")
    ] = False,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Start each task cold, as a cluster does.")
    ] = False,
    port: Annotated[int | None, port_option("The server's HTTP port.")] = None,
    grpc_port: Annotated[int | None, port_option("The server's gRPC port.")] = None,
    monitor_port: Annotated[int | None, port_option("The monitor's port.")] = None,
) -> None:
    """Run the whole loop on this machine: train, judge, deploy, ask, watch."""
    from components.spec import load
    from pipelines.fresh import resolve_fresh
    from pipelines.session import Call, run_once

    asked = {"http": port, "grpc": grpc_port, "monitor": monitor_port}
    ports = {name: number for name, number in asked.items() if number is not None}
    loaded = load(spec, overrides or ())
    rows = resolve_fresh(fresh) if fresh else ""
    call = Call(ports, fresh=rows, keep=keep, as_json=as_json, isolated=isolated)
    raise typer.Exit(run_once(loaded, state, call))


@app.command(epilog="Example: kubeloop init data/churn.csv --target Churn > churn.yaml")
def init(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file, glob or sklearn://NAME.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write the spec.")
    ] = None,
) -> None:
    """Look at the data and write a commented spec for it."""
    from pipelines.draft import draft_spec

    if output is None:
        write_document(draft_spec(data, target, Path()))
        return
    if output.exists():
        msg = f"{str(output)!r} is there already: name another file, or remove it"
        raise SpecError(msg)
    destination.check_writable(output)
    destination.write(output, draft_spec(data, target, output.parent))
    print(f"wrote {output}; next: kubeloop check {output}")


@app.command(epilog="Example: kubeloop check my-spec.yaml")
def check(spec: SpecPath, overrides: SetOption = None) -> None:
    """Check the spec, and the data against its contract; nothing is run."""
    from components.spec import load
    from pipelines.check import check_data

    raise typer.Exit(check_data(load(spec, overrides or ())))


@app.command(epilog="Example: kubeloop contract my-spec.yaml")
def contract(
    spec: SpecPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: beside the spec."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write the file anew from the data.")
    ] = False,
) -> None:
    """Write what the columns hold as a contract to edit, or compare the data with it."""
    from pipelines.contract import run_contract

    raise typer.Exit(run_contract(spec, output, update=update))


@app.command(epilog="Example: kubeloop schema > kubeloop.schema.json")
def schema() -> None:
    """Print the spec's JSON Schema, for editors."""
    import json

    from components.spec import schema as describe

    print(json.dumps(describe(), indent=2))


def main() -> NoReturn:
    """Runs the command and turns what it raises into an exit status."""
    interrupt_on_signals()
    sys.exit(run_with_output(_run_command, "kubeloop"))


def _run_command() -> int:
    """Runs the command, says what it raises, and returns the exit status.

    Raises:
        OutputError: what it printed cannot be written.
    """
    try:
        code = app(standalone_mode=False)
    except typer.Exit as exc:
        code = exc.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = Exit.INTERRUPTED
    except OutputError:
        raise
    except KubeloopError as exc:
        _say(str(exc))
        code = Exit.WRONG_CALL if isinstance(exc, SpecError) else Exit.FAILED
    except typer.TyperException as exc:
        _say(f"{exc.format_message()} (see --help)")
        code = Exit.WRONG_CALL
    if code == Exit.INTERRUPTED:
        _say("interrupted")
    return int(code or 0)


def _say(text: str) -> None:
    complain(f"kubeloop: {text}")


if __name__ == "__main__":
    main()
