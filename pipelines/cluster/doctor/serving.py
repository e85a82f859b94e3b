"""How KServe is set up: its mode, canaries, the gateway, and the way in."""

import json
from collections.abc import Iterator

from pipelines.cluster.doctor.advice import installing
from pipelines.cluster.doctor.reader import Document, Reader
from pipelines.cluster.findings import Finding

_AREA = "kserve"
_CONFIG = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
_WITHOUT = "a new version then is proved and swapped in, without steps of traffic"


def look_at_serving(reader: Reader) -> Iterator[Finding]:
    """Looks at what deploy depends on.

    Args:
        reader: the cluster.

    Yields:
        Findings; none where KServe is not there, which another look tells.
    """
    crd = reader.get(f"{_CRDS}/inferenceservices.serving.kserve.io")
    config = reader.get(_CONFIG)
    if crd is None or config is None:
        return
    yield from _canary(reader, crd)
    yield _mode(config)
    ingress = _part(config, "ingress")
    yield from _gateway(reader, ingress)


def _canary(reader: Reader, crd: Document) -> Iterator[Finding]:
    for version in crd["spec"].get("versions", []):
        schema = version.get("schema", {}).get("openAPIV3Schema", {})
        fields = schema.get("properties", {}).get("spec", {}).get("properties")
        if version["name"] == "v1beta1" and fields and "canary" not in fields:
            said = "InferenceServices have no spec.canary: this KServe is too old"
            mend = f"upgrade it, {installing(reader, '05-kserve')}"
            yield Finding(_AREA, "canaries", "wrong", said, mend)


def _mode(config: Document) -> Finding:
    mode = _part(config, "deploy").get("defaultDeploymentMode", "")
    if mode in {"Standard", "RawDeployment"}:
        return Finding(_AREA, "mode", "ok", f"{mode} by default")
    said = f"{mode or 'Knative'} by default; Kubeloop's models ask for Standard themselves"
    return Finding(_AREA, "mode", "note", said)


def _gateway(reader: Reader, ingress: Document) -> Iterator[Finding]:
    crd = reader.get(f"{_CRDS}/httproutes.gateway.networking.k8s.io")
    if crd is None:
        said = f"the Gateway API's kinds are missing; {_WITHOUT}"
        mend = installing(reader, "04-envoy-gateway")
        yield Finding(_AREA, "Gateway API", "note", said, mend)
        return
    bundle = crd["metadata"].get("annotations", {}).get("gateway.networking.k8s.io/bundle-version")
    yield Finding(_AREA, "Gateway API", "ok", bundle or "its kinds are there")
    if not ingress.get("enableGatewayApi"):
        said = f"KServe makes no routes of it (ingress.enableGatewayApi is false); {_WITHOUT}"
        mend = "set it in the ConfigMap kserve/inferenceservice-config; restart KServe's controller"
        yield Finding(_AREA, "routes", "note", said, mend)
        return
    namespace, _, name = str(ingress.get("kserveIngressGateway", "")).partition("/")
    gateway = reader.get(f"{_GATEWAYS}/namespaces/{namespace}/gateways/{name}")
    title = f"gateway {namespace}/{name}"
    if gateway is None:
        mend = "kind: make cluster-gateway; production: its overlay has one in ./gateway"
        yield Finding(
            _AREA, title, "wrong", "KServe's configuration names it; it is not there", mend
        )
        return
    conditions = gateway.get("status", {}).get("conditions", [])
    programmed: Document = next((c for c in conditions if c["type"] == "Programmed"), {})
    if programmed.get("status") == "True":
        domain = ingress.get("ingressDomain", "")
        yield Finding(_AREA, title, "ok", f"programmed, for {domain or 'no domain'}")
        return
    said = f"not programmed: {programmed.get('reason', 'no controller has looked at it')}"
    said += f" ({programmed['message']})" if programmed.get("message") else ""
    mend = f"{reader.kubectl} -n {namespace} describe gateway {name}"
    yield Finding(_AREA, title, "wrong", said, mend)


def _part(config: Document, key: str) -> Document:
    """One of the documents that KServe's ConfigMap holds as text."""
    try:
        found = json.loads(config.get("data", {}).get(key, "{}"))
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
