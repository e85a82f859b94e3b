"""Schemas of the custom resources that we write, closed: a key that is not here is refused.

Kubernetes' own kinds have theirs in kubernetes-validate, KServe's in its Python client; for these
there is no library. Each was written down from the type or CustomResourceDefinition that is named
beside it, with the fields that our manifests use and no others.
"""

from typing import Any

Schema = dict[str, Any]


def _closed(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, least: int = 1) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


_TEXT: Schema = {"type": "string", "minLength": 1}
_FLAG: Schema = {"type": "boolean"}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Schema = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
_QUANTITIES: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_SELECTOR = _closed(
    matchLabels=_TEXTS,
    matchExpressions=_list(
        _closed(
            ("key", "operator"),
            key=_TEXT,
            operator=_one_of("In", "NotIn", "Exists", "DoesNotExist"),
            values=_list(_TEXT),
        )
    ),
)
_KEY_OF_SECRET = _closed(("name", "key"), name=_TEXT, key=_TEXT)

# prometheus-operator v0.92.0 (that of kube-prometheus v0.18.0), pkg/apis/monitoring/v1:
# podmonitor_types.go and prometheusrule_types.go; v1alpha1: alertmanager_config_types.go.
_POD_MONITOR = _closed(
    ("selector", "podMetricsEndpoints"),
    selector=_SELECTOR,
    podMetricsEndpoints=_list(_closed(("port",), port=_TEXT, path=_TEXT, interval=_DURATION)),
)
_PROMETHEUS_RULE = _closed(
    ("groups",),
    groups=_list(
        _closed(
            ("name", "rules"),
            name=_TEXT,
            interval=_DURATION,
            rules=_list(
                _closed(
                    ("expr",),
                    alert=_TEXT,
                    record=_TEXT,
                    expr=_TEXT,
                    labels=_TEXTS,
                    annotations=_TEXTS,
                    **{"for": _DURATION, "keep_firing_for": _DURATION},
                )
            ),
        )
    ),
)
_MATCHERS = _list(
    _closed(("name",), name=_TEXT, value=_TEXT, matchType=_one_of("=", "!=", "=~", "!~"))
)
# A route below another is of the same form.
_BELOW = {
    "receiver": _TEXT,
    "matchers": _MATCHERS,
    "groupBy": _list(_TEXT),
    "groupWait": _DURATION,
    "groupInterval": _DURATION,
    "repeatInterval": _DURATION,
    "continue": _FLAG,
}
_MATCHERS = _list(
    _closed(("name",), name=_TEXT, value=_TEXT, matchType=_one_of("=", "!=", "=~", "!~"))
)
_ROUTE: dict[str, Schema] = {
    "receiver": _TEXT,
    "groupBy": _list(_TEXT),
    "groupWait": _DURATION,
    "groupInterval": _DURATION,
    "repeatInterval": _DURATION,
    "matchers": _MATCHERS,
}
_ALERTMANAGER_CONFIG = _closed(
    ("route", "receivers"),
    route=_closed(
        ("receiver",), **_ROUTE, routes=_list(_closed(("receiver", "matchers"), **_ROUTE))
    ),
    inhibitRules=_list(
        _closed(
            ("sourceMatch", "targetMatch", "equal"),
            sourceMatch=_MATCHERS,
            targetMatch=_MATCHERS,
            equal=_list(_TEXT),
        )
    ),
    receivers=_list(
        _closed(
            ("name",),
            name=_TEXT,
            slackConfigs=_list(
                _closed(
                    ("apiURL",), apiURL=_KEY_OF_SECRET, sendResolved=_FLAG, title=_TEXT, text=_TEXT
                )
            ),
            webhookConfigs=_list(
                _closed(
                    ("url",),
                    url={"type": "string", "pattern": "^https?://.+$"},
                    sendResolved=_FLAG,
                    httpConfig=_closed(
                        authorization=_closed(type=_TEXT, credentials=_KEY_OF_SECRET)
                    ),
                )
            ),
        )
    ),
)
# kserve: pkg/apis/serving/v1alpha1/storage_container_types.go. Its container is Kubernetes' own.
_STORAGE_CONTAINER = _closed(
    ("container", "supportedUriFormats"),
    container=_closed(
        ("name",),
        name=_TEXT,
        image=_TEXT,
        resources=_closed(requests=_QUANTITIES, limits=_QUANTITIES),
        securityContext=_closed(
            allowPrivilegeEscalation=_FLAG,
            capabilities=_closed(add=_list(_TEXT), drop=_list(_TEXT)),
            readOnlyRootFilesystem=_FLAG,
            runAsNonRoot=_FLAG,
            seccompProfile=_closed(("type",), type=_TEXT),
        ),
    ),
    supportedUriFormats=_list(_closed(prefix=_TEXT, regex=_TEXT)),
    supportsMultiModelDownload=_FLAG,
    workloadType=_one_of("initContainer", "localModelDownloadJob"),
)
# kubernetes-sigs/gateway-api v1.5.1: apis/v1/gateway_types.go and gatewayclass_types.go.
_GATEWAY = _closed(
    ("gatewayClassName", "listeners"),
    gatewayClassName=_TEXT,
    listeners=_list(
        _closed(
            ("name", "port", "protocol"),
            name=_TEXT,
            port=_PORT,
            protocol=_one_of("HTTP", "HTTPS", "TLS", "TCP", "UDP"),
            hostname=_TEXT,
            tls=_closed(
                mode=_one_of("Terminate", "Passthrough"),
                certificateRefs=_list(
                    _closed(("name",), group={"type": "string"}, kind=_TEXT, name=_TEXT)
                ),
            ),
            allowedRoutes=_closed(
                namespaces=_closed(
                    **{"from": _one_of("All", "Selector", "Same", "None")}, selector=_SELECTOR
                )
            ),
        )
    ),
)
_GATEWAY_CLASS = _closed(
    ("controllerName",),
    controllerName=_TEXT,
    parametersRef=_closed(
        ("group", "kind", "name"), group=_TEXT, kind=_TEXT, name=_TEXT, namespace=_TEXT
    ),
)
# envoyproxy/gateway v1.8.1: api/v1alpha1/envoyproxy_types.go and shared_types.go.
_ENVOY_PROXY = _closed(
    ("provider",),
    provider=_closed(
        ("type",),
        type=_one_of("Kubernetes", "Host"),
        kubernetes=_closed(
            envoyDeployment=_closed(
                replicas={"type": "integer", "minimum": 1},
                pod=_closed(
                    topologySpreadConstraints=_list(
                        _closed(
                            ("maxSkew", "topologyKey", "whenUnsatisfiable"),
                            maxSkew={"type": "integer", "minimum": 1},
                            topologyKey=_TEXT,
                            whenUnsatisfiable=_one_of("DoNotSchedule", "ScheduleAnyway"),
                            labelSelector=_SELECTOR,
                        )
                    )
                ),
                container=_closed(resources=_closed(requests=_QUANTITIES, limits=_QUANTITIES)),
            ),
            envoyPDB=_closed(maxUnavailable={"type": "integer", "minimum": 1}),
            envoyService=_closed(
                type=_one_of("ClusterIP", "LoadBalancer", "NodePort"),
                externalTrafficPolicy=_one_of("Local", "Cluster"),
                patch=_closed(("value",), type=_one_of("StrategicMerge", "JSONMerge"), value={}),
            ),
        ),
    ),
)
# cert-manager v1.21.1: pkg/apis/certmanager/v1/types_certificate.go.
_CERTIFICATE = _closed(
    ("secretName", "issuerRef"),
    secretName=_TEXT,
    dnsNames=_list(_TEXT),
    issuerRef=_closed(("name",), group=_TEXT, kind=_TEXT, name=_TEXT),
)

SPECS: dict[tuple[str, str], Schema] = {
    ("monitoring.coreos.com/v1", "PodMonitor"): _POD_MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _PROMETHEUS_RULE,
    ("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig"): _ALERTMANAGER_CONFIG,
    ("serving.kserve.io/v1alpha1", "ClusterStorageContainer"): _STORAGE_CONTAINER,
    ("gateway.networking.k8s.io/v1", "Gateway"): _GATEWAY,
    ("gateway.networking.k8s.io/v1", "GatewayClass"): _GATEWAY_CLASS,
    ("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy"): _ENVOY_PROXY,
    ("cert-manager.io/v1", "Certificate"): _CERTIFICATE,
}
