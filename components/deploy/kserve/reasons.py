"""Why a variant does not come up: its pods' status, its Deployment, the events, the last log lines.

Quoted as the cluster says it, so that nobody has to ask kubectl after the pods are gone; what
looks like a credential is left out.
"""

import re
from dataclasses import dataclass
from typing import Any

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_resources import DEPLOYMENTS, EVENTS, PODS
from components.deploy.kserve.pods import Trouble, is_ready, last_end, trouble
from components.deploy.kserve.variants import Variant
from components.errors import DeployError

Document = dict[str, Any]

_LOG_LINES = 5
_EVENTS = 3
_LONGEST = 300
# What is kept on record of a failure holds all that is quoted here of one pod: the reason, five
# lines of its log and three events. An annotation may have 256 KiB (Kubernetes,
# TotalAnnotationSizeLimitB).
_LONGEST_KEPT = 4000
_HIDDEN = "***"
# Colours and the like, as a container's log has them (ECMA-48: CSI, and OSC with its text).
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
)
_NAME = (
    r"(?i)((?:secret|token|passw(?:or)?d|passphrase|(?<![a-z])pwd\b|credential|signature"
    r"|(?<![a-z])sig\b|(?:access|account|shared|private|api)[_-]?key(?:[_-]?id)?)"
    r"[\w-]*\\?[\"']?\s*[=:]\s*)"
)
_SCHEME = r"(?:bearer|basic|token|digest|negotiate)\s+"
_AUTHORIZATION = r"(?i)(\bauthorization\\?[\"']?\s*[=:]\s*\\?[\"']?"
# A key spans lines; of one whose beginning is not shown its last line is left out too.
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?:[A-Za-z0-9+/=]+\s+)?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
# Credentials as they turn up in the messages of storage libraries and registries.
_SECRETS = (
    (PRIVATE_KEY, _HIDDEN),
    # The rest of a key, of which the log's last lines show no beginning.
    (re.compile(r"(?m)^\s*[A-Za-z0-9+/]{60,76}={0,2}\s*$"), _HIDDEN),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), f"{_HIDDEN}:{_HIDDEN}"),
    (re.compile(r"(?<=://)[^/\s:@]+(?=@)"), _HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), _HIDDEN),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-)[\w-]{8,}"), _HIDDEN),
    (re.compile(r"\bsk-[\w-]{20,}"), _HIDDEN),
    (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{_HIDDEN}"),
    (re.compile(rf"{_AUTHORIZATION}{_SCHEME})[^\s\"'\\]+"), rf"\1{_HIDDEN}"),
    # Of an unknown scheme, with what follows it.
    (
        re.compile(rf"{_AUTHORIZATION})(?!{_SCHEME})[^\s\"'\\]+(?:[ \t]+[^\s\"'\\]+)?"),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(rf"{_NAME}([\"'])(?:(?!\2)[^\\]|\\.)*\2"), rf"\1\2{_HIDDEN}\2"),
    # Without quotes a value ends where white space, or the next parameter, begins.
    (
        re.compile(
            rf"{_NAME}(?![\"']\*)(?:[^\s&,;]|[&,;](?!\s|$|[\"'{{}}]|[\w.-]+[\"']?\s*[=:]))+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(?i)(\b(?:passw(?:or)?d|passphrase|pwd)\s+)([\"'])[^\"']+\2"), rf"\1{_HIDDEN}"),
)


@dataclass(frozen=True)
class Reason:
    """Why a variant is not ready.

    Attributes:
        text: for people; empty where the cluster gives no reason.
        final: whether no waiting mends it.
        often_passing: whether it is one that often, but not always, heals in a minute.
    """

    text: str
    final: bool = False
    often_passing: bool = False


def explain(api: ClusterApi, namespace: str, variant: Variant, pods: list[Document]) -> Reason:
    """Says why a variant is not ready.

    Args:
        api: the cluster.
        namespace: of the InferenceService.
        variant: which one.
        pods: its pods, as they were just read.

    Returns:
        The worst reason that there is.
    """
    found = [(pod, cause) for pod in pods if (cause := trouble(pod))]
    if found:
        pod, cause = min(found, key=lambda pair: (not pair[1].final, not pair[1].often_passing))
        return Reason(_quoted(api, namespace, pod, cause), cause.final, cause.often_passing)
    if pods:
        unready = [pod for pod in pods if not is_ready(pod)]
        text = f"pod {unready[0]['metadata']['name']!r} is not ready" if unready else ""
        events = _events(api, namespace, unready[0]) if unready else ""
        return Reason(text + events)
    return _without_pods(api, namespace, variant)


