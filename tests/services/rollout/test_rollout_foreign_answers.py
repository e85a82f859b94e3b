"""Deployment to KServe behind a load balancer that answers in the API server's place."""

import pytest

from tests.foreign_answers import UNHEALTHY, answer
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import Bundles, check_served, deploy


@pytest.mark.parametrize("verb", ["get", "list", "create", "patch"])
def test_foreign_answers_that_pass_are_outlived(
    cluster: Cluster, bundles: Bundles, verb: str
) -> None:
    answer(cluster.api, UNHEALTHY, verb=verb)
    answer(cluster.api, UNHEALTHY, verb=verb, acted=True)
    deploy(bundles.release(1))
    assert cluster.api.unmet() == []
    check_served(cluster, 1)


def test_foreign_answers_while_the_next_version_comes_up_put_nothing_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    patched: list[Call] = []

    def cloud(call: Call) -> None:
        if call.resource == "inferenceservices" and not patched:
            patched.append(call)
            answer(cluster.api, UNHEALTHY, times=3)

    cluster.api.on_call(cloud, verbs=["patch"])
    deploy(bundles.release(2))
    assert patched
    assert cluster.api.unmet() == []
    check_served(cluster, 2)
