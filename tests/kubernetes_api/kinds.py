"""Which resources the API server serves: group, version, plural and kind."""

from dataclasses import dataclass
from typing import Any

from tests.kubernetes_api.refusals import RefusalError


@dataclass(frozen=True)
class Kind:
    """One resource type.

    Attributes:
        group: "" for the core group.
        version: such as v1.
        plural: as in paths.
        kind: as in documents.
        namespaced: whether its resources lie in namespaces.
        short: what kubectl may call it.
        subresources: such as status and log.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Returns group and version as documents state them."""
        return f"{self.group}/{self.version}" if self.group else self.version


_STATUS = ("status",)
BUILT_IN = (
    Kind("", "v1", "namespaces", "Namespace", False, ("ns",), _STATUS),
    Kind("", "v1", "nodes", "Node", False, ("no",), _STATUS),
    Kind("", "v1", "pods", "Pod", True, ("po",), ("status", "log")),
    Kind("", "v1", "events", "Event", True, ("ev",)),
    Kind("", "v1", "services", "Service", True, ("svc",), ("status", "proxy")),
    Kind("", "v1", "secrets", "Secret"),
    Kind("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Kind("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",)),
    Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), _STATUS),
    Kind("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",), _STATUS),
    Kind("apps", "v1", "deployments", "Deployment", True, ("deploy",), _STATUS),
    Kind("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), _STATUS),
    Kind("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",), _STATUS),
    Kind("batch", "v1", "jobs", "Job", True, (), _STATUS),
    Kind("batch", "v1", "cronjobs", "CronJob", True, ("cj",), _STATUS),
    Kind(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ("hpa",)
    ),
    Kind("coordination.k8s.io", "v1", "leases", "Lease"),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", True, ("ing",), _STATUS),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True, ("netpol",)),
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), _STATUS),
    Kind("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False),
    Kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",)),
    Kind(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        False,
        ("crd", "crds"),
        _STATUS,
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        False,
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        False,
    ),
    Kind(
        "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
    ),
    Kind("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False),
)
# Answered on the spot, stored nowhere.
REVIEWS = ("SelfSubjectAccessReview", "SelfSubjectRulesReview")


class Kinds:
    """The resource types that are served now."""

    def __init__(self) -> None:
        """Starts with Kubernetes's own."""
        self._kinds = {(k.group, k.version, k.plural): k for k in BUILT_IN}

    def add(self, kind: Kind) -> None:
        """Serves a further one."""
        self._kinds[kind.group, kind.version, kind.plural] = kind

    def remove(self, group: str, plural: str) -> None:
        """Serves one no longer."""
        for key in [k for k in self._kinds if (k[0], k[2]) == (group, plural)]:
            del self._kinds[key]

    def all(self) -> list[Kind]:
        """Returns all of them."""
        return list(self._kinds.values())

    def find(self, group: str, version: str, plural: str) -> Kind:
        """Returns the one that a path names, else 404."""
        kind = self._kinds.get((group, version, plural))
        if kind is None:
            raise RefusalError(404)
        return kind

    def of(self, document: dict[str, Any]) -> Kind:
        """Returns the one that a document names.

        Raises:
            LookupError: none is registered.
        """
        for kind in self._kinds.values():
            same = (document.get("apiVersion"), document.get("kind"))
            if (kind.api_version, kind.kind) == same:
                return kind
        msg = f"{document.get('apiVersion')} {document.get('kind')} is not registered"
        raise LookupError(msg)

    def named(self, name: str) -> Kind:
        """Returns one by its kind, as in `Lease`.

        Raises:
            LookupError: none is registered.
        """
        for kind in self._kinds.values():
            if kind.kind == name:
                return kind
        msg = f"kind {name!r} is not registered: expected one of {[k.kind for k in self.all()]}"
        raise LookupError(msg)


def defined(crd: dict[str, Any]) -> list[Kind]:
    """Returns what a CustomResourceDefinition defines."""
    spec, names = crd["spec"], crd["spec"]["names"]
    return [
        Kind(
            spec["group"],
            version["name"],
            names["plural"],
            names["kind"],
            spec.get("scope", "Namespaced") == "Namespaced",
            tuple(names.get("shortNames", ())),
            tuple(version.get("subresources", {})),
        )
        for version in spec["versions"]
        if version.get("served", True)
    ]