def explain_restart(api: ClusterApi, namespace: str, pod: Document) -> str:
    """Says why a container of a pod began anew, be the pod ready again or not."""
    cause = trouble(pod) or last_end(pod)
    if cause:
        return _quoted(api, namespace, pod, cause)
    said = f"a container of pod {pod['metadata']['name']!r} crashed and began anew"
    return said + _events(api, namespace, pod)


def clean(text: str) -> str:
    """Puts text of a cluster on one line of bounded length, without what looks like a secret."""
    return _line(text, _LONGEST)


def kept(text: str) -> str:
    """Puts a whole reason on one line, with all that it quotes, to be kept on record."""
    return _line(text, _LONGEST_KEPT)


def _line(text: str, longest: int) -> str:
    line = " ".join(_hidden(text).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def _hidden(text: str) -> str:
    """Leaves out what looks like a secret, and what a terminal would obey instead of showing it."""
    # First, since it may stand in the middle of a name by which a secret is known.
    text = _ESCAPES.sub("", text)
    text = "".join(c for c in text if c.isprintable() or c.isspace())
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _quoted(api: ClusterApi, namespace: str, pod: Document, cause: Trouble) -> str:
    name = pod["metadata"]["name"]
    parts = [f"pod {name!r}: {clean(cause.text)}"]
    if cause.container:
        parts.append(_log(api, namespace, name, cause))
    return "".join(parts) + _events(api, namespace, pod)


def _log(api: ClusterApi, namespace: str, pod: str, cause: Trouble) -> str:
    """How a container's log ends, or why that cannot be said: the reason itself is worth more."""
    text = ""
    try:
        for previous in dict.fromkeys((cause.previous, False)):
            end = api.log(namespace, pod, cause.container, previous=previous, lines=_LOG_LINES)
            text = end.strip()
            if text:
                break
    except DeployError as exc:
        return f"; its log cannot be read ({clean(str(exc))})"
    # As a whole first, since a key spans lines.
    lines = [clean(line) for line in _hidden(text).splitlines() if line.strip()]
    return f"; its log ends: {' | '.join(lines[-_LOG_LINES:])}" if lines else "; its log is empty"


def _events(api: ClusterApi, namespace: str, about: Document) -> str:
    """The newest warnings about a resource; empty where there are none, or they may not be read."""
    metadata = about["metadata"]
    try:
        found = api.list(EVENTS, namespace, fields=f"involvedObject.name={metadata['name']}")
    except DeployError as exc:
        return f"; its events cannot be read ({clean(str(exc))})"
    warnings = [
        event
        for event in found
        if event.get("type") == "Warning"
        and (event.get("involvedObject") or {}).get("uid") in (None, "", metadata.get("uid"))
    ]
    warnings.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    said = [f"{event.get('reason')}: {clean(event.get('message') or '')}" for event in warnings]
    newest = list(dict.fromkeys(reversed(said)))[:_EVENTS]
    return f"; events: {'; '.join(newest)}" if newest else ""


def _without_pods(api: ClusterApi, namespace: str, variant: Variant) -> Reason:
    """Where there is no pod at all the Deployment says why, or KServe, which made none."""
    deployment = api.get(DEPLOYMENTS, namespace, variant.service)
    if deployment is None:
        service: Document = {"metadata": {"name": variant.model}}
        said = _events(api, namespace, service)
        return Reason(f"KServe has made no Deployment {variant.service!r} yet{said}", False, True)
    conditions = (deployment.get("status") or {}).get("conditions") or []
    failed = [c for c in conditions if c.get("type") == "ReplicaFailure" and c["status"] == "True"]
    if failed:
        message = clean(str(failed[0].get("message", "")))
        text = f"its pods cannot be created: {failed[0].get('reason', '')}: {message}"
        return Reason(text + _events(api, namespace, deployment), False, True)
    return Reason(f"Deployment {variant.service!r} has no pods yet")


def pods_of(api: ClusterApi, namespace: str, variant: Variant) -> list[Document]:
    """Reads the pods of a variant, those that are leaving too."""
    return api.list(PODS, namespace, labels=variant.selector)
