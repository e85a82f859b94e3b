"""Whether a client's way in is whole: KServe's addresses, the gateway, its class and certificate.

Each function names what leads nowhere. How they hang together was read in
  kserve: pkg/controller/v1beta1/inferenceservice/reconcilers/ingress/httproute_reconciler.go and
    domain.go: a route bears the names that domainTemplate makes, a service's URL has urlScheme, and
    both hang on kserveIngressGateway;
  kubernetes-sigs/gateway-api: apis/v1/gateway_types.go: a listener takes the routes whose names its
    hostname covers, of the namespaces that it allows;
  envoyproxy/gateway v1.8.1: internal/infrastructure/kubernetes/proxy/resource_provider.go: the
    Service has a port for each listener, and a patch is merged into it by the number of the port.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.manifests.references import matches
from tests.manifests.rendered import (
    MANIFESTS,
    Document,
    load,
    namespace_of,
    of_kind,
    overlay,
    render,
    title,
)

SERVED = "kubeloop"
_PROTOCOLS = {"http": "HTTP", "https": "HTTPS"}
# What KServe puts in front of its domain, of a service and of its predictor.
_NAMES = ("model-name", "model-name-predictor")


# KServe's own name for its ConfigMap, and which file of ours changes it.
_CONFIG = "inferenceservice-config"
CONFIGS = {
    "kind": MANIFESTS / "platform" / "05-kserve" / f"{_CONFIG}.yaml",
    "production": MANIFESTS / "overlays" / "production" / "kserve" / f"{_CONFIG}.yaml",
}


def local_gateway() -> list[Document]:
    """The gateway of a local cluster."""
    return load(render(MANIFESTS / "platform" / "06-gateway"))


def everything(name: str) -> list[Document]:
    """An overlay, with the gateway and KServe's configuration that go with it."""
    if name == "kind":
        return [*overlay(name), *local_gateway(), _read(CONFIGS[name])]
    return [*overlay(name), _read(CONFIGS[name])]


def _read(path: Path) -> Document:
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def ingress(documents: list[Document]) -> dict[str, Any]:
    """How KServe makes addresses, as its ConfigMap says."""
    (config,) = (d for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"] == _CONFIG)
    read: dict[str, Any] = json.loads(config["data"]["ingress"])
    return read


def classes_are_there(documents: list[Document]) -> list[str]:
    """Every Gateway names a class, and every class settings, that are applied with it."""
    classes = {d["metadata"]["name"]: d for d in of_kind(documents, "GatewayClass")}
    proxies = {(namespace_of(d), d["metadata"]["name"]) for d in of_kind(documents, "EnvoyProxy")}
    problems = [
        f"{title(gateway)} is of class {gateway['spec']['gatewayClassName']!r}, which is not there"
        for gateway in of_kind(documents, "Gateway")
        if gateway["spec"]["gatewayClassName"] not in classes
    ]
    for made in classes.values():
        settings = made["spec"].get("parametersRef", {})
        named = (settings.get("namespace"), settings.get("name"))
        if settings.get("kind") != "EnvoyProxy" or named not in proxies:
            problems.append(f"{title(made)} has settings {named}, which are not there")
    return problems


def services_of_gateways_are_valid(documents: list[Document]) -> list[str]:
    """What a class patches into its Service are ports of the listeners: another has no name."""
    problems = []
    proxies = {d["metadata"]["name"]: d for d in of_kind(documents, "EnvoyProxy")}
    classes = {d["metadata"]["name"]: d for d in of_kind(documents, "GatewayClass")}
    for gateway in of_kind(documents, "Gateway"):
        known = classes.get(gateway["spec"]["gatewayClassName"], {"spec": {}})
        proxy = proxies.get(known["spec"].get("parametersRef", {}).get("name"), {})
        service = proxy.get("spec", {}).get("provider", {}).get("kubernetes", {})
        patch = service.get("envoyService", {}).get("patch", {}).get("value", {})
        heard = {listener["port"] for listener in gateway["spec"]["listeners"]}
        problems += [
            f"{title(proxy)} adds port {port['port']}, which {title(gateway)} does not listen on"
            for port in patch.get("spec", {}).get("ports", [])
            if port["port"] not in heard
        ]
    return problems


def addresses_reach_a_listener(documents: list[Document]) -> list[str]:
    """KServe's scheme and names lead to a listener that takes routes of our namespace."""
    given = ingress(documents)
    gateways = {
        f"{namespace_of(d)}/{d['metadata']['name']}": d for d in of_kind(documents, "Gateway")
    }
    if not given.get("enableGatewayApi"):
        return ["KServe makes no routes of the Gateway API"]
    if given["kserveIngressGateway"] not in gateways:
        return [f"KServe hangs routes on {given['kserveIngressGateway']!r}, which is not there"]
    gateway = gateways[given["kserveIngressGateway"]]
    listeners = [
        listener
        for listener in gateway["spec"]["listeners"]
        if listener["protocol"] == _PROTOCOLS.get(given["urlScheme"])
    ]
    if not listeners:
        return [f"no listener of {title(gateway)} speaks {given['urlScheme']!r}"]
    return [
        f"no listener of {title(gateway)} takes {host!r} of namespace {SERVED!r}"
        for host in hosts(given)
        if not any(_hears(listener, host) and _allows(listener) for listener in listeners)
    ]


def certificates_cover_the_names(documents: list[Document]) -> list[str]:
    """Every listener with TLS shows a Certificate's Secret, which is good for what it hears."""
    problems = []
    secrets = {
        (namespace_of(d), d["spec"]["secretName"]): d["spec"].get("dnsNames", [])
        for d in of_kind(documents, "Certificate")
    }
    for gateway in of_kind(documents, "Gateway"):
        for listener in gateway["spec"]["listeners"]:
            if listener["protocol"] != "HTTPS":
                continue
            named = [reference["name"] for reference in listener["tls"]["certificateRefs"]]
            names = [n for one in named for n in secrets.get((namespace_of(gateway), one), [])]
            problems += [
                f"{title(gateway)} shows Secret {one!r}, which no Certificate makes"
                for one in named
                if (namespace_of(gateway), one) not in secrets
            ]
            if listener.get("hostname") not in names:
                problems.append(f"no certificate is for {listener.get('hostname')!r}: {names}")
            problems += [
                f"no certificate is for {host!r}"
                for host in hosts(ingress(documents))
                if not any(covers(name, host) for name in names)
            ]
    return problems


def hosts(given: dict[str, Any]) -> list[str]:
    """The names that KServe's template makes for a model of ours."""
    values = {"{{ .Namespace }}": SERVED, "{{ .IngressDomain }}": given["ingressDomain"]}
    made = []
    for name in _NAMES:
        host = given["domainTemplate"].replace("{{ .Name }}", name)
        for key, value in values.items():
            host = host.replace(key, value)
        made.append(host)
    return made


def covers(pattern: str, host: str) -> bool:
    """Whether a certificate's name is good for a host: `*` stands for one label (RFC 9525)."""
    first, _, rest = host.partition(".")
    return pattern == host or (bool(first) and pattern == f"*.{rest}")


def _hears(listener: dict[str, Any], host: str) -> bool:
    # Other than a certificate's, a listener's `*` stands for labels of any number.
    name = listener.get("hostname", "*")
    return name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:]))


def _allows(listener: dict[str, Any]) -> bool:
    space = listener.get("allowedRoutes", {}).get("namespaces", {})
    labels = {"kubernetes.io/metadata.name": SERVED}
    chosen = space.get("from") == "Selector" and matches(space["selector"], labels)
    return bool(chosen or space.get("from") == "All")
