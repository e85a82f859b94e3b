"""What a run on a cluster is told: the spec, the addresses that its pods use, and sizes.

The monitor sends the same parameters by itself when it retrains; a test holds both against the
compiled pipeline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from components.errors import SpecError
from components.spec import Spec, plan

# What the commands set themselves.
_OURS: Final = ("spec", "candidates", "registry", "serving", "monitor", "fresh", "run_id")
_KSERVE: Final = re.compile(r"kserve://([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)")
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
        problems.append(f"--serving {served!r}: expected kserve://NAMESPACE")
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
        SpecError: one is none, or names what the command sets itself.
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
        found[name] = value
    return found


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
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        return [f"{option} {address!r}: expected http://HOST:PORT, as pods reach it"]
    if parts.password is not None:
        shown = address.replace(parts.password, "***")
        return [f"{option} {shown!r}: expected no password; it would stand in Kubeflow's pages"]
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    expected = "expected the address that pods use, such as http://NAME.NAMESPACE.svc:PORT"
    return [f"{option} {address!r} is of this machine: {expected}"] if is_here else []
