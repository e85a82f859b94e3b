"""Who may do what: this account, and the one that pipeline runs have."""

from collections.abc import Iterator

from pipelines.cluster.doctor.reader import Document, Reader, RefusedError
from pipelines.cluster.findings import Finding

_AREA = "rights"
_SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_ROLE = "manifests/base/access/role.yaml"
_SERVING = "serving.kserve.io"
Right = tuple[str, str, str]
# Without these a run leaves autoscalers behind, and fails in nothing: a Role of an earlier version
# lacks them (components/deploy/kserve/autoscalers.py).
TIDYING: tuple[Right, ...] = tuple(
    ("autoscaling", "horizontalpodautoscalers", verb) for verb in ("list", "delete")
)
# Every rule of the Role, that is every call of deploy; tests hold the two together.
RUNS: tuple[Right, ...] = (
    *((_SERVING, "inferenceservices", verb) for verb in ("patch", "get", "create", "delete")),
    *(("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")),
    ("apps", "deployments", "get"),
    ("", "pods", "list"),
    ("", "events", "list"),
    ("", "services", "get"),
    ("", "pods/log", "get"),
    ("gateway.networking.k8s.io", "httproutes", "get"),
    *TIDYING,
)
# What a person does beside it: list all models, and prove a version through the API server, for a
# Service's own address leads nowhere from outside of the cluster (components/deploy).
PERSON: tuple[Right, ...] = (
    (_SERVING, "inferenceservices", "list"),
    ("", "services/proxy", "create"),
)
READING: tuple[Right, ...] = (
    (_SERVING, "inferenceservices", "get"),
    (_SERVING, "inferenceservices", "list"),
    ("coordination.k8s.io", "leases", "get"),
    ("", "pods", "list"),
)


def look_at_rights(reader: Reader, namespace: str) -> Iterator[Finding]:
    """Asks what this account, and the account of pipeline runs, may do.

    Args:
        reader: the cluster.
        namespace: where models are served.

    Yields:
        Findings.
    """
    yield _own(reader, namespace, READING, "kubeloop status")
    yield _own(reader, namespace, (*RUNS, *PERSON), "kubeloop rollback")
    yield from _runners(reader, namespace)


def _own(reader: Reader, namespace: str, wanted: tuple[Right, ...], what: str) -> Finding:
    denied = [
        f"{verb} {resource}"
        for group, resource, verb in wanted
        if not _may(
            reader, _SELF, "SelfSubjectAccessReview", _attributes(namespace, group, resource, verb)
        )
    ]
    if not denied:
        return Finding(_AREA, what, "ok", f"this account may, in {namespace}")
    said = f"this account may not {', '.join(denied)} in {namespace}"
    mend = (
        f"a RoleBinding to the Role model-deployer ({_ROLE}) grants what runs may; "
        "list inferenceservices and create services/proxy need a Role of your own"
    )
    return Finding(_AREA, what, "note", said, mend)


def _runners(reader: Reader, namespace: str) -> Iterator[Finding]:
    """The accounts that the RoleBinding of deploy names, asked by what the Role is to grant."""
    api = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    binding = reader.get(f"{api}/rolebindings/model-deployer")
    role = reader.get(f"{api}/roles/model-deployer")
    if binding is None or role is None:
        said = f"no Role or RoleBinding model-deployer in {namespace}: runs cannot deploy there"
        yield Finding(_AREA, "pipeline runs", "wrong", said, "apply the overlay again")
        return
    for subject in binding.get("subjects") or []:
        name = subject["name"]
        # RBAC's other two kinds are names that no resource stands for.
        if subject["kind"] == "Group":
            yield _runner(reader, namespace, f"group {name}", {"groups": [name]})
            continue
        if subject["kind"] == "User":
            yield _runner(reader, namespace, f"user {name}", {"user": name})
            continue
        space = subject.get("namespace", "")
        title = f"account {space}/{name}"
        if reader.get(f"/api/v1/namespaces/{space}/serviceaccounts/{name}") is None:
            said = "the RoleBinding model-deployer names it; it is not there"
            mend = "name that of pipeline runs in the overlay's role-binding-model-deployer.yaml"
            yield Finding(_AREA, title, "wrong", said, mend)
        else:
            user = f"system:serviceaccount:{space}:{name}"
            yield _runner(reader, namespace, title, {"user": user})


def _runner(reader: Reader, namespace: str, title: str, who: Document) -> Finding:
    path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
    try:
        denied = [
            right
            for right in RUNS
            if not _may(
                reader,
                path,
                "LocalSubjectAccessReview",
                {**_attributes(namespace, *right), **who},
            )
        ]
    except RefusedError as exc:
        said = f"named by the RoleBinding; what it may do cannot be asked: {exc}"
        return Finding(_AREA, title, "note", said)
    if not denied:
        return Finding(_AREA, title, "ok", f"runs may deploy to {namespace}")
    words = ", ".join(f"{verb} {resource}" for _, resource, verb in denied)
    said = f"runs may not {words} in {namespace}"
    mend = f"apply the overlay of this version: {_ROLE}"
    if set(denied) <= set(TIDYING):
        said += ": they leave the autoscalers of replaced versions, and fail in nothing"
        return Finding(_AREA, title, "note", said, mend)
    return Finding(_AREA, title, "wrong", said, mend)


def _attributes(namespace: str, group: str, resource: str, verb: str) -> Document:
    wanted = {"namespace": namespace, "group": group, "verb": verb}
    wanted["resource"], _, part = resource.partition("/")
    return {"resourceAttributes": {**wanted, **({"subresource": part} if part else {})}}


def _may(reader: Reader, path: str, kind: str, spec: Document) -> bool:
    body: Document = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    if kind == "LocalSubjectAccessReview":
        body["metadata"] = {"namespace": spec["resourceAttributes"]["namespace"]}
    return bool(reader.post(path, body).get("status", {}).get("allowed"))
