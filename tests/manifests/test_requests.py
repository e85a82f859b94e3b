"""A laptop holds it: what everything asks for together, on four cores and 16 GB."""

import copy
from decimal import Decimal

import pytest
import yaml

from pipelines.training import training
from tests.manifests.platform_facts import DRIVER, LAUNCHER, REQUESTS
from tests.manifests.pods import Pod, pods
from tests.manifests.quantities import quantity
from tests.manifests.rendered import MANIFESTS, Document, changed, needs_kubectl, overlay

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
    documents: list[Document], predictors: int = ROLLOUT, drivers: int = 1
) -> list[tuple[str, Decimal, Decimal]]:
    """Every part with its cores and bytes, the platform's first, a run's drivers last."""
    rows = [(r.what, quantity(r.cpu), quantity(r.memory)) for r in REQUESTS]
    for pod in pods(documents):
        times = predictors if pod.owner == "ServingRuntime/kubeloop" else pod.replicas
        if pod.owner != "ServingRuntime/kubeloop-skops":
            cpu, memory = asked(pod, "cpu"), asked(pod, "memory")
            rows.append((f"{pod.owner} x {times}", cpu * times, memory * times))
    cpu, memory = quantity(DRIVER.cpu), quantity(DRIVER.memory)
    return [*rows, (f"{DRIVER.what} x {drivers}", cpu * drivers, memory * drivers)]


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
    ("predictors", "size", "tasks", "drivers"),
    [(1, "", 2, 1), (1, "", 1, 6), (ROLLOUT, "small_", 5, 1)],
    ids=["training", "candidates", "rollout"],
)
def test_requests_of_kind_leave_room_for_pipeline_tasks(
    predictors: int, size: str, tasks: int, drivers: int
) -> None:
    """While data is read and models are fitted one version is served, while one is deployed two.

    A driver is gone when its task starts; those of candidates come side by side.
    """
    inputs = training.component_spec.inputs
    rows = budget(overlay("kind"), predictors, drivers)
    for resource, room in (("cpu", CORES), ("memory", MEMORY)):
        each = quantity(inputs[f"{size}{resource}_request"].default)
        # Init containers ask before the main one does.
        each = max(each, quantity(getattr(LAUNCHER, resource)))
        kept = [cpu if resource == "cpu" else memory for _, cpu, memory in rows]
        assert sum(kept, tasks * each) <= room


def test_requests_count_a_driver_for_each_that_runs() -> None:
    one, three = (budget(overlay("kind"), drivers=n) for n in (1, 3))
    assert sum(row[1] for row in three) - sum(row[1] for row in one) == Decimal("0.2")
    assert sum(row[2] for row in three) - sum(row[2] for row in one) == 128 * MIB


def test_requests_of_the_gateway_are_those_of_its_manifest() -> None:
    path = MANIFESTS / "platform" / "06-gateway" / "envoy-proxy.yaml"
    proxy = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["provider"]["kubernetes"]
    (counted,) = (request for request in REQUESTS if request.what == "envoy")
    given = proxy["envoyDeployment"]["container"]["resources"]["requests"]
    assert given == {"cpu": counted.cpu, "memory": counted.memory}


@pytest.mark.parametrize(("resource", "said"), [("cpu", "cores"), ("memory", "bytes")])
def test_requests_that_grow_fit_no_more(resource: str, said: str) -> None:
    path = f"spec/template/spec/containers/0/resources/requests/{resource}"
    value = {"cpu": "3", "memory": "12Gi"}[resource]
    problems = excess(changed(overlay("kind"), "Deployment/mlflow", path, value))
    assert [problem for problem in problems if said in problem]


def test_requests_name_their_sources() -> None:
    assert [
        request.what for request in (*REQUESTS, DRIVER, LAUNCHER) if "/" not in request.source
    ] == []


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
