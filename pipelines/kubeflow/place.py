"""Where Kubeflow Pipelines is: what a user says of it, and what the environment does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.address import find_fault, without_secrets
from components.errors import SpecError
from components.names import is_dns_label

ENDPOINT: Final = "KF_PIPELINES_ENDPOINT"
PAGES: Final = "KF_PIPELINES_UI_ENDPOINT"
PATH_VARIABLE: Final = "KF_PIPELINES_SA_TOKEN_PATH"
# Where Kubeflow mounts a pod's token for its pipelines, and what Kubernetes sets in every pod.
_MOUNTED: Final = Path("/var/run/secrets/kubeflow/pipelines/token")
_IN_POD: Final = "KUBERNETES_SERVICE_HOST"
_INSIDE: Final = "http://ml-pipeline.kubeflow.svc:8888"


@dataclass(frozen=True)
class Place:
    """Where runs are.

    Attributes:
        host: address of Kubeflow Pipelines, or of its user interface, which hands the API on.
        namespace: of the user's profile where Kubeflow has many users; empty otherwise.
        token_file: holds the bearer token and is read for each request, as it is renewed.
        pages: address of the user interface, for links; empty where it is the host.
    """

    host: str
    namespace: str = ""
    token_file: Path | None = None
    pages: str = ""


def find_place(
    host: str, namespace: str, token_file: Path | None, environment: Mapping[str, str]
) -> Place:
    """Fills in what a user left out.

    Args:
        host: the address; empty for what `KF_PIPELINES_ENDPOINT` holds, and in a pod for the
            cluster's own.
        namespace: of the user's profile; empty for none.
        token_file: None for the token that a pod was given, where it was.
        environment: of the process; `KF_PIPELINES_UI_ENDPOINT` is the user interface's address, as
            kfp's client has it.

    Returns:
        Where runs are.

    Raises:
        SpecError: an address is none, or nobody named one, or the token file is not there.
    """
    inside = _INSIDE if _IN_POD in environment else ""
    found = host or environment.get(ENDPOINT, "") or inside
    if fault := find_fault(found):
        option = "--host" if host else ENDPOINT
        wanted = "no address of Kubeflow Pipelines"
        if found:
            wanted = f"{option} {without_secrets(found)!r}: {fault}"
        msg = (
            f"{wanted}: expected --host http://HOST:PORT or https://HOST, or the same in "
            f"{ENDPOINT}. On a cluster without an address of its own: kubectl "
            "port-forward --namespace kubeflow service/ml-pipeline-ui 8888:80, and --host "
            "http://localhost:8888"
        )
        raise SpecError(msg)
    if token_file is not None:
        _require_file(token_file)
    mounted = Path(environment.get(PATH_VARIABLE) or _MOUNTED)
    if token_file is None and mounted.is_file():
        token_file = mounted
    if namespace and not is_dns_label(namespace):
        msg = f"--namespace {namespace!r}: expected a namespace's name, such as team-a"
        raise SpecError(msg)
    return Place(found.rstrip("/"), namespace, token_file, _find_pages(environment))


def _find_pages(environment: Mapping[str, str]) -> str:
    """The user interface's address; empty where none is named."""
    found = environment.get(PAGES, "")
    if fault := find_fault(found) if found else "":
        msg = (
            f"{PAGES} {without_secrets(found)!r}: {fault}; expected the address of Kubeflow "
            "Pipelines' user interface, such as https://HOST/pipeline, or unset it"
        )
        raise SpecError(msg)
    return found.rstrip("/")


def _require_file(path: Path) -> None:
    """Refuses a token file that is not there; what it holds is read for each request."""
    reason = "it is a folder"
    try:
        if not path.is_dir():
            path.stat()
            return
    except OSError as exc:
        reason = exc.strerror or "it cannot be read"
    msg = f"--token-file {str(path)!r}: {reason}; expected a file that holds the token alone"
    raise SpecError(msg)
