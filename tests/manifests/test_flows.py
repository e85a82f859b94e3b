"""The policies open what the table of flows says and nothing else; each change is noticed."""

import pytest

from tests.manifests.flows import FLOWS, opened, wanted
from tests.manifests.mutants import mutants
from tests.manifests.policies import End, Passage, Policies
from tests.manifests.rendered import (
    OVERLAYS,
    Document,
    needs_kubectl,
    of_kind,
    overlay,
    title,
    without,
)

pytestmark = needs_kubectl


def policies_of(name: str) -> list[str]:
    return [title(policy) for policy in of_kind(overlay(name), "NetworkPolicy")]


@pytest.mark.parametrize("name", OVERLAYS)
def test_policies_open_what_the_table_says_and_nothing_else(name: str) -> None:
    documents = overlay(name)
    found, expected = opened(documents), wanted(documents, FLOWS[name])
    assert sorted(found - expected) == [], "open, and in no row of FLOWS"
    assert sorted(expected - found) == [], "in FLOWS, and not open"


@pytest.mark.parametrize("name", OVERLAYS)
def test_policies_each_taken_away_change_what_is_open(name: str) -> None:
    documents = overlay(name)
    expected = wanted(documents, FLOWS[name])
    names = policies_of(name)
    assert [policy for policy in names if opened(without(documents, policy)) == expected] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_policies_changed_in_one_place_open_something_else(name: str) -> None:
    """Each port changed, each selector widened or narrowed, each rule and peer lost."""
    documents = overlay(name)
    expected = wanted(documents, FLOWS[name])
    unnoticed, tried = [], 0
    for index, document in enumerate(documents):
        if document["kind"] == "NetworkPolicy":
            for what, changed in mutants(document):
                tried += 1
                with_it = [*documents[:index], changed, *documents[index + 1 :]]
                if opened(with_it) == expected:
                    unnoticed.append(f"{title(document)}: {what}")
    print(f"{name}: {tried} changes of {len(policies_of(name))} policies")
    assert unnoticed == []
    assert tried > 100


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_policies_of_which_one_opens_all_are_noticed(name: str, direction: str) -> None:
    documents = overlay(name)
    more: Document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "more", "namespace": "kubeloop"},
        "spec": {"podSelector": {}, "policyTypes": [direction.title()], direction: [{}]},
    }
    assert opened([*documents, more]) > wanted(documents, FLOWS[name])


def test_table_of_flows_says_what_each_is_for() -> None:
    for flows in FLOWS.values():
        rows = [(flow.sources, flow.targets, flow.ports) for flow in flows]
        assert len(rows) == len(set(rows))
        assert all(flow.why for flow in flows)


CLIENT = End("client", "10.244.0.1", "a", (("app", "client"),))
SERVER = End("server", "10.244.0.2", "b", (("app", "server"),), frozenset({("web", 80, "TCP")}))
OUTSIDER = End("outsider", "198.51.100.7")


def let(spec: Document, own: End, other: End, direction: str) -> set[str]:
    """Which of three ports one policy in the pod's namespace lets through."""
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": own.namespace}}
    asked = {(80, "TCP"), (81, "TCP"), (80, "UDP")}
    passages = Policies([{**policy, "spec": spec}]).passages(direction, own, other, asked)
    names = {
        "Ingress": (other.name, own.name),
        "Egress": (own.name, other.name),
    }
    result = set(passages)
    assert result <= {Passage(direction, *names[direction], port) for port in ALL}
    return {passage.port for passage in result}


ALL = {"80/TCP", "81/TCP", "80/UDP"}
NEAR = {"podSelector": {"matchLabels": {"app": "client"}}}
FAR = {**NEAR, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "a"}}}


@pytest.mark.parametrize(
    ("spec", "other", "open_"),
    [
        pytest.param(
            {"podSelector": {"matchLabels": {"app": "x"}}}, CLIENT, ALL, id="not-selected"
        ),
        pytest.param({"podSelector": {}, "policyTypes": ["Egress"]}, CLIENT, ALL, id="other-way"),
        pytest.param({"podSelector": {}}, CLIENT, set(), id="no-rule"),
        pytest.param({"podSelector": {}, "ingress": [{}]}, OUTSIDER, ALL, id="empty-rule"),
        pytest.param({"podSelector": {}, "ingress": [{"from": [NEAR]}]}, CLIENT, set(), id="near"),
        pytest.param({"podSelector": {}, "ingress": [{"from": [FAR]}]}, CLIENT, ALL, id="far"),
        pytest.param(
            {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
            OUTSIDER,
            set(),
            id="outside-is-in-no-namespace",
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"ports": [{"port": "web"}]}]},
            CLIENT,
            {"80/TCP"},
            id="named-port",
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "endPort": 90}]}]},
            CLIENT,
            {"80/TCP", "81/TCP"},
            id="range",
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"ports": [{"protocol": "UDP"}]}]},
            CLIENT,
            {"80/UDP"},
            id="protocol-alone",
        ),
        pytest.param(
            {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}]},
            OUTSIDER,
            ALL,
            id="block",
        ),
        pytest.param(
            {
                "podSelector": {},
                "ingress": [
                    {"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["198.51.100.0/24"]}}]}
                ],
            },
            OUTSIDER,
            set(),
            id="gap-in-a-block",
        ),
    ],
)
def test_policies_are_read_as_kubernetes_defines_them(
    spec: Document, other: End, open_: set[str]
) -> None:
    assert let(spec, SERVER, other, "Ingress") == open_


def test_policies_look_a_ports_name_up_in_the_pod_that_is_reached() -> None:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": "web"}]}]}
    assert let(spec, CLIENT, SERVER, "Egress") == {"80/TCP"}
    assert let(spec, CLIENT, OUTSIDER, "Egress") == set()
