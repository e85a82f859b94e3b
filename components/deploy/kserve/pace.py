"""How long a deployment waits for what: every duration of it, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Durations of a deployment to a cluster, in seconds.

    Attributes:
        poll_s: between two looks at pods and routes.
        ready_s: until pods have to be ready, and until a route has to be written: the
            progressDeadlineSeconds that KServe gives its Deployments.
        grace_s: for which a reason may last that often heals by itself, such as a quota while an
            older pod is leaving.
        answer_s: for which a variant's Service may refuse connections although its pods are ready:
            EndpointSlices and the nodes' proxies follow readiness later.
        sample_s: between two readings of the pods' metrics.
        drain_s: until requests under way have to have ended, at most: the pods' termination grace
            period by default.
        lease_s: after which a Lease that is not renewed is anybody's; a third of it between two
            renewals. Kubernetes' own components use 15 s.
        queue_s: for which another deployment of the same model is waited for.
        retry_s: before a failed request is made again; doubled each time.
    """

    poll_s: float = 2.0
    ready_s: float = 600.0
    grace_s: float = 60.0
    answer_s: float = 30.0
    sample_s: float = 5.0
    drain_s: float = 30.0
    lease_s: float = 30.0
    queue_s: float = 3600.0
    retry_s: float = 0.3


PACE = Pace()
