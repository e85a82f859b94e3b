"""The commands that speak to a running monitor."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import DEFAULT_STATE, StateOption

app = typer.Typer()


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
