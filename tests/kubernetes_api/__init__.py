"""A Kubernetes cluster in memory, spoken to over real HTTP: its API server, KServe and its pods.

`Api` is the server alone: any registered resource, every verb, server-side apply, watches, faults
on request and the rights of a Role. `Cluster` adds what happens in a cluster with KServe 0.21 in
Standard mode: InferenceServices become Deployments, Services, routes and pods, each pod a small
HTTP server at a loopback address of its own, behaving as the test says. Both run in one thread,
start in milliseconds, and are reached by any client through `kubeconfig`.

    with Cluster(folder, namespaces=("models",)) as cluster:
        cluster.put_bundle("s3://bucket/a", bundle.folder)
        cluster.behave(2, "crashing", log=["no memory"])
        cluster.api.fail("patch", "inferenceservices", status=429, retry_after=1, times=2)
        …                               # the code under test, with KUBECONFIG=cluster.kubeconfig
        assert cluster.serving("churn") == {1}
        assert cluster.outages("churn") == []

A test gets one from the fixture `cluster` (or `kubernetes_api`) of tests/conftest.py, for
which KUBECONFIG is set. Timers are short and counted in calls where they can be, so that nothing
depends on how busy a machine is. A process forked from the test may be a client; only the one that
made a cluster may close it.
"""

from tests.kubernetes_api.api import Api
from tests.kubernetes_api.calls import Call, Moment
from tests.kubernetes_api.cluster import Cluster
from tests.kubernetes_api.conduct import Behaviour
from tests.kubernetes_api.outages import Outage

__all__ = ["Api", "Behaviour", "Call", "Cluster", "Moment", "Outage"]
