"""What a run on a cluster is told: the spec, the addresses that its pods use, and sizes.

The monitor sends the same parameters by itself when it retrains; a test holds both against the
compiled pipeline.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.address import find_fault, is_of_this_machine, without_secrets
from components.deploy.serving import KServe, read_serving
from components.errors import SpecError
from components.names import is_dns_subdomain, is_image
from components.spec import Spec, plan
from components.spec.problems import did_you_mean

# What the commands set themselves.
_OURS: Final = ("spec", "candidates", "registry", "serving", "monitor", "fresh", "run_id")
_KSERVE: Final = "kserve://"
# A positive quantity (k8s.io/apimachinery/pkg/api/resource), and the parameters that take one.
_QUANTITY: Final = re.compile(
    r"(?=[0-9.]*[1-9])([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?"
)
# What Kubeflow's launcher writes artifacts to (ParseBucketConfig in backend/src/v2/objectstore).
_ROOT: Final = re.compile(r"(?:s3|gs|minio)://[^/?\s]+(?:/[^?\s]*)?(?:\?\S+)?")
# The column of its name (backend/src/apiserver/model/experiment.go).
_LONGEST_EXPERIMENT: Final = 128
_SIZES: Final = ("cpu", "memory", "cpu_request", "memory_request")
DEFAULT_SERVING: Final = f"{_KSERVE}kubeloop"


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
        return self.serving.removeprefix(_KSERVE)


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
    namespace = _namespace(served)
    problems = []
    if not namespace:
        problems.append(f"--serving {without_secrets(served)!r}: expected kserve://NAMESPACE")
    found = Addresses(
        f"{_KSERVE}{namespace}",
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


def check_parameters(given: Collection[str]) -> None:
    """Checks that the training pipeline has parameters of these names.

    What is compiled here is what runs, so that Kubeflow need not be asked.

    Raises:
        SpecError: it has none of a name; those that it has are named.
    """
    if not given:
        return
    # It brings kfp, which those who name none need not wait for.
    from pipelines.training import training

    inputs = training.pipeline_spec.root.input_definitions.parameters
    names = sorted(set(inputs) - set(_OURS))
    if unknown := [name for name in given if name not in names]:
        meant = " ".join(filter(None, (did_you_mean(name, names) for name in unknown)))
        msg = (
            f"the training pipeline has no parameter {', '.join(map(repr, unknown))}: expected "
            f"one of {', '.join(names)}{meant and f'; {meant}'}"
        )
        raise SpecError(msg)


def check_names(image: str, root: str, service_account: str, experiment: str) -> None:
    """Checks what Kubeflow would take, and only the pods' start would refuse; empty is for none.

    Args:
        image: a reference, by tag or digest.
        root: address below which artifacts lie.
        service_account: of the pods.
        experiment: by name, which is never empty.

    Raises:
        SpecError: one is none; all of them in one message.
    """
    problems = []
    if image and not is_image(image):
        expected = "expected REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST"
        problems.append(f"--image {without_secrets(image)!r}: {expected}")
    if "@" in root:
        expected = "expected no key and no password; it would stand in Kubeflow's pages"
        problems.append(f"--pipeline-root {without_secrets(root)!r}: {expected}")
    elif root and not _ROOT.fullmatch(root):
        expected = "expected s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or minio://BUCKET/FOLDER"
        problems.append(f"--pipeline-root {without_secrets(root)!r:.200}: {expected}")
    if not experiment.strip() or len(experiment) > _LONGEST_EXPERIMENT:
        expected = f"expected a name of 1 to {_LONGEST_EXPERIMENT} characters"
        shown = f"{experiment[:20]}…" if len(experiment) > _LONGEST_EXPERIMENT else experiment
        problems.append(f"--experiment {shown!r}: {expected}")
    if service_account and not is_dns_subdomain(service_account):
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


def _namespace(serving: str) -> str:
    """The namespace whose KServe is named; empty where none is."""
    try:
        found = read_serving(serving)
    except SpecError:
        return ""
    return found.namespace if isinstance(found, KServe) else ""


def _unusable(option: str, address: str) -> list[str]:
    """Says why a pod cannot use an address; nothing where it can."""
    shown = without_secrets(address)
    if fault := find_fault(address):
        return [f"{option} {shown!r}: {fault}; expected http://HOST:PORT, as pods reach it"]
    expected = "expected the address that pods use, such as http://NAME.NAMESPACE.svc:PORT"
    if is_of_this_machine(address):
        return [f"{option} {shown!r} is of this machine: {expected}"]
    return []
