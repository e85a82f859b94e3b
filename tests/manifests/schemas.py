"""What is valid: each document against the schema or model of those who read it.

Kubernetes' kinds: the OpenAPI of the version that kind-config.yaml names, strict, from the package
kubernetes-validate. KServe's: the models of its Python client, where a key that the model does not
know is lost on the way through it. The rest: `custom_kinds`.
"""

import json
from types import SimpleNamespace
from typing import Any

import jsonschema
import kserve
import kubernetes_validate
from kubernetes import client

from tests.manifests.custom_kinds import SPECS
from tests.manifests.rendered import Document, title

KUBERNETES = "1.36"
_MODELS = {
    "InferenceService": kserve.V1beta1InferenceServiceSpec,
    "ServingRuntime": kserve.V1alpha1ServingRuntimeSpec,
}


def documents_are_valid(documents: list[Document]) -> list[str]:
    """What is wrong with documents, by name; nothing where those who read them take them."""
    return [f"{title(document)}: {text}" for document in documents for text in _invalid(document)]


def _invalid(document: Document) -> list[str]:
    key = (document["apiVersion"], document["kind"])
    if document["kind"] in _MODELS:
        return _lost_by_model(document)
    if key in SPECS:
        found = jsonschema.Draft202012Validator(SPECS[key]).iter_errors(document["spec"])
        return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as exc:
        return [f"{'/'.join(map(str, exc.path))}: {exc.message}"]
    except kubernetes_validate.SchemaNotFoundError as exc:
        return [exc.message]
    return []


def _lost_by_model(document: Document) -> list[str]:
    reader = client.ApiClient()
    given = SimpleNamespace(data=json.dumps(document["spec"]))
    try:
        model = _read(reader, given, _MODELS[document["kind"]])
    except ValueError as exc:
        return [str(exc)]
    return [f"{path} is unknown" for path in _lost(document["spec"], model, "spec")]


def _read(reader: Any, given: SimpleNamespace, kind: type) -> Any:
    """Through the client's model and back; its models name each other in kubernetes' own module."""
    known = vars(client.models)
    added = {k: v for k, v in vars(kserve).items() if k.startswith("V1") and k not in known}
    known.update(added)
    try:
        return reader.sanitize_for_serialization(reader.deserialize(given, kind))
    finally:
        for name in added:
            del known[name]


def _lost(given: Any, kept: Any, path: str) -> list[str]:
    if kept is None and given is not None:
        return [path]
    if isinstance(given, dict):
        found = kept if isinstance(kept, dict) else {}
        return [
            lost
            for key, value in given.items()
            for lost in _lost(value, found.get(key), f"{path}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return [lost for i, (one, other) in pairs for lost in _lost(one, other, f"{path}[{i}]")]
    return [] if given == kept else [path]
