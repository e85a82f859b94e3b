"""The longest name that KServe makes of a model's, and what that leaves for name and namespace.

KServe 0.21 makes of an InferenceService NAME in Standard mode, in namespace NAMESPACE, for the
variant vVERSION (`PredictorServiceName` in pkg/constants/constants.go):

- Deployment, Service, autoscaler, and each pod's `app` label: `NAME-vVERSION-predictor`, the label
  with `isvc.` before it;
- before any of them a host, `NAME-vVERSION-predictor-NAMESPACE.DOMAIN` (`createRawURL` in
  reconcilers/raw/raw_kube_reconciler.go, by the domain template of manifests/platform, which is
  KServe's own default).

Each label of a host has at most 63 characters (RFC 1123; `IsFullyQualifiedDomainName` of
k8s.io/apimachinery). Where the host is none, KServe makes nothing of the variant, writes an event
and tries again for ever (https://github.com/kserve/kserve/issues/4807). The host is the longest of
all names, as no namespace is shorter than one character and the label's `isvc.` is for a name of
`MAX_NAME` in `components.spec.values` within 63 characters up to version 999,999. Pods' names are
cut to 63 by Kubernetes.
"""

from typing import Final

from components.errors import SpecError

_LABEL: Final = 63
_HIGHEST: Final = 9999


def check_names(name: str, namespace: str, version: int = _HIGHEST) -> None:
    """Refuses names that KServe could make no host of; asks nobody.

    Args:
        name: of the model.
        namespace: where it is to be served.
        version: to be deployed; before one is registered, the highest that there shall be room for.

    Raises:
        SpecError: name, namespace and version are too long together; says by how much, and which
            of them may be how long.
    """
    host = f"{name}-{variant_name(version)}-predictor-{namespace}"
    beyond = len(host) - _LABEL
    if beyond <= 0:
        return
    for_name, for_namespace = len(name) - beyond, len(namespace) - beyond
    mends = [
        f"{what} of at most {room} characters"
        for what, room in (("a model name", for_name), ("a namespace", for_namespace))
        if room > 0
    ]
    msg = (
        f"model {name!r} ({len(name)} characters) cannot be served in namespace {namespace!r} "
        f"({len(namespace)}): KServe makes of both the host {host!r}, whose {len(host)} characters "
        f"are {beyond} more than the {_LABEL} that a part of a host may have; choose "
        f"{' or '.join(mends) or 'shorter ones'}"
    )
    raise SpecError(msg)


def variant_name(version: int, stable: str = "") -> str:
    """Names a version's predictor; KServe refuses a candidate of the stable predictor's own name.

    Args:
        version: as registered.
        stable: the stable predictor's name. It is the version's own where one was updated in place
            under it, and this one returns.

    Returns:
        The name, of the same length for both cases.
    """
    name = f"v{version}"
    return f"r{version}" if name == stable else name
