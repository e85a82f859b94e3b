"""What a run on a cluster is told: the spec, the addresses that its pods use, and sizes.

The monitor sends the same parameters by itself when it retrains; a test holds both against the
compiled pipeline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.errors import SpecError
from components.spec import Spec, plan
from pipelines.address import find_fault, is_of_this_machine, without_secrets

# What the commands set themselves.
_OURS: Final = ("spec", "candidates", "registry", "serving", "monitor", "fresh", "run_id")
_KSERVE: Final = re.compile(r"kserve://([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)")
# A positive quantity (k8s.io/apimachinery/pkg/api/resource), and the parameters that take one.
_QUANTITY: Final = re.compile(
    r"(?=[0-9.]*[1-9])([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?"
)
_SIZES: Final = ("cpu", "memory", "cpu_request", "memory_request")
# An image's reference (github.com/distribution/reference).
_IMAGE: Final = re.compile(
    r"([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]+)?/)?"
    r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,})?"
)
# The name of a ServiceAccount: DNS labels with dots between (RFC 1123), at most 253 characters.
_SUBDOMAIN: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
DEFAULT_SERVING: Final = "kserve://kubeloop"


@dataclass(frozen=True)
class Addresses:
    """Where a run's pods find what they talk to.

    Attributes:
        serving: `kserve://NAMESPACE`.
        registry: of the model registry.
        monitor: of the monitor.
    """

    serving: str
    registry: str
    monitor: str

    @property
    def namespace(self) -> str:
        """Where models are served."""
        return self.serving.removeprefix("kserve://")


def find_addresses(serving: str, registry: str, monitor: str) -> Addresses:
    """Fills in what a user left out by the Services that Kubeloop's manifests make.

    Args:
        serving: `kserve://NAMESPACE`; empty for Kubeloop's own namespace.
        registry: an MLflow server; empty for `mlflow` in that namespace.
        monitor: a monitor; empty for `monitor` in that namespace.

    Returns:
        All of them.

    Raises:
        SpecError: a pod could not use one; all of them in one message.
    """
    served = serving or DEFAULT_SERVING
    match = _KSERVE.fullmatch(served.rstrip("/"))
    problems = []
    if not match:
        problems.append(f"--serving {without_secrets(served)!r}: expected kserve://NAMESPACE")
    namespace = match[1] if match else ""
    found = Addresses(
        f"kserve://{namespace}",
        registry or f"http://mlflow.{namespace}.svc:5000",
        monitor or f"http://monitor.{namespace}.svc:9091",
    )
    problems += _unusable("--registry", found.registry) + _unusable("--monitor", found.monitor)
    if problems:
        msg = f"the run's pods cannot use what is named: {'; '.join(problems)}"
        raise SpecError(msg)
    return found


def read_parameters(assignments: Sequence[str]) -> dict[str, str]:
    """Reads `--parameter NAME=VALUE`, such as `memory=8Gi` or `webhook=https://…`.

    Raises:
        SpecError: one is none, or names what the command sets itself, or a size is none.
    """
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier() or name in _OURS:
            msg = (
                f"--parameter {name!r}: expected NAME=VALUE of a parameter of the pipeline that is "
                f"none of {', '.join(_OURS)}, which the command sets"
            )
            raise SpecError(msg)
        if name.endswith(_SIZES) and not _QUANTITY.fullmatch(value):
            msg = (
                f"--parameter {name}={value!r}: expected a size as Kubernetes writes it, such as "
                "500m or 2 of cpu, 512Mi or 8Gi of memory"
            )
            raise SpecError(msg)
        found[name] = value
    return found


def check_names(image: str, root: str, service_account: str) -> None:
    """Checks what Kubeflow would take, and only the pods' start would refuse; empty is for none.

    Args:
        image: a reference, by tag or digest.
        root: address below which artifacts lie.
        service_account: of the pods.

    Raises:
        SpecError: one is none; all of them in one message.
    """
    problems = []
    if image and not _IMAGE.fullmatch(image):
        expected = "expected REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST"
        problems.append(f"--image {without_secrets(image)!r}: {expected}")
    if "@" in root:
        expected = "expected no key and no password; it would stand in Kubeflow's pages"
        problems.append(f"--pipeline-root {without_secrets(root)!r}: {expected}")
    if service_account and not _SUBDOMAIN.fullmatch(service_account):
        expected = "expected a ServiceAccount's name, such as pipeline-runner"
        problems.append(f"--service-account {service_account!r}: {expected}")
    if problems:
        raise SpecError("; ".join(problems))


def run_parameters(
    spec: Spec, addresses: Addresses, run_id: str = "", more: dict[str, str] | None = None
) -> dict[str, Any]:
    """Puts together the parameters of one run.

    Args:
        spec: what is trained; its sources are such as a pod can read.
        addresses: what the pods talk to.
        run_id: the run's name in lineage; empty for KFP's own, which each of a schedule's has.
        more: parameters of the pipeline besides, by name.

    Returns:
        Values by parameter.
    """
    return {
        "spec": spec.to_json(),
        "candidates": plan(spec),
        "registry": addresses.registry,
        "serving": addresses.serving,
        "monitor": addresses.monitor,
        **({"run_id": run_id} if run_id else {}),
        **(more or {}),
    }


def _unusable(option: str, address: str) -> list[str]:
    """Says why a pod cannot use an address; nothing where it can."""
    shown = without_secrets(address)
    if fault := find_fault(address):
        return [f"{option} {shown!r}: {fault}; expected http://HOST:PORT, as pods reach it"]
    expected = "expected the address that pods use, such as http://NAME.NAMESPACE.svc:PORT"
    if is_of_this_machine(address):
        return [f"{option} {shown!r} is of this machine: {expected}"]
    return []
