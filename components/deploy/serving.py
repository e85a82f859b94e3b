"""Where a model is served, as the parameter `serving` says, and what a deployment there shows."""

from dataclasses import dataclass

from components.address import without_secrets
from components.errors import SpecError
from components.names import is_dns_label
from components.signature import Frozen

_KSERVE = "kserve://"


class Proof(Frozen):
    """What a deployment showed.

    Attributes:
        name: the model.
        version: what is served now.
        endpoint: where, in the V1 protocol.
        golden_rows: how many rows gave the packaged answers through the endpoint.
        latency_seconds: of one golden row through the endpoint, the least of a few tries; 0 where
            no row could be asked.
        replaced: the version that was served before, if any.
    """

    name: str
    version: int
    endpoint: str
    golden_rows: int
    latency_seconds: float
    replaced: int | None


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
