"""Runs one command of a step, again where the platform is only not ready for it yet."""

import time
from collections.abc import Mapping

from pipelines.cluster.commands import ClusterError, Command
from pipelines.cluster.complaints import find_mends, gist, is_passing
from pipelines.cluster.running import running
from pipelines.cluster.waiting import Say

PATIENCE_S = 180.0
"""How long a webhook may take to answer once its Deployment is available: cert-manager's page on
verifying an installation says up to two minutes."""
PAUSE_S = 5.0


def run_command(
    command: Command,
    env: Mapping[str, str],
    say: Say,
    *,
    patience_s: float = PATIENCE_S,
    pause_s: float = PAUSE_S,
) -> None:
    """Runs a command to its end.

    Args:
        command: what to run; to run it again changes nothing that it has done.
        env: its environment.
        say: takes one line.
        patience_s: seconds in which it is tried again while the platform is not ready for it.
        pause_s: seconds between two tries.

    Raises:
        ClusterError: it failed; with what it said last, and what helps where that is known.
    """
    until = time.monotonic() + patience_s
    while True:
        with running(command, env) as under_way:
            under_way.wait()
        if not under_way.failed:
            return
        said = under_way.complaints
        # What a build or a download fails by is not the cluster's.
        passing = command.asks_cluster and is_passing(said)
        if not passing or time.monotonic() >= until:
            raise ClusterError("\n".join([*gist(said), *find_mends(said)]))
        say(f"  not ready for it yet; again in {pause_s:g} s")
        time.sleep(pause_s)
