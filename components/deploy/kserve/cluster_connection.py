"""Where the cluster is: the one module here that knows how the Kubernetes client is configured."""

import os
from pathlib import Path

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_transport import Transport
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
    from kubernetes.config import ConfigException

    configuration = client.Configuration()
    # This module repeats by itself, and knows what may be repeated.
    configuration.retries = False
    try:
        if in_a_pod():
            config.load_incluster_config(client_configuration=configuration)
        else:
            # The client itself reads the variable once, at its import.
            file = os.environ.get("KUBECONFIG") or None
            config.load_kube_config(config_file=file, client_configuration=configuration)
    except (ConfigException, OSError, ValueError) as exc:
        msg = (
            f"no Kubernetes cluster is configured ({exc}): run this in a pod, or let KUBECONFIG "
            "name a file with a current context"
        )
        raise DeployError(msg) from exc
    return ClusterApi(Transport(client.ApiClient(configuration), first_wait_s))


def in_a_pod() -> bool:
    """Whether this runs in a pod of the cluster that it deploys to."""
    return _TOKEN.exists()
