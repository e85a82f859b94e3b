"""Whether a namespace is there: a cluster lists one that is not as if it held nothing."""

from typing import Final

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_errors import ApiError
from components.deploy.kserve.cluster_resources import Resource
from components.deploy.kserve.pace import PERSON, Patience

_FORBIDDEN: Final = 403


def is_missing(namespace: str, *, context: str = "", patience: Patience = PERSON) -> bool:
    """Says whether a cluster has no such namespace.

    Args:
        namespace: which one.
        context: of KUBECONFIG; empty for its current one, and for a pod's own cluster.
        patience: with the API server.

    Returns:
        Whether that is sure: who may not read namespaces is not told.

    Raises:
        DeployError: the cluster cannot be asked.
    """
    try:
        return connect(patience, context=context).get(_Namespaces(), namespace, namespace) is None
    except ApiError as exc:
        if exc.status != _FORBIDDEN:
            raise
        return False


class _Namespaces(Resource):
    """Namespaces, which lie in none."""

    def __init__(self) -> None:
        super().__init__("namespaces")

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        del name, subresource
        return f"/api/v1/namespaces/{namespace}"
