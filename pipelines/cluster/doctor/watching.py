"""Whether a Prometheus and an Alertmanager of the operator take up what Kubeloop brings for them.

What the selectors mean is said in prometheus-operator's pkg/apis/monitoring/v1/prometheus_types.go
and alertmanager_types.go (0.92): a selector that is not there selects nothing, a namespace selector
that is not there only the object's own namespace, and an empty one everything.
"""

from collections.abc import Iterator
from typing import Any

from pipelines.cluster.doctor.reader import Document, Reader
from pipelines.cluster.findings import Finding

_AREA = "monitoring"
_API = "/apis/monitoring.coreos.com/v1"
_ALPHA = "/apis/monitoring.coreos.com/v1alpha1"
_README = "README, a Prometheus of your own"


def look_at_watching(reader: Reader, namespace: str) -> Iterator[Finding]:
    """Looks at what scrapes, judges rules and sends alerts.

    Args:
        reader: the cluster.
        namespace: where PodMonitors, rules and configurations are.

    Yields:
        Findings; none where the operator's kinds are not there, which another look tells.
    """
    space = reader.get(f"/api/v1/namespaces/{namespace}")
    if space is None or reader.get(_API) is None:
        return
    for plural, one, what, selector in (
        ("prometheuses", "Prometheus", "podmonitors", "podMonitor"),
        ("prometheuses", "Prometheus", "prometheusrules", "rule"),
        ("alertmanagers", "Alertmanager", "alertmanagerconfigs", "alertmanagerConfig"),
    ):
        api = _ALPHA if what == "alertmanagerconfigs" else _API
        ours = [
            document
            for document in reader.items(f"{api}/namespaces/{namespace}/{what}")
            if _labels(document).get("app.kubernetes.io/part-of") == "kubeloop"
        ]
        watchers = reader.items(f"{_API}/{plural}")
        yield _taken_up(watchers, ours, space, (one, what, selector))
    for alertmanager in reader.items(f"{_API}/alertmanagers"):
        yield from _strategy(alertmanager)


def selects(selector: Document | None, labels: dict[str, str]) -> bool:
    """Says whether a label selector of Kubernetes selects something with these labels.

    Args:
        selector: None selects nothing, an empty one everything.
        labels: of the thing.
    """
    if selector is None:
        return False
    wanted = (selector.get("matchLabels") or {}).items()
    expressions = selector.get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted) and all(
        _holds(expression, labels) for expression in expressions
    )


def _holds(expression: Document, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _taken_up(
    watchers: list[Document], ours: list[Document], space: Document, names: tuple[str, str, str]
) -> Finding:
    one, what, selector = names
    namespace = space["metadata"]["name"]
    if not ours:
        said = f"none of Kubeloop's in the namespace {namespace}"
        return Finding(_AREA, what, "wrong", said, "apply the overlay again")
    if not watchers:
        return Finding(_AREA, what, "wrong", f"there is no {one}", _README)
    missed = []
    for document in ours:
        if not any(_sees(watcher, selector, space, document) for watcher in watchers):
            missed.append(document["metadata"]["name"])
    if not missed:
        return Finding(_AREA, what, "ok", f"{one} takes up {len(ours)}")
    said = f"no {one} selects {', '.join(missed)} in {namespace}"
    mend = f"its spec.{selector}Selector and spec.{selector}NamespaceSelector have to: {_README}"
    return Finding(_AREA, what, "wrong", said, mend)


def _sees(watcher: Document, selector: str, space: Document, document: Document) -> bool:
    spec: dict[str, Any] = watcher["spec"]
    spaces = spec.get(f"{selector}NamespaceSelector")
    own = watcher["metadata"]["namespace"] == space["metadata"]["name"]
    in_space = own if spaces is None else selects(spaces, _labels(space))
    return in_space and selects(spec.get(f"{selector}Selector"), _labels(document))


def _strategy(alertmanager: Document) -> Iterator[Finding]:
    spec = alertmanager["spec"]
    strategy = (spec.get("alertmanagerConfigMatcherStrategy") or {}).get("type", "OnNamespace")
    if strategy == "OnNamespace" and spec.get("alertmanagerConfigSelector") is not None:
        meta = alertmanager["metadata"]
        name = f"Alertmanager {meta['namespace']}/{meta['name']}"
        said = (
            "hands Kubeloop only alerts whose label namespace is that of the configuration: "
            "KubeloopMonitorAbsent, which has none where no model is served, reaches nobody"
        )
        mend = "set its spec.alertmanagerConfigMatcherStrategy.type to None"
        yield Finding(_AREA, name, "note", said, mend)


def _labels(document: Document) -> dict[str, str]:
    return document["metadata"].get("labels") or {}
