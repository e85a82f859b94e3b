"""The way back to an earlier version that somebody interrupts: what is served then is told."""

import signal
from pathlib import Path

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.journal import ANNOTATION
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.status import observe
from tests.children import Child
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    expire_lease,
    go_back,
    service_of,
    strand_at_half,
)
from tests.serving import wait_for


def interrupted(bundles: Bundles, said: Path) -> Child:
    """Rolls back in a process that keeps what it says."""

    def act() -> int:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with said.open("w") as told:
                go_back(bundles.release(1), say=lambda text: print(text, file=told, flush=True))
        except KeyboardInterrupt:
            return 130
        return 0

    return Child(act)


def lines(said: Path) -> list[str]:
    """What was said, but for what is waited for on a slow machine."""
    told = said.read_text(encoding="utf-8").splitlines()
    return [text for text in told if not text.startswith("waiting for")]


def test_roll_back_that_is_interrupted_says_what_is_served(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.behave(1, "never")
    child = interrupted(bundles, tmp_path / "said")
    child.begin()
    stands = wait_for(lambda: service_of(cluster)["spec"].get("canary"))
    child.send(signal.SIGINT)
    assert child.end() == 130
    assert stands
    assert lines(tmp_path / "said") == [
        "putting version 2 back: it was interrupted",
        "version 2 is served still",
    ]
    check_served(cluster, 2)
    seen = observe(NAME, NAMESPACE)
    assert seen is not None
    assert seen.reason == "version 1 was put back: it was interrupted"


def test_roll_back_that_is_interrupted_before_its_turn_says_that_nothing_changed(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    deploy(bundles.release(1))
    with Lease(connect(), NAMESPACE, NAME, PACE):
        before = len(cluster.api.calls)
        child = interrupted(bundles, tmp_path / "said")
        child.begin()
        asked = wait_for(lambda: len(cluster.api.calls) > before + 3)
        child.send(signal.SIGINT)
        status = child.end()
    assert asked
    assert status == 130
    assert lines(tmp_path / "said") == ["nothing was changed"]


def test_roll_back_that_is_interrupted_while_it_clears_up_says_what_each_version_has(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    deploy(bundles.release(1))
    strand_at_half(cluster, bundles.release(2), {"min": 1, "max": 1})
    expire_lease(cluster)
    child = interrupted(bundles, tmp_path / "said")
    pressed: list[Call] = []

    def press(call: Call) -> None:
        lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
        assert lease is not None
        # Kept on record, and nothing is changed yet.
        if not pressed and '"restoring"' in lease["metadata"]["annotations"][ANNOTATION]:
            pressed.append(call)
            child.send(signal.SIGINT)

    cluster.api.on_call(press, moment="done", verbs=["update"])
    child.begin()
    status = child.end()
    cluster.api.on_call(None)
    assert pressed
    assert status == 130
    assert lines(tmp_path / "said")[-1] == (
        "version 1 has 50 % of the traffic and version 2 has 50 %: a deployment of 'fares' was "
        "ended half done; the next one, or a rollback, completes it or takes it back"
    )
    go_back(bundles.release(1))
    check_served(cluster, 1)
