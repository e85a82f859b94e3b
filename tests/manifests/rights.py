"""What our Roles may allow, and nothing more; the rollout's calls are what each is for."""

from tests.manifests.rendered import Document, of_kind, title

_READ = frozenset({"get", "list", "watch"})
# By Role: what (API group, resource) may be done with. Server-side apply is `patch`, and `create`
# besides where the object is new.
GRANTS = {
    "model-deployer": {
        ("serving.kserve.io", "inferenceservices"): frozenset({"get", "create", "patch", "delete"}),
        ("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"}),
        ("apps", "deployments"): frozenset({"get"}),
        ("autoscaling", "horizontalpodautoscalers"): frozenset({"list", "delete"}),
        ("", "pods"): frozenset({"list"}),
        ("", "events"): frozenset({"list"}),
        ("", "services"): frozenset({"get"}),
        ("", "pods/log"): frozenset({"get"}),
        ("gateway.networking.k8s.io", "httproutes"): frozenset({"get"}),
    },
    # prometheus-operator v0.92.0: a PodMonitor is turned into discovery of pods alone.
    "prometheus": {("", "pods"): _READ},
}


def roles_grant_no_more(documents: list[Document]) -> list[str]:
    """Every Role grants what is written down for it, no wildcard, and nothing cluster-wide."""
    problems = [
        f"{title(document)} reaches beyond a namespace"
        for document in of_kind(documents, "ClusterRole", "ClusterRoleBinding")
    ]
    for role in of_kind(documents, "Role"):
        allowed = GRANTS.get(role["metadata"]["name"], {})
        granted: dict[tuple[str, str], set[str]] = {}
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    granted.setdefault((group, resource), set()).update(rule["verbs"])
        for what in sorted(set(granted) | set(allowed)):
            verbs, written = granted.get(what, set()), allowed.get(what, frozenset())
            problems += [f"{title(role)} grants {verb} {what}" for verb in sorted(verbs - written)]
            problems += [f"{title(role)} lacks {verb} {what}" for verb in sorted(written - verbs)]
    return problems
