"""How what is missing is installed: on the cluster that was asked, by manifests meant for such.

The steps of manifests/platform are made for a cluster of kind. Two of them hold values that harm
any other: KServe's, with a domain and a scheme for one machine, and the metrics server's, which
trusts whatever certificate a kubelet shows.
"""

from pipelines.cluster.doctor.reader import Reader, RefusedError

_APPLY = "apply --server-side -k"
_PLATFORM = "manifests/platform"
_METRICS = "09-metrics-server"
# What has to be there before a step: by the comments of these steps' kustomizations.
_BEFORE = {
    "03-kubeflow-pipelines": (
        f"{_APPLY} {_PLATFORM}/02-kubeflow-pipelines-crds",
        "wait --for=condition=Established --timeout=1m crd/workflows.argoproj.io",
    )
}
_PROVIDER = "kind://"
"""How a node's spec.providerID begins: kind's pkg/cluster/internal/kubeadm/config.go."""


def installing(reader: Reader, step: str) -> str:
    """Returns what installs a part of the platform.

    Args:
        reader: the cluster.
        step: the part's folder in manifests/platform.
    """
    if not is_kind(reader):
        if step == "05-kserve":
            production = f"{_APPLY} manifests/overlays/production/kserve"
            return f"with your domain in its ConfigMap: {reader.kubectl} {production}"
        if step == _METRICS:
            return (
                "the release's own way, https://github.com/kubernetes-sigs/metrics-server; "
                f"{_PLATFORM}/{_METRICS} is for kind, for it trusts every kubelet's certificate"
            )
    lines = (*_BEFORE.get(step, ()), f"{_APPLY} {_PLATFORM}/{step}")
    return " && ".join(f"{reader.kubectl} {line}" for line in lines)


def overlaying(reader: Reader) -> str:
    """Returns what installs Kubeloop itself."""
    if is_kind(reader):
        return f"{reader.kubectl} {_APPLY} manifests/overlays/kind"
    overlay = "manifests/overlays/production"
    return f"with your values in it: {reader.kubectl} {_APPLY} {overlay}"


def is_kind(reader: Reader) -> bool:
    """Says whether the cluster is one of kind, by its name or by what its nodes say.

    Args:
        reader: the cluster.

    Returns:
        False too where it cannot be known: what is meant for production harms no local cluster.
    """
    if reader.context.startswith("kind-"):
        return True
    try:
        nodes = reader.items("/api/v1/nodes")
    except RefusedError:
        return False
    return any(node.get("spec", {}).get("providerID", "").startswith(_PROVIDER) for node in nodes)
