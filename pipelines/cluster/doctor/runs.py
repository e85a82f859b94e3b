"""What pipeline runs find in their own namespace: the Secrets by which they read the stores."""

from collections.abc import Iterator

from pipelines.cluster.doctor.reader import Document, Reader, RefusedError
from pipelines.cluster.findings import Finding

_AREA = "kubeloop"
_DEFAULT = {"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": "kubeflow"}
# Without them boto signs nothing; the endpoint is needed by every store that is not Amazon's own.
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINT = "AWS_ENDPOINT_URL"
_GOOGLE = "GOOGLE_APPLICATION_CREDENTIALS"
# By which a cloud gives an account credentials of its own: EKS, GKE, AKS.
_OF_ITS_OWN = (
    "eks.amazonaws.com/role-arn",
    "iam.gke.io/gcp-service-account",
    "azure.workload.identity/client-id",
)
_MEND = (
    f"make it with the keys {', '.join((*_KEYS, _ENDPOINT))} of the store in which Kubeflow "
    "Pipelines keeps artifacts; kind: make cluster-overlay"
)


def look_at_runs(reader: Reader, namespace: str) -> Iterator[Finding]:
    """Looks at the Secrets in the namespaces of the accounts that may deploy.

    Args:
        reader: the cluster.
        namespace: where models are served.

    Yields:
        Findings; of what may not be read, a note.
    """
    for account in _accounts(reader, namespace):
        space = account.get("namespace") or namespace
        try:
            yield _bundles(reader, space, account["name"])
            yield from _sources(reader, space)
        except RefusedError as exc:
            said = f"what runs read there cannot be seen: {exc}"
            yield Finding(_AREA, f"secrets in {space}", "note", said)


def _accounts(reader: Reader, namespace: str) -> list[Document]:
    """Those that the RoleBinding names; that of Kubeflow where it cannot be read or names none."""
    api = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    try:
        binding = reader.get(f"{api}/rolebindings/model-deployer") or {}
    except RefusedError:
        # The look at rights tells that it cannot be read.
        binding = {}
    subjects = binding.get("subjects") or []
    return [one for one in subjects if one.get("kind") == "ServiceAccount"] or [_DEFAULT]


def _bundles(reader: Reader, space: str, account: str) -> Finding:
    title = f"secret kubeloop-bundles in {space}"
    secret = reader.get(f"/api/v1/namespaces/{space}/secrets/kubeloop-bundles")
    held = (secret or {}).get("data") or {}
    missing = [key for key in _KEYS if not held.get(key)]
    if missing and not held.get(_GOOGLE):
        lack = f"lacks {', '.join(missing)}" if secret else "is not there"
        if _has_credentials(reader, space, account):
            said = f"{lack}: runs read the champion with the credentials of the account {account}"
            return Finding(_AREA, title, "note", said)
        said = f"{lack}: the second run of a model fails where it reads the champion's bundle"
        return Finding(_AREA, title, "wrong", said, _MEND)
    if not held.get(_ENDPOINT) and not held.get(_GOOGLE):
        said = f"lacks {_ENDPOINT}: right only where the store is Amazon's own"
        return Finding(_AREA, title, "note", said, _MEND)
    return Finding(_AREA, title, "ok", f"holds {', '.join(sorted(held))}")


def _has_credentials(reader: Reader, space: str, account: str) -> bool:
    found = reader.get(f"/api/v1/namespaces/{space}/serviceaccounts/{account}") or {}
    annotations = found.get("metadata", {}).get("annotations") or {}
    return any(annotations.get(key) for key in _OF_ITS_OWN)


def _sources(reader: Reader, space: str) -> Iterator[Finding]:
    if reader.get(f"/api/v1/namespaces/{space}/secrets/kubeloop-sources") is None:
        said = "is not there: runs read only sources that need no credentials"
        mend = "README, parameters of the pipeline, says which keys it takes"
        yield Finding(_AREA, f"secret kubeloop-sources in {space}", "note", said, mend)
