"""The commands that start runs on a cluster: now, and by the clock."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import SpecError
from pipelines.options import HostOption, NamespaceOption, SetOption, SpecPath, TokenOption

if TYPE_CHECKING:
    from pipelines.kubeflow.place import Place
    from pipelines.submission import Submission

app = typer.Typer()

# What showing and deleting schedules takes.
_OF_EVERY_SCHEDULE = ("show", "delete", "host", "namespace", "token_file")

ExperimentOption = Annotated[
    str, typer.Option(metavar="NAME", help="Where the runs are shown; made if it is not there.")
]
ServingOption = Annotated[
    str, typer.Option(metavar="URI", help="kserve://NAMESPACE, where models are served.")
]
RegistryOption = Annotated[
    str, typer.Option(metavar="URL", help="As pods reach it; mlflow in that namespace if none.")
]
MonitorOption = Annotated[
    str, typer.Option(metavar="URL", help="As pods reach it; monitor in that namespace if none.")
]
ImageOption = Annotated[
    str, typer.Option(metavar="REF", help="The pipeline image as it was pushed, if it was.")
]
RootOption = Annotated[
    str,
    typer.Option(
        "--pipeline-root", metavar="URI", help="Where artifacts lie; Kubeflow's own if none."
    ),
]
AccountOption = Annotated[
    str, typer.Option("--service-account", metavar="NAME", help="Of the pods, if not Kubeflow's.")
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Of the pipeline, such as memory=8Gi; repeatable."),
]
UploadOption = Annotated[
    bool, typer.Option("--upload", help="Put sources of this machine into the object store.")
]
UploadToOption = Annotated[
    str,
    typer.Option("--upload-to", metavar="URI", help="The same, below this s3:// or gs:// address."),
]


@app.command(
    epilog="Example: kubeloop submit spec.yaml --host http://localhost:8888 --upload --wait"
)
def submit(
    spec: SpecPath,
    overrides: SetOption = None,
    host: HostOption = "",
    namespace: NamespaceOption = "",
    token_file: TokenOption = None,
    experiment: ExperimentOption = "Default",
    serving: ServingOption = "kserve://kubeloop",
    registry: RegistryOption = "",
    monitor: MonitorOption = "",
    image: ImageOption = "",
    pipeline_root: RootOption = "",
    service_account: AccountOption = "",
    parameter: ParameterOption = None,
    upload: UploadOption = False,
    upload_to: UploadToOption = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the run; the exit status is then its own.")
    ] = False,
) -> None:
    """Run the training pipeline on Kubeflow, by the version of this code.

    It exits with 0 where the run was started; with --wait by its end: 0, 1 failed, 3 refused.
    """
    from components.spec import load
    from pipelines.submit import submit_run

    submission = _read(
        _place(host, namespace, token_file),
        (serving, registry, monitor),
        experiment=experiment,
        image=image,
        root=pipeline_root,
        service_account=service_account,
        parameter=parameter,
        upload=upload,
        upload_to=upload_to,
    )
    raise typer.Exit(submit_run(load(spec, overrides or ()), submission, wait=wait))


@app.command(epilog="Example: kubeloop schedule spec.yaml --cron '0 3 * * 1'")
def schedule(
    context: typer.Context,
    spec: Annotated[Path | None, typer.Argument(metavar="SPEC", help="With --cron.")] = None,
    overrides: SetOption = None,
    cron: Annotated[
        str,
        typer.Option(
            metavar="EXPRESSION", help="Minute, hour, day, month, weekday in UTC, or @daily."
        ),
    ] = "",
    show: Annotated[
        bool, typer.Option("--list", help="Show the schedules that there are.")
    ] = False,
    delete: Annotated[
        str, typer.Option("--delete", metavar="NAME", help="Delete a model's schedule.")
    ] = "",
    host: HostOption = "",
    namespace: NamespaceOption = "",
    token_file: TokenOption = None,
    experiment: ExperimentOption = "Default",
    serving: ServingOption = "kserve://kubeloop",
    registry: RegistryOption = "",
    monitor: MonitorOption = "",
    image: ImageOption = "",
    pipeline_root: RootOption = "",
    service_account: AccountOption = "",
    parameter: ParameterOption = None,
    upload: UploadOption = False,
    upload_to: UploadToOption = "",
) -> None:
    """Train a model by the clock on Kubeflow, or show or delete what does.

    One run at a time; what was missed is not made up for. The same model again replaces it.
    """
    from components.spec import load
    from pipelines import schedule as schedules
    from pipelines.cron import read_cron

    if bool(spec and cron) + show + bool(delete) != 1 or bool(spec) != bool(cron):
        msg = "kubeloop schedule takes one of: SPEC --cron EXPRESSION, --list, --delete NAME"
        raise SpecError(msg)
    if spec is None:
        _refuse_others(context, "--list" if show else "--delete")
    place = _place(host, namespace, token_file)
    if spec is None:
        if show:
            schedules.list_schedules(place)
        else:
            schedules.delete_schedule(place, delete)
        return
    expression = read_cron(cron)
    submission = _read(
        place,
        (serving, registry, monitor),
        experiment=experiment,
        image=image,
        root=pipeline_root,
        service_account=service_account,
        parameter=parameter,
        upload=upload,
        upload_to=upload_to,
    )
    schedules.create_schedule(load(spec, overrides or ()), submission, expression)


def _refuse_others(context: typer.Context, given: str) -> None:
    """Refuses options that only a new schedule has: they would be passed over."""
    others = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name not in _OF_EVERY_SCHEDULE and _is_given(context, parameter.name or "")
    ]
    if others:
        msg = (
            f"kubeloop schedule {given} takes no {', '.join(others)}: expected no more than "
            "--host, --namespace and --token-file"
        )
        raise SpecError(msg)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    # Its type is typer's own secret.
    return source is not None and source.name == "COMMANDLINE"


def _place(host: str, namespace: str, token_file: Path | None) -> "Place":
    from pipelines.kubeflow.place import find_place

    return find_place(host, namespace, token_file, os.environ)


def _read(
    place: "Place",
    addresses: tuple[str, str, str],
    *,
    parameter: list[str] | None,
    upload: bool,
    upload_to: str,
    **stated: Any,
) -> "Submission":
    """Reads what both commands take."""
    from pipelines.run_parameters import check_names, find_addresses, read_parameters
    from pipelines.submission import Submission
    from pipelines.upload import DEFAULT_FOLDER

    check_names(stated["image"], stated["root"], stated["service_account"], stated["experiment"])
    return Submission(
        place,
        find_addresses(*addresses),
        parameters=read_parameters(parameter or ()),
        upload_to=upload_to or (DEFAULT_FOLDER if upload else ""),
        **stated,
    )
