"""The examination: this machine, then the cluster part by part, whatever one of them says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from components.revision import VERSION
from pipelines.cluster.commands import ClusterError, environment
from pipelines.cluster.doctor.installation import look_at_installation, look_at_models
from pipelines.cluster.doctor.parts import PARTS, look_at_part
from pipelines.cluster.doctor.reader import (
    PATIENCE,
    Reader,
    RefusedError,
    SilentError,
    UnnamedError,
    connect,
)
from pipelines.cluster.doctor.rights import look_at_rights
from pipelines.cluster.doctor.runs import look_at_runs
from pipelines.cluster.doctor.serving import look_at_serving
from pipelines.cluster.doctor.watching import look_at_watching
from pipelines.cluster.findings import Finding, wrong
from pipelines.cluster.tools import look_at_tools

_SILENT = "see whether it runs and this machine reaches it; kind: docker ps, else make cluster-up"
_REFUSED = "log in again, or name a context whose account may ask it: --context NAME"


@dataclass
class Examination:
    """What was found.

    Attributes:
        namespace: where models are served.
        context: of the user's configuration; empty for none.
        findings: in the order in which they were made.
    """

    namespace: str
    context: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not wrong(self.findings)

    @property
    def document(self) -> dict[str, Any]:
        """All of it for a program."""
        return {
            "version": VERSION,
            "context": self.context,
            "namespace": self.namespace,
            "healthy": self.healthy,
            "findings": [finding.document for finding in self.findings],
        }


def examine(context: str, namespace: str, patience: tuple[float, float] = PATIENCE) -> Examination:
    """Looks at everything; changes nothing.

    Args:
        context: of the user's configuration; empty for the current one.
        namespace: where models are served.
        patience: seconds that the server has to be reached, and to answer.

    Returns:
        What was found. A thing that cannot be seen is a finding too.
    """
    found = Examination(namespace)
    tools = list(look_at_tools(environment()))
    try:
        reader = connect(context, patience)
        found.context = reader.context
        cluster = list(_server(reader))
    except ClusterError as exc:
        found.findings = [*tools, Finding("cluster", "server", "wrong", str(exc), _mend(exc))]
        return found
    # With a cluster at hand, what only making one needs is no fault.
    found.findings = [*(_only_noted(finding) for finding in tools), *cluster]
    looks: list[tuple[str, Iterator[Finding]]] = [
        *(("platform", look_at_part(reader, part)) for part in PARTS),
        ("kserve", look_at_serving(reader)),
        ("kubeloop", look_at_installation(reader, namespace)),
        ("kubeloop", look_at_runs(reader, namespace)),
        ("monitoring", look_at_watching(reader, namespace)),
        ("rights", look_at_rights(reader, namespace)),
        ("models", look_at_models(reader, namespace)),
    ]
    try:
        for area, look in looks:
            for finding in _seen(area, look):
                found.findings.append(finding)
    except SilentError as exc:
        # Each further question would have to be waited for as long.
        said = f"{exc}; the examination ends here, unfinished"
        found.findings.append(Finding("cluster", "server", "wrong", said, _SILENT))
    return found


def _seen(area: str, look: Iterator[Finding]) -> Iterator[Finding]:
    """What one look finds, up to where the API refuses it."""
    try:
        yield from look
    except RefusedError as exc:
        mend = "ask with an account that may read it" if exc.status in {401, 403} else ""
        yield Finding(area, "not all of it can be seen", "note", str(exc), mend)


def _mend(exc: ClusterError) -> str:
    """What to do about a cluster that cannot be asked."""
    if isinstance(exc, UnnamedError):
        return exc.mend
    status = exc.status if isinstance(exc, RefusedError) else 0
    return _REFUSED if status in {401, 403} else _SILENT


def _server(reader: Reader) -> Iterator[Finding]:
    told = reader.get("/version") or {}
    where = f"{told.get('gitVersion', 'of no known version')} at {reader.server}"
    yield Finding("cluster", "Kubernetes", "ok", where)
    try:
        nodes = reader.items("/api/v1/nodes")
    except RefusedError as exc:
        yield Finding("cluster", "nodes", "note", str(exc))
        return
    for node in nodes:
        conditions = {c["type"]: c for c in node.get("status", {}).get("conditions", [])}
        for kind, condition in conditions.items():
            bad = condition["status"] != ("True" if kind == "Ready" else "False")
            if bad:
                said = f"{kind} is {condition['status']}: {condition.get('message', '')}"
                name = node["metadata"]["name"]
                mend = f"{reader.kubectl} describe node {name}"
                yield Finding("cluster", f"node {name}", "wrong", said, mend)


def _only_noted(finding: Finding) -> Finding:
    if finding.state != "wrong":
        return finding
    said = f"{finding.said} (for a local cluster alone)"
    return Finding(finding.area, finding.name, "note", said, finding.mend)
