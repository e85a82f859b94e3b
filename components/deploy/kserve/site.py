"""What a deployment to a cluster works with, all of it for one model in one namespace."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.readiness import Waiting
from components.deploy.kserve.telling import Say, note
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
        say: is told what a person would ask.
    """

    api: ClusterApi
    namespace: str
    lease: Lease
    service: KServeService
    waiting: Waiting
    watch: Watch
    pace: Pace
    say: Say


def site(
    api: ClusterApi, lease: Lease, namespace: str, spec: "Spec", *, pace: Pace, say: Say = note
) -> Site:
    """Puts together what the deployment of a model works with.

    Args:
        api: the cluster.
        lease: the model's, held for as long as this is worked with.
        namespace: of the model.
        spec: its name, and how its traffic is watched.
        pace: how long what is waited for.
        say: is told what a person would ask.
    """
    return Site(
        api=api,
        namespace=namespace,
        lease=lease,
        service=KServeService(api, namespace, spec.name, lease=lease, pace=pace, say=say),
        waiting=Waiting(api, namespace, pace, lease.check, say=say),
        watch=Watch(api, namespace, spec.serve, pace=pace, check=lease.check, say=say),
        pace=pace,
        say=say,
    )
