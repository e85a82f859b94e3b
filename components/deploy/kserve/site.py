"""What a deployment to a cluster works with, all of it for one model in one namespace."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.readiness import Waiting
from components.deploy.kserve.watching import Watch

if TYPE_CHECKING:
    from components.spec import Spec


@dataclass(frozen=True)
class Site:
    """Where one model is deployed, while its Lease is held.

    Attributes:
        api: the cluster.
        namespace: of the model.
        lease: held.
        service: the model's InferenceService.
        waiting: for pods and routes.
        watch: over traffic.
        pace: how long what is waited for.
    """

    api: ClusterApi
    namespace: str
    lease: Lease
    service: KServeService
    waiting: Waiting
    watch: Watch
    pace: Pace


@contextmanager
def site(api: ClusterApi, namespace: str, spec: "Spec", pace: Pace) -> Iterator[Site]:
    """Takes the model's Lease and holds it.

    Raises:
        DeployError: another deployment of the model goes on for too long.
    """
    with Lease(api, namespace, spec.name, pace) as lease:
        yield Site(
            api=api,
            namespace=namespace,
            lease=lease,
            service=KServeService(api, namespace, spec.name, lease=lease, pace=pace),
            waiting=Waiting(api, namespace, pace, lease.check),
            watch=Watch(api, namespace, spec.serve, pace=pace, check=lease.check),
            pace=pace,
        )
