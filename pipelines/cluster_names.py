"""What options may name on a cluster: a namespace, and an image that a node can pull."""

import typer

from components.address import without_secrets
from components.names import is_dns_label, is_image


def check_namespace(name: str) -> str:
    """Returns the name of a namespace.

    Raises:
        typer.BadParameter: Kubernetes knows none of such a name.
    """
    if not is_dns_label(name):
        msg = (
            f"{name!r} is no namespace: expected a DNS label, at most 63 of a-z, 0-9 and '-', "
            "first and last no '-'"
        )
        raise typer.BadParameter(msg)
    return name


def check_image(reference: str) -> str:
    """Returns an image's reference; an empty one is none.

    Raises:
        typer.BadParameter: no container runtime could pull it.
    """
    if reference and not is_image(reference):
        msg = (
            f"{without_secrets(reference)!r:.200} is no image: expected "
            "[HOST[:PORT]/]NAME[:TAG][@DIGEST], such as "
            "registry.example.org/kubeloop/pipeline:0.1.0"
        )
        raise typer.BadParameter(msg)
    return reference
