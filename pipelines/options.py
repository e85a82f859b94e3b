"""Arguments and options that several of the commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec's YAML file.")]
StateOption = Annotated[
    Path, typer.Option("--state", metavar="DIR", help="Where everything is kept.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the spec, dotted."),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
HostOption = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="Kubeflow Pipelines, or its user interface; KF_PIPELINES_ENDPOINT if none.",
    ),
]
ContextOption = Annotated[
    str, typer.Option(metavar="NAME", help="Of KUBECONFIG; default: its current one.")
]
NamespaceOption = Annotated[
    str, typer.Option(metavar="NAME", help="Of your profile, where Kubeflow has many users.")
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help="Holds the token for Kubeflow; a pod's own if none."
    ),
]
DEFAULT_STATE = Path(".kubeloop")


def port_option(meaning: str, *, least: int = 1) -> Any:
    """Describes an option that holds a port.

    Args:
        meaning: its help.
        least: 0 where that takes a free one.

    Returns:
        What goes into `Annotated`.
    """
    return typer.Option(min=least, max=65535, help=meaning)


class ErrorsChoice(StrEnum):
    """What becomes of rows that break a model's signature."""

    REFUSE = "refuse"
    NULL = "null"


class RuntimeChoice(StrEnum):
    """How a bundle's model is run."""

    ONNX = "onnx"
    SKOPS = "skops"
