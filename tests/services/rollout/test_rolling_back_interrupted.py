"""The way back to an earlier version that somebody interrupts: what is served then is told."""

import os
import signal
from pathlib import Path

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.journal import ANNOTATION
from components.deploy.kserve.lease import Lease
from components.deploy.kserve.status import observe
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


def interrupted(bundles: Bundles, said: Path, *, begin: int | None = None) -> int:
    """Rolls back in a child, which must end here whatever comes, and run nothing of the test's."""
    child = os.fork()
    if child:
        return child
    if begin is not None:
        os.read(begin, 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with said.open("w") as told:
            go_back(bundles.release(1), say=lambda text: print(text, file=told, flush=True))
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        os._exit(2)
    os._exit(0)


def test_roll_back_that_is_interrupted_says_what_is_served(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.behave(1, "never")
    child = interrupted(bundles, tmp_path / "said")
    stands = wait_for(lambda: service_of(cluster)["spec"].get("canary"))
    os.kill(child, signal.SIGINT)
    _, status = os.waitpid(child, 0)
    assert stands
    assert os.waitstatus_to_exitcode(status) == 130
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert [text for text in said if not text.startswith("waiting for")] == [
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
        asked = wait_for(lambda: len(cluster.api.calls) > before + 3)
        os.kill(child, signal.SIGINT)
        _, status = os.waitpid(child, 0)
    assert asked
    assert os.waitstatus_to_exitcode(status) == 130
    assert (tmp_path / "said").read_text(encoding="utf-8") == "nothing was changed\n"


def test_roll_back_that_is_interrupted_while_it_clears_up_says_what_each_version_has(
    cluster: Cluster, bundles: Bundles, tmp_path: Path
) -> None:
    deploy(bundles.release(1))
    strand_at_half(cluster, bundles.release(2), {"min": 1, "max": 1})
    expire_lease(cluster)
    ready, go = os.pipe()
    child = interrupted(bundles, tmp_path / "said", begin=ready)
    pressed: list[Call] = []

    def press(call: Call) -> None:
        lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
        assert lease is not None
        # Kept on record, and nothing is changed yet.
        if not pressed and '"restoring"' in lease["metadata"]["annotations"][ANNOTATION]:
            pressed.append(call)
            os.kill(child, signal.SIGINT)

    cluster.api.on_call(press, moment="done", verbs=["update"])
    os.write(go, b".")
    _, status = os.waitpid(child, 0)
    cluster.api.on_call(None)
    os.close(ready)
    os.close(go)
    assert pressed
    assert os.waitstatus_to_exitcode(status) == 130
    assert (tmp_path / "said").read_text(encoding="utf-8").splitlines()[-1] == (
        "version 1 has 50 % of the traffic and version 2 has 50 %: a deployment of 'fares' was "
        "ended half done; the next one, or a rollback, completes it or takes it back"
    )
    go_back(bundles.release(1))
    check_served(cluster, 1)
