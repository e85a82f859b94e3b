"""Who may reach whom, and at which port: the whole of it, for each overlay.

`opened` says what the rendered policies let through between every pod that we know, strangers who
resemble them, and addresses outside; `wanted` what is written down here. Both have to be the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.manifests.platform_facts import PODS
from tests.manifests.pods import Pod, pods
from tests.manifests.policies import End, Passage, Policies
from tests.manifests.rendered import Document

OURS = "kubeloop"
NAMES = {
    "ServingRuntime/kubeloop": "predictor",
    "ServingRuntime/kubeloop-skops": "skops predictor",
    "Deployment/monitor": "monitor",
    "Deployment/mlflow": "mlflow",
    "StatefulSet/postgresql": "postgresql",
}
PREDICTORS = ("predictor", "skops predictor")
# What stands outside: its address, by which alone a policy knows it. The database's network and the
# other public ones are those that RFC 5737 keeps for documentation.
OUTSIDE = {
    "database": "192.0.2.10",
    "network beside the database": "192.0.3.10",
    "internet": "203.0.113.7",
    "private, class A": "10.20.0.5",
    "private, class B": "172.20.0.5",
    "private, class C": "192.168.20.5",
    "private, of the provider": "100.64.20.5",
    "the node's metadata": "169.254.169.254",
}
PUBLIC = ("database", "network beside the database", "internet")


@dataclass(frozen=True)
class Flow:
    """Who asks, who is asked, at which ports of the pod, and what for."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ports: tuple[str, ...]
    why: str


_EVERYWHERE = (
    Flow(("gateway",), PREDICTORS, ("8080/TCP", "8081/TCP"), "clients: V1 and V2, and gRPC"),
    Flow(("pipeline task",), PREDICTORS, ("8080/TCP",), "deploy proves a candidate"),
    Flow(("pipeline task",), ("monitor",), ("9091/TCP",), "deploy registers, ingest reads fresh"),
    Flow(("pipeline task",), ("mlflow",), ("5000/TCP",), "register, champion and crown"),
    Flow(("prometheus",), PREDICTORS, ("8080/TCP",), "/metrics"),
    Flow(("prometheus",), ("monitor",), ("9091/TCP",), "/metrics"),
    Flow(("alertmanager",), ("monitor",), ("9091/TCP",), "alerts that start a training run"),
    Flow(PREDICTORS, ("monitor",), ("9091/TCP",), "events"),
    Flow(("ground truth",), ("monitor",), ("9091/TCP",), "labels, from whoever learns them"),
    Flow(("monitor",), ("ml-pipeline",), ("8888/TCP",), "training runs are started and watched"),
)
# MLflow names bundles and never reads one (--no-serve-artifacts): nothing leads it to the object
# store.
FLOWS = {
    "kind": (
        *_EVERYWHERE,
        Flow(PREDICTORS, ("seaweedfs",), ("8333/TCP",), "bundles"),
        Flow(("mlflow",), ("postgresql",), ("5432/TCP",), "the registry's tables"),
    ),
    "production": (
        *_EVERYWHERE,
        Flow(PREDICTORS, PUBLIC, ("443/TCP",), "bundles, of an object store outside"),
        Flow(("mlflow",), ("database",), ("5432/TCP",), "the registry's tables"),
        Flow(("monitor",), PUBLIC, ("443/TCP",), "people are told by a webhook outside"),
    ),
}
MONITOR_DATABASE = Flow(("monitor",), ("database",), ("5432/TCP",), "events and ground truth")
_DNS = ("53/UDP", "53/TCP")
# Beside the ports of the table some that nobody asks for: SSH, HTTP, a Service's that no pod has.
_NUMBERS = {22, 80, 9000} | {
    int(port.split("/")[0]) for flows in FLOWS.values() for flow in flows for port in flow.ports
}


