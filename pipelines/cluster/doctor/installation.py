"""Kubeloop itself in its namespace: Secrets, runtimes, monitor, registry, and the models."""

from collections.abc import Iterator

from pipelines.cluster.doctor.advice import overlaying
from pipelines.cluster.doctor.parts import broken_deployment, is_available
from pipelines.cluster.doctor.reader import Document, Reader
from pipelines.cluster.findings import Finding
from pipelines.cluster.reasons import mends, unready

_AREA = "kubeloop"
_FILLED = (
    "kind: make cluster-overlay; production: its kustomization.yaml says what each Secret holds"
)
# The keys without which pods do not start. Values are never looked at.
_SECRETS = {
    "object-store": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "tracking-database": ("uri",),
    "monitor-webhook": ("token",),
}
_RUNTIMES = ("kubeloop", "kubeloop-skops")
_PROFILE = ("app.kubernetes.io/part-of", "kubeflow-profile")


def look_at_installation(reader: Reader, namespace: str) -> Iterator[Finding]:
    """Looks at what an overlay has put into a namespace.

    Args:
        reader: the cluster.
        namespace: where models are served.

    Yields:
        Findings.
    """
    space = reader.get(f"/api/v1/namespaces/{namespace}")
    if space is None:
        said = f"the namespace {namespace!r} is not there: Kubeloop is not installed in it"
        yield Finding(_AREA, "namespace", "wrong", said, overlaying(reader))
        return
    key, value = _PROFILE
    if space["metadata"].get("labels", {}).get(key) != value:
        said = f"lacks the label {key}={value}, by which Kubeflow's object store admits predictors"
        label = f"{reader.kubectl} label namespace {namespace} {key}={value}"
        mend = f"{label}; not where the store is outside"
        yield Finding(_AREA, f"namespace {namespace}", "note", said, mend)
    yield from _secrets(reader, namespace)
    yield from _runtimes(reader, namespace)
    for name in ("monitor", "mlflow"):
        yield from _workload(reader, namespace, name)


def look_at_models(reader: Reader, namespace: str) -> Iterator[Finding]:
    """Looks at every model that is served in a namespace.

    Args:
        reader: the cluster.
        namespace: where.

    Yields:
        A finding for each InferenceService.
    """
    space = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices"
    for service in reader.items(space):
        yield _model(reader, namespace, service)


def _secrets(reader: Reader, namespace: str) -> Iterator[Finding]:
    for name, keys in _SECRETS.items():
        secret = reader.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        held = (secret or {}).get("data") or {}
        missing = [key for key in keys if not held.get(key)]
        if secret is None:
            yield Finding(_AREA, f"secret {name}", "wrong", "it is not there", _FILLED)
        elif missing:
            said = f"its keys are missing or empty: {', '.join(missing)}"
            yield Finding(_AREA, f"secret {name}", "wrong", said, _FILLED)
        else:
            yield Finding(_AREA, f"secret {name}", "ok", f"holds {', '.join(keys)}")


def _runtimes(reader: Reader, namespace: str) -> Iterator[Finding]:
    nodes = reader.items("/api/v1/nodes")
    space = f"/apis/serving.kserve.io/v1alpha1/namespaces/{namespace}/servingruntimes"
    for name in _RUNTIMES:
        runtime = reader.get(f"{space}/{name}")
        title = f"runtime {name}"
        if runtime is None:
            yield Finding(_AREA, title, "wrong", "it is not there", overlaying(reader))
            continue
        image = runtime["spec"]["containers"][0].get("image", "")
        local = "." not in image.partition("/")[0] and ":" not in image.partition("/")[0]
        if local and not _is_on_a_node(image, nodes):
            said = f"its image {image} names no registry, and no node says that it has it"
            mend = (
                "kind: make cluster-images; elsewhere push it and name it in the overlay's images"
            )
            yield Finding(_AREA, title, "wrong", said, mend)
        else:
            yield Finding(_AREA, title, "ok", image)


def _is_on_a_node(image: str, nodes: list[Document]) -> bool:
    names = {
        name for node in nodes for one in node["status"].get("images", []) for name in one["names"]
    }
    return not names or image in names or f"docker.io/{image}" in names


def _workload(reader: Reader, namespace: str, name: str) -> Iterator[Finding]:
    deployment = reader.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if deployment is None:
        yield Finding(_AREA, name, "wrong", "its deployment is not there", overlaying(reader))
        return
    if is_available(deployment):
        yield Finding(_AREA, name, "ok", "ready")
    else:
        yield broken_deployment(reader, deployment, _AREA)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    arguments = [str(argument) for argument in container.get("args", [])]
    if name == "mlflow":
        yield from _hosts(arguments, namespace)
    else:
        yield from _parameters(arguments)


def _hosts(arguments: list[str], namespace: str) -> Iterator[Finding]:
    """MLflow answers 403 "Invalid Host header" to a name that it was not given."""
    given = next((a.partition("=")[2] for a in arguments if a.startswith("--allowed-hosts=")), "")
    hosts = given.replace("$(NAMESPACE)", namespace).split(",")
    wanted = f"mlflow.{namespace}.svc:5000"
    if wanted in hosts or "*" in hosts:
        yield Finding(_AREA, "mlflow's names", "ok", f"answers to {wanted}")
        return
    said = f"answers 403 'Invalid Host header' to {wanted}, by which runs ask it"
    mend = "add it to --allowed-hosts: manifests/base/tracking/deployment.yaml has all its names"
    yield Finding(_AREA, "mlflow's names", "wrong", said, mend)


def _parameters(arguments: list[str]) -> Iterator[Finding]:
    """What the runs that the monitor starts are told beside the spec."""
    given = {a.split("=")[1] for a in arguments if a.startswith("--parameter=")}
    missing = {"registry", "serving"} - given
    if missing:
        said = f"starts runs without {', '.join(sorted(missing))}: they fail"
        mend = "apply the overlay of this version: the monitor's arguments have changed"
        yield Finding(_AREA, "monitor's runs", "wrong", said, mend)


def _model(reader: Reader, namespace: str, service: Document) -> Finding:
    name = service["metadata"]["name"]
    labels = service["spec"].get("predictor", {}).get("labels", {})
    version = labels.get("app.kubernetes.io/version", "")
    conditions = {c["type"]: c for c in service.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    title = f"model {name}"
    if ready.get("status") == "True":
        return Finding("models", title, "ok", f"version {version or 'unknown'} is ready")
    label = f"serving.kserve.io%2Finferenceservice%3D{name}"
    space = f"/api/v1/namespaces/{namespace}"
    pods = reader.items(f"{space}/pods?labelSelector={label}")
    why = unready(pods, reader.items(f"{space}/events"))
    said = ready.get("message") or ready.get("reason") or "KServe has not looked at it"
    said = f"not ready: {'; '.join(why) or said}"
    describe = f"{reader.kubectl} -n {namespace} describe inferenceservice {name}"
    mend = "; ".join(mends(pods, reader.kubectl)) or describe
    return Finding("models", title, "wrong", said, mend)
