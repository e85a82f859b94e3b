"""The commands that speak to a running monitor."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import DEFAULT_STATE, StateOption

app = typer.Typer()


# The monitor's own program reads what is typed, so that both have the same options.
@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def monitor(context: typer.Context) -> None:
    """Collect events and ground truth, judge them, and start retraining."""
    from components.monitor import service
    from components.monitor.command import STORE

    service.run(context.args, program="kubeloop monitor", otherwise=DEFAULT_STATE / STORE)


@app.command(epilog="Example: kubeloop feedback outcomes.csv")
def feedback(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .csv, .jsonl or .parquet with id, label and time."),
    ],
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor", metavar="URL", help="Default: the monitor that runs for the state folder."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Send what turned out to be true of predictions to the monitor."""
    from pipelines.feedback import send_feedback

    send_feedback(file, monitor, state)
