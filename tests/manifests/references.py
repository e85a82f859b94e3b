"""What refers to what: each function names the references that lead nowhere.

The platform's own pods and accounts are those of `platform_facts`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.manifests.platform_facts import ACCOUNTS, OBJECT_STORE_ADMITS, PODS
from tests.manifests.pods import Pod, pods
from tests.manifests.rendered import Document, namespace_of, of_kind, title

# Every cluster gives a namespace this label (the API server itself).
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_OPERATORS = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector takes an object with these labels; an empty one takes all."""
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        _OPERATORS[term["operator"]](labels.get(term["key"]), term.get("values", []))
        for term in selector.get("matchExpressions", [])
    )


def services_select_workloads(documents: list[Document]) -> list[str]:
    """Every Service leads to a pod that has its port."""
    problems = []
    for service in of_kind(documents, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        found = _selected(documents, namespace_of(service), selector)
        if not found:
            problems.append(f"{title(service)} selects no pod")
        for port in service["spec"]["ports"]:
            problems += [
                f"{title(service)} leads to port {port['targetPort']!r}, which {pod.owner} lacks"
                for pod in found
                if not _has_port(pod, port["targetPort"], port.get("protocol", "TCP"))
            ]
    return problems


def monitors_select_ports(documents: list[Document]) -> list[str]:
    """Every PodMonitor selects a pod that has the port it scrapes, by its name."""
    problems = []
    for monitor in of_kind(documents, "PodMonitor"):
        found = _selected(documents, namespace_of(monitor), monitor["spec"]["selector"])
        if not found:
            problems.append(f"{title(monitor)} selects no pod")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            problems += [
                f"{title(monitor)} scrapes port {endpoint.get('port')!r}, which {pod.owner} lacks"
                for pod in found
                if endpoint.get("port") not in {name for name, _, _ in pod.ports}
            ]
    return problems


GROUND_TRUTH = {"kubeloop-ground-truth": "true"}
"""The label by which users' own pods are let in; README and `flows` say what for."""


def policies_select_pods(documents: list[Document]) -> list[str]:
    """Every NetworkPolicy is about a pod, and every peer and port in it is there."""
    problems = []
    for policy in of_kind(documents, "NetworkPolicy"):
        own = _selected(documents, namespace_of(policy), policy["spec"]["podSelector"])
        if not own:
            problems.append(f"{title(policy)} selects no pod")
        for rule in policy["spec"].get("ingress", []):
            problems += _peers(documents, policy, rule["from"])
            problems += _ports(policy, rule, own)
        for rule in policy["spec"].get("egress", []):
            problems += _peers(documents, policy, rule["to"])
            problems += _ports(policy, rule, _reached(documents, policy, rule["to"]))
    return problems


def namespaces_deny_by_default(documents: list[Document]) -> list[str]:
    """A namespace with pods of ours lets nothing in or out that no policy opens."""
    denied = {
        namespace_of(policy)
        for policy in of_kind(documents, "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
    }
    return [
        f"namespace {namespace!r} has no policy that denies by default"
        for namespace in sorted({pod.namespace for pod in pods(documents)} - denied)
    ]


def budgets_select_pods(documents: list[Document]) -> list[str]:
    """Every PodDisruptionBudget is about a pod, lets a node be drained, and every pod has one."""
    problems, covered = [], set()
    for budget in of_kind(documents, "PodDisruptionBudget"):
        found = _selected(documents, namespace_of(budget), budget["spec"]["selector"])
        covered |= {pod.owner for pod in found}
        if not found:
            problems.append(f"{title(budget)} selects no pod")
        if budget["spec"].get("maxUnavailable", 0) in (0, "0%"):
            problems.append(f"{title(budget)} lets no node be drained")
        # Kubernetes' own value keeps a pod that never gets ready where it is, and its node with it.
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            problems.append(f"{title(budget)} keeps a node whose pod is broken")
    owners = {pod.owner for pod in pods(documents)}
    return [*problems, *(f"{owner} has no budget" for owner in sorted(owners - covered))]


def bindings_have_subjects(documents: list[Document]) -> list[str]:
    """Every RoleBinding names a Role and accounts that are there."""
    accounts = ACCOUNTS | {
        (namespace_of(account), account["metadata"]["name"])
        for account in of_kind(documents, "ServiceAccount")
    }
    problems = []
    for binding in of_kind(documents, "RoleBinding"):
        role = (namespace_of(binding), binding["roleRef"]["name"])
        if role not in _named(documents, "Role"):
            problems.append(f"{title(binding)} names role {role!r}, which is not there")
        subjects = [(s.get("namespace"), s["name"]) for s in binding.get("subjects", [])]
        problems += [
            f"{title(binding)} names {subject!r}, which is not there"
            for subject in subjects
            if subject not in accounts
        ]
        if not subjects:
            problems.append(f"{title(binding)} names nobody")
    return problems


def pods_find_their_parts(documents: list[Document]) -> list[str]:
    """Every account and claim that a pod names is there."""
    accounts, claims = (
        _named(documents, "ServiceAccount"),
        _named(documents, "PersistentVolumeClaim"),
    )
    problems = []
    for pod in pods(documents):
        if (pod.namespace, pod.spec.get("serviceAccountName", "")) not in accounts:
            problems.append(f"{pod.owner} runs as {pod.spec.get('serviceAccountName')!r}")
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and (pod.namespace, claim) not in claims:
                problems.append(f"{pod.owner} claims {claim!r}, which is not there")
        if pod.selector and not matches(pod.selector, pod.labels):
            problems.append(f"{pod.owner} does not select its own pods")
    return problems


def namespaces_are_labelled(documents: list[Document]) -> list[str]:
    """Our namespaces are restricted, and bear what the platform's policies read."""
    wanted = OBJECT_STORE_ADMITS | {"pod-security.kubernetes.io/enforce": "restricted"}
    spaces = {d["metadata"]["name"]: d for d in of_kind(documents, "Namespace")}
    problems = [
        f"{title(space)} has {key}={space['metadata'].get('labels', {}).get(key)!r}: "
        f"expected {value!r}"
        for space in spaces.values()
        for key, value in wanted.items()
        if space["metadata"].get("labels", {}).get(key) != value
    ]
    used = {pod.namespace for pod in pods(documents)}
    return [*problems, *(f"namespace {name!r} is not made" for name in sorted(used - set(spaces)))]


def _named(documents: list[Document], kind: str) -> set[tuple[str, str]]:
    return {(namespace_of(d), d["metadata"]["name"]) for d in of_kind(documents, kind)}


def _selected(documents: list[Document], namespace: str, selector: dict[str, Any]) -> list[Pod]:
    return [
        pod
        for pod in pods(documents)
        if pod.namespace == namespace and matches(selector, pod.labels)
    ]


def _reached(
    documents: list[Document], policy: Document, peers: Iterable[dict[str, Any]]
) -> list[Pod]:
    """The pods that peers of a policy stand for."""
    return [pod for peer in peers for pod in _peer_pods(documents, policy, peer)]


def _peer_pods(documents: list[Document], policy: Document, peer: dict[str, Any]) -> Iterator[Pod]:
    labels = {
        d["metadata"]["name"]: d["metadata"]["labels"] for d in of_kind(documents, "Namespace")
    }
    for pod in () if "ipBlock" in peer else (*pods(documents), *PODS):
        if "namespaceSelector" in peer:
            space = {**labels.get(pod.namespace, {}), _NAMESPACE_LABEL: pod.namespace}
            near = matches(peer["namespaceSelector"], space)
        else:
            near = pod.namespace == namespace_of(policy)
        if near and matches(peer.get("podSelector", {}), pod.labels):
            yield pod


def _peers(
    documents: list[Document], policy: Document, peers: Iterable[dict[str, Any]]
) -> list[str]:
    return [
        f"{title(policy)} opens to {peer!r}, which is no pod"
        for peer in peers
        if "ipBlock" not in peer
        and peer.get("podSelector", {}).get("matchLabels") != GROUND_TRUTH
        and not list(_peer_pods(documents, policy, peer))
    ]


def _ports(policy: Document, rule: dict[str, Any], reached: list[Pod]) -> list[str]:
    return [
        f"{title(policy)} opens port {port['port']!r}, which {pod.owner} lacks"
        for port in rule["ports"]
        for pod in reached
        if not _has_port(pod, port["port"], port["protocol"])
    ]


def _has_port(pod: Pod, port: str | int, protocol: str) -> bool:
    index = 0 if isinstance(port, str) else 1
    return any(known[index] == port and known[2] == protocol for known in pod.ports)
