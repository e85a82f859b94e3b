"""How long is waited for what, by a deployment and by a person: every duration in one place."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Patience:
    """How long an API server is asked for one answer; the defaults are a deployment's.

    Attributes:
        tries: how often it is asked at most.
        connect_s: seconds to connect.
        answer_s: seconds to answer; the API server itself gives up after 60.
        first_wait_s: seconds before it is asked again; doubled each time. Nine waits from 0.3 s
            are 34 to 49 s in all, as an API server takes to restart.
        longest_wait_s: what they are doubled up to.
        longest_asked_s: seconds for which it is left alone where it asks for that.
    """

    tries: int = 10
    connect_s: float = 10.0
    answer_s: float = 65.0
    first_wait_s: float = 0.3
    longest_wait_s: float = 10.0
    longest_asked_s: float = 60.0


CLOCKS_APART_S = 300.0
"""Two clocks of a cluster are rarely that far apart: certificates and tokens would not hold."""

CROWNING_S = 300.0
"""A run crowns what it has brought after a pod's start. One that failed to has said so by then."""

DEPLOYMENT = Patience()
# Who looks at a terminal has the sentence after a quarter of a minute where an API server accepts
# and stays silent, and after two seconds where there is none.
PERSON = Patience(tries=3, connect_s=3.0, answer_s=5.0, longest_wait_s=1.0, longest_asked_s=5.0)


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
        told_s: after which is told what is waited for.
    """

    poll_s: float = 2.0
    ready_s: float = 600.0
    grace_s: float = 60.0
    answer_s: float = 30.0
    sample_s: float = 5.0
    drain_s: float = 30.0
    lease_s: float = 30.0
    queue_s: float = 3600.0
    retry_s: float = DEPLOYMENT.first_wait_s
    told_s: float = 3.0

    @property
    def patience(self) -> Patience:
        """With the API server."""
        return replace(DEPLOYMENT, first_wait_s=self.retry_s)


PACE = Pace()
