"""Where the cluster is: the one module here that knows how the Kubernetes client is configured."""

from pathlib import Path

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_transport import Transport
from components.deploy.kserve.kubeconfig import KubeconfigError, load_kubeconfig
from components.errors import DeployError

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def connect(first_wait_s: float = 0.3) -> ClusterApi:
    """Finds the cluster: in a pod that of its service account, else that of KUBECONFIG.

    Args:
        first_wait_s: see `Transport`.

    Raises:
        DeployError: no cluster is configured, or the configuration cannot be read.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    # This module repeats by itself, and knows what may be repeated.
    configuration.retries = False
    try:
        if in_a_pod():
            config.load_incluster_config(client_configuration=configuration)
        else:
            load_kubeconfig(config, configuration)
    except (config.ConfigException, OSError, ValueError) as exc:
        msg = f"no Kubernetes cluster is configured: {exc}; see the pod's service account"
        raise DeployError(msg) from exc
    except KubeconfigError as exc:
        msg = f"no Kubernetes cluster is configured: {exc}; {exc.mend}, or run this in a pod"
        raise DeployError(msg) from exc
    return ClusterApi(Transport(client.ApiClient(configuration), first_wait_s))


def in_a_pod() -> bool:
    """Whether this runs in a pod of the cluster that it deploys to."""
    return _TOKEN.exists()
