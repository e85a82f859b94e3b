"""The container that is the local cluster's node: started where it stopped, and waited for."""

import time
from collections.abc import Mapping

from pipelines.cluster.commands import ClusterError, ask
from pipelines.cluster.steps import NAME
from pipelines.cluster.waiting import Say

NODE = f"{NAME}-control-plane"
"""How kind calls the container."""
START_S = 300.0
"""Seconds that the API server has to be ready in: as long as the step then waits for the node."""
_ASKED_S = 5


def is_stopped(env: Mapping[str, str]) -> bool:
    """Says whether the node is there and does not run, as after a restart of the machine.

    Raises:
        ClusterError: Docker knows no such container, or does not answer.
    """
    words = ("docker", "container", "inspect", "--format={{.State.Running}}", NODE)
    return ask(*words, env=env).strip() == "false"


def await_server(
    env: Mapping[str, str], say: Say, *, limit_s: float = START_S, look_s: float = 5.0
) -> None:
    """Waits until the API server says that it is ready, which it does at once where it runs.

    A container that has started is a kubelet that starts: etcd and the API server come after it.

    Args:
        env: whose KUBECONFIG names the cluster.
        say: takes one line; each new reason is said.
        limit_s: seconds after which it has failed.
        look_s: seconds between two looks.

    Raises:
        ClusterError: it was not ready in time; with what it said last, and what helps.
    """
    until = time.monotonic() + limit_s
    said = ""
    while True:
        try:
            # The request ends before the command is ended, so that it is kubectl that says why.
            ask(
                *("kubectl", "get", "--raw=/readyz", f"--request-timeout={_ASKED_S}s"),
                env=env,
                timeout_s=3 * _ASKED_S,
            )
        except ClusterError as exc:
            reason = str(exc)
        else:
            return
        if time.monotonic() >= until:
            msg = (
                f"the API server of {NAME!r} was not ready in {limit_s:g} s: {reason}\n"
                f"see why: docker logs {NODE}; a cluster that never gets ready again is made anew "
                "by make cluster-down and make cluster-up, without its models"
            )
            raise ClusterError(msg)
        if reason != said:
            said = reason
            say(f"  waiting for the API server: {reason}")
        time.sleep(look_s)
