"""How to open what runs in the local cluster."""

from pipelines.cluster.steps import KUBECTL, NAME

_DOORS = (
    # It hands the API on, so that it is also the host of submit and schedule.
    (
        "Kubeflow's dashboard, API",
        "http://localhost:8888",
        "kubeflow",
        "svc/ml-pipeline-ui 8888:80",
    ),
    ("Grafana (admin, admin)", "http://localhost:3000", "monitoring", "svc/grafana 3000"),
    ("Prometheus", "http://localhost:9090", "monitoring", "svc/prometheus-k8s 9090"),
    ("MLflow", "http://localhost:5000", "kubeloop", "svc/mlflow 5000"),
    ("the monitor's page", "http://localhost:9091", "kubeloop", "svc/monitor 9091"),
)
ENDPOINT = "http://NAME-kubeloop.models.localhost:8080/v1/models/NAME:predict"


def describe_doors() -> list[str]:
    """Returns the lines that say how each part is opened."""
    lines = ["", "the cluster is up; each of these opens a door while it runs:"]
    for what, address, namespace, door in _DOORS:
        lines.append(f"  {what:<27} {address:<23} {KUBECTL} -n {namespace} port-forward {door}")
    lines.append(f"  {'a model, once one is there':<27} {ENDPOINT}")
    # By its path, as the README says to type it: an installation by `make setup` is on no PATH.
    lines.append(f"what is wrong, if anything: .venv/bin/kubeloop doctor --context kind-{NAME}")
    return lines
