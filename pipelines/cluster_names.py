"""What options may name on a cluster: a namespace, and an image that a node can pull."""

import re

import typer

# RFC 1123 as k8s.io/apimachinery has it (pkg/util/validation, IsDNS1123Label).
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# The grammar of references (github.com/distribution/reference, reference.go): a host that has a
# dot, a port or is localhost is no different here from a first component, but for its letters.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_HOST += r"|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_LONGEST_IMAGE = 4096


def check_namespace(name: str) -> str:
    """Returns the name of a namespace.

    Raises:
        typer.BadParameter: Kubernetes knows none of such a name.
    """
    if not _LABEL.fullmatch(name):
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
    if reference and (len(reference) > _LONGEST_IMAGE or not _IMAGE.fullmatch(reference)):
        msg = (
            f"{reference!r:.200} is no image: expected [HOST[:PORT]/]NAME[:TAG][@DIGEST], such as "
            "registry.example.org/kubeloop/pipeline:0.1.0"
        )
        raise typer.BadParameter(msg)
    return reference
