"""Where Kubeflow Pipelines is: what a user says of it, and what the environment does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.errors import SpecError

ENDPOINT: Final = "KF_PIPELINES_ENDPOINT"
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
    """

    host: str
    namespace: str = ""
    token_file: Path | None = None


def find_place(
    host: str, namespace: str, token_file: Path | None, environment: Mapping[str, str]
) -> Place:
    """Fills in what a user left out.

    Args:
        host: the address; empty for what `KF_PIPELINES_ENDPOINT` holds, and in a pod for the
            cluster's own.
        namespace: of the user's profile; empty for none.
        token_file: None for the token that a pod was given, where it was.
        environment: of the process.

    Returns:
        Where runs are.

    Raises:
        SpecError: the address is none, or nobody named one.
    """
    inside = _INSIDE if _IN_POD in environment else ""
    found = host or environment.get(ENDPOINT, "") or inside
    if not found.startswith(("http://", "https://")) or "@" in found:
        wanted = "no address of Kubeflow Pipelines" if not found else f"--host {found!r}"
        msg = (
            f"{wanted}: expected --host http://HOST:PORT or https://HOST, without a password; or "
            f"the same in {ENDPOINT}. On a cluster without an address of its own: kubectl "
            "port-forward --namespace kubeflow service/ml-pipeline-ui 8888:80, and --host "
            "http://localhost:8888"
        )
        raise SpecError(msg)
    mounted = Path(environment.get(PATH_VARIABLE) or _MOUNTED)
    if token_file is None and mounted.is_file():
        token_file = mounted
    return Place(found.rstrip("/"), namespace, token_file)
