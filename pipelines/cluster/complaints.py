"""What a command says of its failure: whether it passes by itself, and what helps."""

import re

# Of kubectl, while an admission webhook has no certificate or no pod yet, and while a kind that the
# same apply has defined is not served yet.
_NOT_YET = (
    r"failed calling webhook|no endpoints available for service|no matches for kind"
    r"|ensure CRDs are installed first"
)
# Of kubectl, while the API server starts, etcd changes its leader, or an answer is lost in the
# middle. Git says "Connection refused", with a capital: the network is not the cluster.
_AWAY = (
    r"the server is currently unable to handle the request|ServiceUnavailable"
    r"|etcdserver: (leader changed|request timed out|no leader)|apiserver is shutting down"
    r"|TLS handshake timeout|connection refused|The connection to the server \S+ was refused"
    r"|connection reset by peer|client connection lost|broken pipe"
    r"|\bEOF\b|Client\.Timeout (exceeded|or context)"
)
_PASSING = re.compile(f"{_NOT_YET}|{_AWAY}")
# klog's header: severity and date, time, thread, source line. What such lines say, kubectl's own
# last line says to a person.
_KLOG = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\] ?")
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


def is_passing(said: list[str]) -> bool:
    """Says whether kubectl failed by something that passes while the platform comes up.

    Args:
        said: what it wrote to standard error.
    """
    return any(_PASSING.search(line) for line in said)


def is_log(line: str) -> bool:
    """Says whether a line is of a program's log, in klog's format, and for no person."""
    return _KLOG.match(line) is not None


def find_mends(said: list[str]) -> list[str]:
    """Returns what helps, by what a command said."""
    text = "\n".join(said)
    return [mend for pattern, mend in _MENDS if re.search(pattern, text)]


def gist(said: list[str]) -> list[str]:
    """Returns what a command said of its failure: its last three errors, or else the last line."""
    errors = [line for line in said if re.match(r"(?i)error|fatal", line.strip())]
    return errors[-3:] or said[-1:] or ["it failed and said nothing"]
