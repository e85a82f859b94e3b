"""What NetworkPolicies let through, as Kubernetes defines it, each end for itself.

The rules are those of https://kubernetes.io/docs/concepts/services-networking/network-policies/ and
of the type's own documentation (kubernetes/api: networking/v1/types.go):
- a pod that no policy of a direction selects lets everything through in it;
- policies add up: what any rule of any policy that selects the pod opens is open;
- a rule without peers is for everybody, one without ports for every port;
- a peer's two selectors hold together; without a namespaceSelector it is of the policy's namespace;
- a port's name is looked up in the pod that is reached.
Whether an address block takes pods too is left to whoever enforces the policy; here it does, which
shows the most that may be open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from tests.manifests.references import matches
from tests.manifests.rendered import Document, namespace_of, of_kind

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_LAST_PORT = 65535


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside.

    Attributes:
        name: how the table of flows calls it.
        address: an IP address.
        namespace: of a pod; empty for what is outside.
        labels: of a pod.
        ports: name, number and protocol of what a pod listens on.
    """

    name: str
    address: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    ports: frozenset[tuple[str, int, str]] = frozenset()


@dataclass(frozen=True, order=True)
class Passage:
    """One thing that one end lets through.

    Attributes:
        direction: `Ingress`, told by the end that is reached, or `Egress`, by the one that asks.
        source: name of the end that asks.
        target: name of the end that is reached.
        port: number and protocol, such as `8080/TCP`.
    """

    direction: str
    source: str
    target: str
    port: str


class Policies:
    """The NetworkPolicies and Namespaces of some documents."""

    def __init__(self, documents: list[Document]) -> None:
        self._policies = list(of_kind(documents, "NetworkPolicy"))
        self._spaces = {
            d["metadata"]["name"]: d["metadata"].get("labels", {})
            for d in of_kind(documents, "Namespace")
        }

    def passages(
        self, direction: str, own: End, other: End, ports: set[tuple[int, str]]
    ) -> Iterator[Passage]:
        """What `own` lets through from or to `other`, of the ports that are asked about."""
        source, target = (own, other) if direction == "Egress" else (other, own)
        chosen = [p for p in self._policies if _selects(p, direction, own)]
        rules = [
            (rule, namespace_of(p)) for p in chosen for rule in p["spec"].get(direction.lower(), [])
        ]
        key = "to" if direction == "Egress" else "from"
        meant = [r for r, space in rules if self._is_peer(r.get(key), space, other)]
        for number, protocol in ports:
            if not chosen or any(_opens(rule, target, number, protocol) for rule in meant):
                yield Passage(direction, source.name, target.name, f"{number}/{protocol}")

    def _is_peer(self, peers: list[dict[str, Any]] | None, space: str, other: End) -> bool:
        return not peers or any(self._takes(peer, space, other) for peer in peers)

    def _takes(self, peer: dict[str, Any], space: str, other: End) -> bool:
        if "ipBlock" in peer:
            return _is_in_block(peer["ipBlock"], other.address)
        if not other.namespace:
            return False
        if "namespaceSelector" in peer:
            labels = self._spaces.get(other.namespace, {}) | {_NAMESPACE_LABEL: other.namespace}
            near = matches(peer["namespaceSelector"], labels)
        else:
            near = other.namespace == space
        return near and matches(peer.get("podSelector", {}), dict(other.labels))


def _selects(policy: Document, direction: str, own: End) -> bool:
    spec = policy["spec"]
    usual = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    return (
        direction in spec.get("policyTypes", usual)
        and own.namespace == namespace_of(policy)
        and matches(spec["podSelector"], dict(own.labels))
    )


def _is_in_block(block: dict[str, Any], address: str) -> bool:
    place = ip_address(address)
    return place in ip_network(block["cidr"]) and not any(
        place in ip_network(gap) for gap in block.get("except", [])
    )


def _opens(rule: dict[str, Any], target: End, number: int, protocol: str) -> bool:
    return not rule.get("ports") or any(
        port.get("protocol", "TCP") == protocol and _is_port(port, target, number, protocol)
        for port in rule["ports"]
    )


def _is_port(port: dict[str, Any], target: End, number: int, protocol: str) -> bool:
    given = port.get("port")
    if isinstance(given, str):
        return (given, number, protocol) in target.ports
    first = 1 if given is None else given
    last = port.get("endPort", _LAST_PORT if given is None else given)
    return bool(first <= number <= last)
