"""Models and namespaces whose names KServe can just make a host of, and can make none of."""

from pathlib import Path

import pytest

from components.deploy.kserve.rollout import Choice, Release, roll_back, roll_out
from components.errors import SpecError
from tests.kubernetes_api import Cluster
from tests.rollouts import MONITOR, NAME, PACE, Bundles, spec

# "fares-v1-predictor-" has 19 of a DNS label's 63 characters.
LONGEST = "n" * 44


def cluster_of(namespace: str, folder: Path, patch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster(folder, namespaces=(namespace,))
    patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return cluster


def test_names_that_just_fit_are_served_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> None:
    with cluster_of(LONGEST, tmp_path, monkeypatch) as cluster:
        bundles.put_into(cluster)
        for version in (1, 2):
            release = bundles.release(version)
            roll_out(spec(), release, namespace=LONGEST, monitor=MONITOR, pace=PACE)
        cluster.settle()
        assert cluster.serving(NAME) == {2}
        assert cluster.traffic(NAME) == {2: 100}


def test_names_that_are_too_long_are_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> None:
    beyond = f"{LONGEST}n"
    told: list[str] = []
    with cluster_of(beyond, tmp_path, monkeypatch) as cluster:
        said = f"model '{NAME}' .* cannot be served in namespace '{beyond}' .* are 1 more"
        release = bundles.release(1)
        with pytest.raises(SpecError, match=said):
            roll_out(
                spec(),
                release,
                namespace=beyond,
                monitor=MONITOR,
                introduce=lambda: told.append("monitor"),
            )
        with pytest.raises(SpecError, match=said):
            roll_back(NAME, lambda _: Choice(spec(), release), namespace=beyond)
        assert cluster.api.calls == []
    assert told == []


def test_version_with_a_digit_more_is_refused_while_the_last_one_serves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> None:
    with cluster_of(LONGEST, tmp_path, monkeypatch) as cluster:
        bundles.put_into(cluster)
        roll_out(spec(), bundles.release(1), namespace=LONGEST, monitor=MONITOR, pace=PACE)
        with pytest.raises(SpecError, match="fares-v10-predictor-.*64 characters"):
            roll_out(spec(), Release(10, "s3://b/10", "onnx"), namespace=LONGEST, monitor=MONITOR)
        cluster.settle()
        assert cluster.serving(NAME) == {1}
