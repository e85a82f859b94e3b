"""The commands that work on one model bundle: serve it, inspect it, predict with it."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import ErrorsChoice, port_option

app = typer.Typer()
BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The model bundle's folder.")]


@app.command(epilog="Example: kubeloop serve .kubeloop/runs/latest/bundle --version 3")
def serve(
    bundle: BundlePath,
    version: Annotated[int, typer.Option(help="The version that answers name.")] = 1,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, port_option("HTTP port.", least=0)] = 8080,
    grpc_port: Annotated[int, port_option("gRPC port.", least=0)] = 8081,
    monitor: Annotated[str | None, typer.Option(help="Where events go; none if left out.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Holds the bearer token that clients have to show.")
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Write a line of JSON for each request.")
    ] = False,
) -> None:
    """Serve one model bundle in the V1 and V2 protocols."""
    from components.serve.service import serve as run_server

    run_server(
        bundle=bundle,
        version=version,
        state=None,
        host=host,
        http_port=port,
        grpc_port=grpc_port,
        monitor=monitor,
        token_file=token_file,
        access_log=access_log,
    )


@app.command(epilog="Example: kubeloop inspect .kubeloop/runs/latest/bundle")
def inspect(
    bundle: BundlePath,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest alone, as JSON.")
    ] = False,
) -> None:
    """Verify a model bundle, and show what it answers, how well, and where it comes from."""
    from pipelines.inspection import inspect_bundle

    inspect_bundle(bundle, as_json=as_json)


@app.command(
    epilog="Example: kubeloop predict .kubeloop/runs/latest/bundle new.csv answers.parquet"
)
def predict(
    bundle: BundlePath,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The rows: a CSV or Parquet file.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The answers: a .csv or .parquet file.")
    ],
    errors: Annotated[
        ErrorsChoice,
        typer.Option("--errors", help="Rows that break the signature: none is answered, or empty."),
    ] = ErrorsChoice.REFUSE,
    force: Annotated[bool, typer.Option("--force", help="Replace OUTPUT if it is there.")] = False,
) -> None:
    """Answer every row of a table, of any size."""
    from pipelines.prediction import predict_file

    predict_file(bundle, source, output, errors=errors.value, force=force)
