"""Who is granted what, and what is scraped: the whole of it, alike in both overlays.

Each function names what is not as it is written down here, be it missing, other or too much.
"""

from typing import Any

from tests.manifests.flows import OURS, everybody
from tests.manifests.references import matches
from tests.manifests.rendered import Document, namespace_of, of_kind

# By namespace and name: the role, and the accounts that get it.
BINDINGS = {
    (OURS, "model-deployer"): (
        ("Role", "model-deployer"),
        {("ServiceAccount", "kubeflow", "pipeline-runner")},
    ),
    (OURS, "prometheus"): (
        ("Role", "prometheus"),
        {("ServiceAccount", "monitoring", "prometheus-k8s")},
    ),
}
# By namespace and name: the pods that are scraped, and where.
SCRAPED = {
    (OURS, "monitor"): ({"monitor"}, [("http", "/metrics")]),
    (OURS, "predictors"): ({"predictor", "skops predictor"}, [("http", "/metrics")]),
}


def bindings_are_the_ones_written_down(documents: list[Document]) -> list[str]:
    """Every RoleBinding is there, of its role and to its accounts, and no other is."""
    found = {_key(binding): _binding(binding) for binding in of_kind(documents, "RoleBinding")}
    problems = _differences("RoleBinding", found, BINDINGS)
    groups = {binding["roleRef"]["apiGroup"] for binding in of_kind(documents, "RoleBinding")}
    return [*problems, *(f"a role of {group!r}" for group in groups - {_GROUP})]


def monitors_scrape_the_ones_written_down(documents: list[Document]) -> list[str]:
    """Every PodMonitor is there, scrapes its pods and nobody else's, and no other is."""
    found = {}
    for monitor in of_kind(documents, "PodMonitor"):
        spec = monitor["spec"]
        spaces = _spaces(spec.get("namespaceSelector"), namespace_of(monitor))
        chosen = {
            end.name
            for end in everybody(documents)
            if end.namespace
            and (spaces is None or end.namespace in spaces)
            and matches(spec["selector"], dict(end.labels))
        }
        endpoints = [(e["port"], e.get("path", "/metrics")) for e in spec["podMetricsEndpoints"]]
        found[_key(monitor)] = (chosen, endpoints)
    return _differences("PodMonitor", found, SCRAPED)


_GROUP = "rbac.authorization.k8s.io"


def _spaces(selector: dict[str, Any] | None, own: str) -> set[str] | None:
    """In which namespaces a PodMonitor looks; None for all of them."""
    given = selector or {}
    return None if given.get("any") else set(given.get("matchNames", [own]))


def _key(document: Document) -> tuple[str, str]:
    return namespace_of(document), document["metadata"]["name"]


def _binding(binding: Document) -> tuple[Any, Any]:
    role = binding["roleRef"]
    subjects = {(s["kind"], s.get("namespace"), s["name"]) for s in binding.get("subjects", [])}
    return (role["kind"], role["name"]), subjects


def _differences(kind: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> list[str]:
    return [
        f"{kind} {key} is {found.get(key)!r}: expected {wanted.get(key)!r}"
        for key in sorted(set(found) | set(wanted))
        if found.get(key) != wanted.get(key)
    ]
