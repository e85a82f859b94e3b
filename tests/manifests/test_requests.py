"""A laptop holds it: what everything asks for together, on four cores and 16 GB."""

import copy
from decimal import Decimal

import pytest

from pipelines.training import training
from tests.manifests.platform_facts import REQUESTS
from tests.manifests.pods import Pod, pods
from tests.manifests.quantities import quantity
from tests.manifests.rendered import Document, changed, needs_kubectl, overlay

pytestmark = needs_kubectl

CORES, MEMORY = Decimal(4), quantity("16G")
MIB = quantity("1Mi")
# One model, and the candidate that stands beside it while a version is rolled out.
ROLLOUT = 2


def asked(pod: Pod, resource: str) -> Decimal:
    """What the scheduler keeps for a pod: the sum of its containers, or its largest first one.

    See https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers.
    """

    def of(container: Document) -> Decimal:
        return quantity(container["resources"]["requests"][resource])

    first = [of(container) for container in pod.spec.get("initContainers", [])]
    return max([sum(map(of, pod.spec["containers"]), Decimal(0)), *first])


def budget(
    documents: list[Document], predictors: int = ROLLOUT
) -> list[tuple[str, Decimal, Decimal]]:
    """Every part with its cores and bytes, the platform's first."""
    rows = [(r.what, quantity(r.cpu), quantity(r.memory)) for r in REQUESTS]
    for pod in pods(documents):
        times = predictors if pod.owner == "ServingRuntime/kubeloop" else pod.replicas
        if pod.owner != "ServingRuntime/kubeloop-skops":
            cpu, memory = asked(pod, "cpu"), asked(pod, "memory")
            rows.append((f"{pod.owner} x {times}", cpu * times, memory * times))
    return rows


def excess(documents: list[Document]) -> list[str]:
    """In what the parts together do not fit."""
    rows = budget(documents)
    totals = {
        "cores": (sum(cpu for _, cpu, _ in rows), CORES),
        "bytes": (sum(memory for _, _, memory in rows), MEMORY),
    }
    return [f"{total} {what} > {room}" for what, (total, room) in totals.items() if total > room]


def test_requests_of_kind_fit_a_laptop() -> None:
    documents = overlay("kind")
    rows = budget(documents)
    total = ("together", sum(r[1] for r in rows), sum(r[2] for r in rows))
    free = ("left for pipeline tasks", CORES - total[1], MEMORY - total[2])
    for what, cpu, memory in (*rows, total, free):
        print(f"{what:36} {cpu:6.3f} cores {memory / MIB:7.0f} MiB")
    assert excess(documents) == []


@pytest.mark.parametrize(
    ("predictors", "size", "tasks"),
    [(1, "", 2), (ROLLOUT, "small_", 5)],
    ids=["training", "rollout"],
)
def test_requests_of_kind_leave_room_for_pipeline_tasks(
    predictors: int, size: str, tasks: int
) -> None:
    """While data is read and models are fitted one version is served, while one is deployed two."""
    inputs = training.component_spec.inputs
    rows = budget(overlay("kind"), predictors)
    for resource, room, column in (("cpu", CORES, 1), ("memory", MEMORY, 2)):
        each = quantity(inputs[f"{size}{resource}_request"].default)
        assert sum((row[column] for row in rows), tasks * each) <= room


@pytest.mark.parametrize(("resource", "said"), [("cpu", "cores"), ("memory", "bytes")])
def test_requests_that_grow_fit_no_more(resource: str, said: str) -> None:
    path = f"spec/template/spec/containers/0/resources/requests/{resource}"
    value = {"cpu": "3", "memory": "12Gi"}[resource]
    problems = excess(changed(overlay("kind"), "Deployment/mlflow", path, value))
    assert [problem for problem in problems if said in problem]


def test_requests_name_their_sources() -> None:
    assert [request.what for request in REQUESTS if "/" not in request.source] == []


def test_asked_pod_takes_the_larger_of_init_and_main_containers() -> None:
    pod = next(pod for pod in pods(overlay("kind")) if pod.owner == "ServingRuntime/kubeloop")
    spec = copy.deepcopy(pod.spec)
    assert asked(pod, "cpu") == Decimal("0.5")
    spec["initContainers"][0]["resources"]["requests"]["cpu"] = "700m"
    assert asked(Pod(pod.owner, pod.namespace, pod.labels, spec), "cpu") == Decimal("0.7")


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", "0.5"), ("2", "2"), ("512Mi", "536870912"), ("16G", "16000000000"), (1, "1")],
)
def test_quantity_is_read_as_kubernetes_does(text: str | int, number: str) -> None:
    assert quantity(text) == Decimal(number)
