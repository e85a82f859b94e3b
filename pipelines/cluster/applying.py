"""Runs one command of a step, again where the platform is only not ready for it yet."""

import re
import time
from collections.abc import Mapping

from pipelines.cluster.commands import ClusterError, Command
from pipelines.cluster.running import running
from pipelines.cluster.waiting import Say

PATIENCE_S = 180.0
"""How long a webhook may take to answer once its Deployment is available: cert-manager's page on
verifying an installation says up to two minutes."""
PAUSE_S = 5.0

# What kubectl says while an admission webhook has no certificate or no pod yet, while a kind that
# the same apply has defined is not served yet, and while the API server restarts.
_NOT_YET = re.compile(
    r"failed calling webhook|no endpoints available for service|no matches for kind"
    r"|ensure CRDs are installed first|the server is currently unable to handle the request"
    r"|etcdserver: (leader changed|request timed out)|TLS handshake timeout"
)
# What else is known to go wrong, and what helps.
_MENDS = (
    (
        r"Could not resolve host|unable to access|lookup \S+( on|:) |i/o timeout|proxyconnect",
        "the platform's manifests come from github.com: see whether this machine reaches it",
    ),
    (
        r"failed to pull image|pull access denied|manifest unknown|failed to resolve reference",
        "see whether Docker can pull that image; behind a proxy, Docker needs it configured too",
    ),
    (r"no space left on device", "make room for Docker: docker system df, docker system prune"),
    (
        r"Apply failed with \d+ conflict",
        "somebody else has set these fields; --force-conflicts on the command takes them over",
    ),
    (
        r"connection refused|was refused",
        "the cluster does not answer: docker ps shows whether its node runs",
    ),
    (r"port is already allocated|address already in use", "stop what listens on that port"),
    (r"not present locally", "build the images: make images"),
    (
        r"Forbidden|forbidden",
        "the account of this kubeconfig may not do that: ask whoever runs the cluster",
    ),
)


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
        if not any(_NOT_YET.search(line) for line in said) or time.monotonic() >= until:
            raise ClusterError("\n".join([*_gist(said), *find_mends(said)]))
        say(f"  not ready for it yet; again in {pause_s:g} s")
        time.sleep(pause_s)


def find_mends(said: list[str]) -> list[str]:
    """Returns what helps, by what a command said."""
    text = "\n".join(said)
    return [mend for pattern, mend in _MENDS if re.search(pattern, text)]


def _gist(said: list[str]) -> list[str]:
    """What a command said of its failure: its errors, or else the last line."""
    errors = [line for line in said if re.match(r"(?i)error|fatal", line.strip())]
    return errors[-3:] or said[-1:] or ["it failed and said nothing"]
