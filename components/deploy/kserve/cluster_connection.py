"""Where the cluster is: the one module here that knows how the Kubernetes client is configured."""

import time
from collections.abc import Callable
from pathlib import Path

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_transport import Transport
from components.deploy.kserve.kubeconfig import KubeconfigError, load_kubeconfig
from components.deploy.kserve.pace import DEPLOYMENT, Patience
from components.errors import DeployError

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def connect(
    patience: Patience = DEPLOYMENT,
    sleep: Callable[[float], None] = time.sleep,
    *,
    context: str = "",
) -> ClusterApi:
    """Finds the cluster: in a pod that of its service account, else that of KUBECONFIG.

    Args:
        patience: how long it is asked for one answer.
        sleep: see `Transport`.
        context: of KUBECONFIG, in a pod too; empty for its current one.

    Raises:
        DeployError: no cluster is configured, or the configuration cannot be read.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    # This module repeats by itself, and knows what may be repeated.
    configuration.retries = False
    try:
        if in_a_pod() and not context:
            config.load_incluster_config(client_configuration=configuration)
        else:
            load_kubeconfig(config, configuration, context)
    except (config.ConfigException, OSError, ValueError) as exc:
        msg = f"no Kubernetes cluster is configured: {exc}; see the pod's service account"
        raise DeployError(msg) from exc
    except KubeconfigError as exc:
        msg = f"no Kubernetes cluster is configured: {exc}; {exc.mend}, or run this in a pod"
        raise DeployError(msg) from exc
    return ClusterApi(Transport(client.ApiClient(configuration), patience, sleep))


def in_a_pod() -> bool:
    """Whether this runs in a pod of the cluster that it deploys to."""
    return _TOKEN.exists()
