"""What the platform's pods and accounts look like, and what it asks for: data, with its sources.

Read at the versions that manifests/platform installs. KServe's figures are those of its release
file (install/v0.21.0/kserve.yaml in its repository); where a rendered manifest is named, it was
rendered from the pinned tag.
"""

from dataclasses import dataclass

from tests.manifests.pods import Pod


def _pod(what: str, namespace: str, labels: dict[str, str], *ports: tuple[str, int, str]) -> Pod:
    container = {
        "name": what,
        "ports": [
            {"name": name, "containerPort": number, "protocol": protocol}
            for name, number, protocol in ports
        ],
    }
    return Pod(what, namespace, labels, {"containers": [container]})


PODS = (
    # kubeflow/pipelines 2.17.0: backend/src/v2/compiler/argocompiler/argo.go (PodMetadata of every
    # workflow) and backend/src/apiserver/template/v2_template.go (SetPodMetadataLabels);
    # argoproj/argo-workflows v4.0.5: workflow/controller/workflowpod.go.
    _pod(
        "pipeline task",
        "kubeflow",
        {
            "pipelines.kubeflow.org/v2_component": "true",
            "pipeline/runid": "0b5e9ae9-0c39-4a05-8b55-0a6b2f3c7f5a",
            "workflows.argoproj.io/workflow": "kubeloop-training-x7k2p",
            "workflows.argoproj.io/completed": "false",
        },
    ),
    # kubeflow/pipelines 2.17.0: manifests/kustomize/base/pipeline/ml-pipeline-apiserver-*.yaml.
    _pod("ml-pipeline", "kubeflow", {"app": "ml-pipeline"}, ("http", 8888, "TCP")),
    # kubeflow/pipelines 2.17.0: manifests/kustomize/third-party/seaweedfs/base/seaweedfs/.
    _pod("seaweedfs", "kubeflow", {"app": "seaweedfs"}, ("", 8333, "TCP")),
    # envoyproxy/gateway v1.8.1: EnvoyAppLabel in internal/infrastructure/kubernetes/proxy/
    # resource.go, and the labels of the owning gateway in internal/gatewayapi/translator.go.
    _pod(
        "envoy",
        "envoy-gateway-system",
        {
            "app.kubernetes.io/name": "envoy",
            "app.kubernetes.io/component": "proxy",
            "app.kubernetes.io/managed-by": "envoy-gateway",
            "gateway.envoyproxy.io/owning-gateway-namespace": "kserve",
            "gateway.envoyproxy.io/owning-gateway-name": "kserve-ingress-gateway",
        },
    ),
    # prometheus-operator/kube-prometheus v0.18.0: manifests/prometheus-prometheus.yaml and
    # alertmanager-alertmanager.yaml, podMetadata.
    _pod("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    _pod("alertmanager", "monitoring", {"app.kubernetes.io/name": "alertmanager"}),
    # kubernetes/kubernetes: cmd/kubeadm/app/phases/addons/dns/manifests.go.
    _pod(
        "coredns",
        "kube-system",
        {"k8s-app": "kube-dns"},
        ("dns", 53, "UDP"),
        ("dns-tcp", 53, "TCP"),
    ),
)

# Namespace and name of the accounts that our RoleBindings name.
ACCOUNTS = {
    # kubeflow/pipelines 2.17.0: manifests/kustomize/base/pipeline/pipeline-runner-sa.yaml.
    ("kubeflow", "pipeline-runner"),
    # prometheus-operator/kube-prometheus v0.18.0: manifests/prometheus-serviceAccount.yaml.
    ("monitoring", "prometheus-k8s"),
}

# What the object store's NetworkPolicy asks of a namespace before it lets its pods in:
# kubeflow/pipelines 2.17.0, third-party/seaweedfs/base/seaweedfs/seaweedfs-networkpolicy.yaml.
OBJECT_STORE_ADMITS = {"app.kubernetes.io/part-of": "kubeflow-profile"}


@dataclass(frozen=True)
class Request:
    """What a part of the platform keeps for itself.

    Attributes:
        what: the workload.
        cpu: cores, as Kubernetes writes them; for all its replicas.
        memory: bytes, as Kubernetes writes them; for all its replicas.
        source: where the figure was read.
    """

    what: str
    cpu: str
    memory: str
    source: str


_KUBEADM = "kubernetes/kubernetes: cmd/kubeadm/app/phases"
_KFP = "kubeflow/pipelines 2.17.0, platform-agnostic-k8s-native rendered"
_KFP_BASE = "kubeflow/pipelines 2.17.0: manifests/kustomize/base/pipeline"
_PROMETHEUS = "prometheus-operator/kube-prometheus v0.18.0: manifests"
_RELOADER = "its config-reloader: prometheus-operator v0.92.0, cmd/operator/main.go"

# Workloads without any request are not listed: cert-manager's three (deploy/charts/cert-manager/
# values.yaml at v1.21.1, `resources: {}`), and of Kubeflow Pipelines the cache, metadata, viewer
# and scheduled-workflow deployments (2.17.0, rendered).
REQUESTS = (
    Request("kube-apiserver", "250m", "0", f"{_KUBEADM}/controlplane/manifests.go"),
    Request("kube-controller-manager", "200m", "0", f"{_KUBEADM}/controlplane/manifests.go"),
    Request("kube-scheduler", "100m", "0", f"{_KUBEADM}/controlplane/manifests.go"),
    Request("etcd", "100m", "100Mi", f"{_KUBEADM}/etcd/local.go, by its pull request 94479"),
    Request("coredns, two", "200m", "140Mi", f"{_KUBEADM}/addons/dns/manifests.go"),
    Request("kindnet", "100m", "50Mi", "kind v0.32.0: pkg/build/nodeimage/const_cni.go"),
    Request("ml-pipeline", "250m", "500Mi", f"{_KFP_BASE}/ml-pipeline-apiserver-deployment.yaml"),
    Request(
        "ml-pipeline-persistenceagent",
        "120m",
        "500Mi",
        f"{_KFP_BASE}/ml-pipeline-persistenceagent-deployment.yaml",
    ),
    Request("ml-pipeline-ui", "10m", "70Mi", f"{_KFP_BASE}/ml-pipeline-ui-deployment.yaml"),
    Request(
        "ml-pipeline-visualizationserver",
        "30m",
        "500Mi",
        f"{_KFP_BASE}/ml-pipeline-visualization-deployment.yaml",
    ),
    Request("mysql", "100m", "800Mi", f"{_KFP}: third-party/mysql/base/mysql-deployment.yaml"),
    Request("seaweedfs", "64m", "256Mi", f"{_KFP}: third-party/seaweedfs/base/seaweedfs"),
    Request("workflow-controller", "100m", "500Mi", f"{_KFP}: third-party/argo/base"),
    Request(
        "envoy-gateway",
        "100m",
        "256Mi",
        "envoyproxy/gateway v1.8.1: charts/gateway-helm/values.tmpl.yaml",
    ),
    Request("envoy", "30m", "256Mi", "manifests/platform/06-gateway/envoy-proxy.yaml"),
    Request(
        "envoy's shutdown-manager",
        "10m",
        "32Mi",
        "envoyproxy/gateway v1.8.1: api/v1alpha1/shared_types.go",
    ),
    Request(
        "kserve-controller-manager",
        "100m",
        "200Mi",
        "kserve/kserve: install/v0.21.0/kserve.yaml",
    ),
    Request(
        "prometheus-operator",
        "110m",
        "120Mi",
        f"{_PROMETHEUS}/prometheusOperator-deployment.yaml",
    ),
    Request(
        "prometheus",
        "10m",
        "450Mi",
        f"{_PROMETHEUS}/prometheus-prometheus.yaml, and {_RELOADER}",
    ),
    Request(
        "alertmanager",
        "14m",
        "150Mi",
        f"{_PROMETHEUS}/alertmanager-alertmanager.yaml, and {_RELOADER}",
    ),
    Request("grafana", "100m", "100Mi", f"{_PROMETHEUS}/grafana-deployment.yaml"),
    Request(
        "metrics-server",
        "100m",
        "200Mi",
        "kubernetes-sigs/metrics-server v0.9.0: manifests/base/deployment.yaml",
    ),
)

# Before each task, loop and branch of a run a pod of Kubeflow Pipelines decides what it gets; where
# candidates are trained side by side, so are theirs. The pod of a task asks for what the task does,
# and no less CPU than the init container that copies the launcher, which asks for no memory; Argo's
# own container beside them (workflow-controller-configmap, `executor`) asks for nothing.
DRIVER = Request(
    "driver of a pipeline task",
    "100m",
    "64Mi",
    "kubeflow/pipelines 2.17.0: backend/src/v2/compiler/argocompiler/argo.go, driverResources",
)
LAUNCHER = Request(
    "launcher of a pipeline task",
    "100m",
    "0",
    "kubeflow/pipelines 2.17.0: backend/src/v2/compiler/argocompiler/argo.go, launcherResources",
)
