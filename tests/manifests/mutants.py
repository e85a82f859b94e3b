"""NetworkPolicies with one thing changed, each of which lets more or less through than before."""

import copy
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from tests.manifests.rendered import Document

_KEYS = {"Ingress": "from", "Egress": "to"}
_EVERYWHERE = "0.0.0.0/0"


def mutants(policy: Document) -> Iterator[tuple[str, Document]]:
    """Every policy that differs in one place: a selector widened, a port changed, a rule lost."""
    for place, changed in _of_selector(policy["spec"]["podSelector"], required=True):
        yield f"podSelector{place}", _with(policy, ("podSelector",), changed)
    for direction, key in _KEYS.items():
        rules = policy["spec"].get(direction.lower(), [])
        for index, rule in enumerate(rules):
            path = (direction.lower(), index)
            for place, changed in _of_rule(rule, key):
                yield f"{direction}[{index}]{place}", _with(policy, path, changed)
        # Without rules it denies what another policy denies too: `default-deny` is held elsewhere.
        if rules:
            types = [given for given in policy["spec"]["policyTypes"] if given != direction]
            if types and types != policy["spec"]["policyTypes"]:
                yield f"policyTypes without {direction}", _with(policy, ("policyTypes",), types)


def _of_rule(rule: dict[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    yield " removed", None
    yield f".{key} removed", {name: value for name, value in rule.items() if name != key}
    yield ".ports removed", {name: value for name, value in rule.items() if name != "ports"}
    for part, changes in ((key, _of_peer), ("ports", _of_port)):
        for index, given in enumerate(rule[part]):
            for place, changed in changes(given):
                entries = [*rule[part][:index], changed, *rule[part][index + 1 :]]
                kept = [entry for entry in entries if entry is not None]
                if kept:
                    yield f".{part}[{index}]{place}", {**rule, part: kept}


def _of_port(port: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield " removed", None
    others = {"http": "grpc", "grpc": "http"}
    number = port["port"]
    other = others.get(number, "other") if isinstance(number, str) else number + 1
    yield ".port changed", {**port, "port": other}
    yield ".protocol changed", {**port, "protocol": "TCP" if port["protocol"] == "UDP" else "UDP"}
    if isinstance(number, int):
        yield ".endPort added", {**port, "endPort": 65535}


def _of_peer(peer: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield " removed", None
    if "ipBlock" in peer:
        for place, block in _of_block(peer["ipBlock"]):
            yield f".ipBlock{place}", {"ipBlock": block}
        return
    if "namespaceSelector" not in peer:
        yield ".namespaceSelector added", {**peer, "namespaceSelector": {}}
    for key, selector in peer.items():
        if len(peer) > 1:
            yield f".{key} removed", {name: peer[name] for name in peer if name != key}
        for place, changed in _of_selector(selector):
            yield f".{key}{place}", {**peer, key: changed}


def _of_block(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if block["cidr"] != _EVERYWHERE:
        wider = ip_network(block["cidr"]).supernet(prefixlen_diff=8)
        yield ".cidr wider", {**block, "cidr": str(wider)}
        yield ".cidr of all", {**block, "cidr": _EVERYWHERE}
    gaps = block.get("except", [])
    for index in range(len(gaps)):
        yield f".except[{index}] removed", {**block, "except": gaps[:index] + gaps[index + 1 :]}


def _of_selector(
    selector: dict[str, Any], required: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    labels, terms = selector.get("matchLabels", {}), selector.get("matchExpressions", [])
    if selector and not required:
        yield " emptied", {}
    for label, value in labels.items():
        kept = {name: labels[name] for name in labels if name != label}
        yield f" without {label}", {**selector, "matchLabels": kept}
        changed = {**labels, label: f"{value}-of-somebody"}
        yield f" of another {label}", {**selector, "matchLabels": changed}
    for index, term in enumerate(terms):
        for place, changed_term in _of_term(term):
            around = [*terms[:index], *changed_term, *terms[index + 1 :]]
            yield place, {**selector, "matchExpressions": around}


def _of_term(term: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield f" without {term['key']}", []
    for value in term.get("values", []):
        less = [given for given in term["values"] if given != value]
        yield f" without {value}", [{**term, "values": less}]
    if "values" in term:
        more = [*term["values"], "grafana"]
        yield f" with another {term['key']}", [{**term, "values": more}]


def _with(policy: Document, path: tuple[str | int, ...], value: Any) -> Document:
    """A copy with something else at a place; None takes it out of its list."""
    result = copy.deepcopy(policy)
    place: Any = result["spec"]
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result
