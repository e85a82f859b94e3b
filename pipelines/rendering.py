"""Finds out which version is to be served, and completes its InferenceService."""

from dataclasses import dataclass

import yaml

from components.deploy.hosts import check_names
from components.deploy.inference_service import render
from components.errors import SpecError
from components.spec import Spec

_RUNTIME_TAG = "kubeloop.runtime"


@dataclass(frozen=True)
class Wanted:
    """What a user said of the version; None and empty for what they did not say.

    Attributes:
        registry: where the rest is asked.
        version: the number.
        storage_uri: where its bundle lies.
        runtime: how its model is run.
    """

    registry: str = ""
    version: int | None = None
    storage_uri: str = ""
    runtime: str = ""


def render_service(spec: Spec, wanted: Wanted, namespace: str, monitor: str) -> str:
    """Renders the InferenceService of one version as YAML.

    Args:
        spec: the model's.
        wanted: which version.
        namespace: where it is to be applied.
        monitor: base URL that events go to; empty for the runtime's own.

    Returns:
        YAML for `kubectl apply`.

    Raises:
        SpecError: what is to be served is not known, or no pod could serve it.
        RegistryError: the registry cannot be asked.
    """
    found = _ask(spec.name, wanted) if wanted.registry else wanted
    if found.version is None or not found.storage_uri:
        lacking = [
            option
            for option, value in (
                ("--storage-uri", found.storage_uri),
                ("--version", found.version),
            )
            if not value
        ]
        msg = (
            f"what of {spec.name!r} is to be served is not known: {' and '.join(lacking)} missing; "
            "give them, or the --registry that knows its champion"
        )
        raise SpecError(msg)
    check_names(spec.name, namespace, found.version)
    service = render(
        spec,
        version=found.version,
        storage_uri=found.storage_uri,
        runtime=found.runtime or "onnx",
        namespace=namespace,
        monitor=monitor,
    )
    return yaml.safe_dump(service, sort_keys=False, allow_unicode=True)


def _ask(name: str, wanted: Wanted) -> Wanted:
    """Completes by what the registry holds of the version; the champion where none was named."""
    from components.register.registry import Registry

    versions = Registry(wanted.registry).versions(name)
    fitting = [
        v for v in versions if v.number == wanted.version or (not wanted.version and v.champion)
    ]
    if not fitting:
        which = f"version {wanted.version}" if wanted.version else "champion"
        there = ", ".join(str(v.number) for v in versions) or "none"
        msg = f"the registry holds no {which} of {name!r}: versions are {there}"
        raise SpecError(msg)
    version = fitting[0]
    return Wanted(
        registry=wanted.registry,
        version=version.number,
        storage_uri=wanted.storage_uri or version.bundle,
        runtime=wanted.runtime or version.tags.get(_RUNTIME_TAG, ""),
    )
