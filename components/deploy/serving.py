"""Where a model is served, as the parameter `serving` says."""

from dataclasses import dataclass

from components.address import without_secrets
from components.errors import SpecError
from components.names import is_dns_label

_KSERVE = "kserve://"


@dataclass(frozen=True)
class ModelServer:
    """The model server of the embedded engine, at `http://host:port`."""

    url: str


@dataclass(frozen=True)
class KServe:
    """The KServe of the cluster that the Kubernetes client is configured for."""

    namespace: str


def read_serving(serving: str) -> ModelServer | KServe:
    """Reads the parameter `serving`.

    Args:
        serving: `http(s)://host:port` for a model server, `kserve://NAMESPACE` for a cluster's
            KServe: in a pod the cluster of its service account, else that of KUBECONFIG.

    Returns:
        The one that it names.

    Raises:
        SpecError: it names neither.
    """
    if serving.startswith(("http://", "https://")):
        return ModelServer(serving.rstrip("/"))
    namespace = serving.removeprefix(_KSERVE).rstrip("/")
    if serving.startswith(_KSERVE) and is_dns_label(namespace):
        return KServe(namespace)
    msg = (
        f"serving {without_secrets(serving)!r}: expected http://host:port of a model server, or "
        "kserve://NAMESPACE"
    )
    raise SpecError(msg)
