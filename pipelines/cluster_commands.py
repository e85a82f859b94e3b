"""The commands that write what a cluster reads: compiled pipelines, and a model's service."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import destination
from pipelines.cluster_names import check_image, check_namespace
from pipelines.compile import Pipeline, compile_native, compile_pipeline
from pipelines.options import RuntimeChoice, SetOption, SpecPath
from pipelines.standard_output import write_document

app = typer.Typer()
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write; standard output if none."),
]


@app.command("compile", epilog="Example: kubeloop compile --native | kubectl apply -f -")
def compile_(
    output: OutputOption = None,
    pipeline: Annotated[
        Pipeline, typer.Option("--pipeline", help="The pipeline.")
    ] = Pipeline.TRAINING,
    native: Annotated[
        bool, typer.Option("--native", help="Write a Pipeline and a PipelineVersion for kubectl.")
    ] = False,
    namespace: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="With --native: where KFP looks for pipelines.",
            callback=check_namespace,
        ),
    ] = "kubeflow",
    image: Annotated[
        str,
        typer.Option(
            metavar="REF",
            help="The pipeline image as it was pushed, if it was.",
            callback=check_image,
        ),
    ] = "",
) -> None:
    """Compile the training pipeline, or that for batch scoring, to IR YAML or for kubectl.

    Its tasks refuse an image that was built from other code than compiles here.
    """
    from components.revision import code_revision

    if output is not None:
        destination.check_writable(output)
    revision = code_revision()
    text = (
        compile_native(pipeline, revision, namespace, image)
        if native
        else compile_pipeline(pipeline, revision, image)
    )
    _deliver(text, output)


@app.command(
    epilog="Example: kubeloop render spec.yaml --registry http://mlflow:5000 | kubectl apply -f -"
)
def render(
    spec: SpecPath,
    overrides: SetOption = None,
    registry: Annotated[
        str, typer.Option(metavar="URL", help="Knows the version, its bundle and its runtime.")
    ] = "",
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --registry: the champion if none.")
    ] = None,
    storage_uri: Annotated[
        str, typer.Option(metavar="URI", help="Where the bundle lies, such as s3://bucket/bundle.")
    ] = "",
    runtime: Annotated[
        RuntimeChoice | None, typer.Option(help="The bundle's; without --registry onnx.")
    ] = None,
    monitor: Annotated[
        str, typer.Option(metavar="URL", help="Where events go; the serving runtime's if none.")
    ] = "",
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Where to apply it.", callback=check_namespace)
    ] = "kubeloop",
    output: OutputOption = None,
) -> None:
    """Write the InferenceService of one model for kubectl."""
    from components.spec import load
    from pipelines.rendering import Wanted, render_service

    loaded = load(spec, overrides or ())
    if output is not None:
        destination.check_writable(output)
    wanted = Wanted(registry, version, storage_uri, runtime.value if runtime else "")
    _deliver(render_service(loaded, wanted, namespace, monitor), output)


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        write_document(text)
        return
    destination.write(output, text)
    print(f"wrote {output}")