def wanted(documents: list[Document], flows: tuple[Flow, ...]) -> set[Passage]:
    """What has to be open: each flow at both ends, as far as they are ours, and DNS for all."""
    ends = {end.name: end for end in everybody(documents)}
    result = {
        Passage("Egress", end.name, "coredns", port)
        for end in ends.values()
        if end.namespace == OURS
        for port in _DNS
    }
    for flow in flows:
        for source in flow.sources:
            for target in flow.targets:
                for port in flow.ports:
                    result |= set(_both_ends(ends[source], ends[target], port))
    return result


def _both_ends(source: End, target: End, port: str) -> Iterator[Passage]:
    if source.namespace == OURS:
        yield Passage("Egress", source.name, target.name, port)
    if target.namespace == OURS:
        yield Passage("Ingress", source.name, target.name, port)


def opened(documents: list[Document]) -> set[Passage]:
    """What the policies let through at each end that is ours."""
    policies, ends = Policies(documents), everybody(documents)
    numbers = _NUMBERS | {number for end in ends for _, number, _ in end.ports}
    ports = {(number, protocol) for number in numbers for protocol in ("TCP", "UDP")}
    return {
        passage
        for own in ends
        if own.namespace == OURS
        for other in ends
        for direction in ("Ingress", "Egress")
        for passage in policies.passages(direction, own, other, ports)
    }


def everybody(documents: list[Document]) -> list[End]:
    """The pods of an overlay and of the platform, those who resemble them, and who is outside."""
    numbers = count(1)

    def end(pod: Pod, name: str, namespace: str) -> End:
        labels = tuple(sorted(pod.labels.items()))
        return End(name, f"10.244.0.{next(numbers)}", namespace, labels, frozenset(pod.ports))

    own = [(NAMES[pod.owner], pod) for pod in pods(documents)]
    platform = [("gateway" if p.owner == "envoy" else p.owner, p) for p in PODS]
    ends = [end(pod, name, pod.namespace) for name, pod in (*own, *platform)]
    # The same labels in a namespace where they mean nothing.
    ends += [end(pod, f"{name} elsewhere", "elsewhere") for name, pod in (*own, *platform)]
    ends += [end(pod, f"{name} among ours", OURS) for name, pod in platform]
    spaces = sorted({OURS, "elsewhere", *(pod.namespace for pod in PODS)})
    ends += [end(_NOBODY, f"nobody in {space}", space) for space in spaces]
    ends += [end(pod, pod.owner, pod.namespace) for pod in STRANGERS]
    return [*ends, *(End(name, address) for name, address in OUTSIDE.items())]


_NOTHING: dict[str, Any] = {"containers": []}
_GATEWAY = "gateway.envoyproxy.io/owning-gateway"
# Who shares some of the labels by which a policy knows somebody, and is not meant.
STRANGERS = (
    # KServe's other components, and whoever calls a thing of his own a predictor.
    Pod(
        "transformer",
        OURS,
        {"component": "transformer", "serving.kserve.io/inferenceservice": "model-name"},
        _NOTHING,
    ),
    Pod("predictor of somebody", OURS, {"component": "predictor"}, _NOTHING),
    # A port that has the name of one of ours.
    Pod(
        "another database",
        OURS,
        {"app.kubernetes.io/name": "another"},
        {"containers": [{"ports": [{"name": "postgresql", "containerPort": 5432}]}]},
    ),
    # The proxies of other gateways.
    Pod(
        "gateway of somebody",
        "envoy-gateway-system",
        {f"{_GATEWAY}-namespace": "somebody", f"{_GATEWAY}-name": "kserve-ingress-gateway"},
        _NOTHING,
    ),
    Pod(
        "another gateway",
        "envoy-gateway-system",
        {f"{_GATEWAY}-namespace": "kserve", f"{_GATEWAY}-name": "another"},
        _NOTHING,
    ),
    Pod("ground truth", "elsewhere", {"kubeloop-ground-truth": "true"}, _NOTHING),
    Pod("no ground truth", "elsewhere", {"kubeloop-ground-truth": "false"}, _NOTHING),
    Pod("grafana", "monitoring", {"app.kubernetes.io/name": "grafana"}, _NOTHING),
)
_NOBODY = Pod("nobody", "", {}, _NOTHING)
