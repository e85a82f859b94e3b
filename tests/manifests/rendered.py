"""The overlays as `kubectl kustomize` renders them, and ways to look at and to change them."""

import copy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
TEMPLATE = MANIFESTS / "base" / "serving" / "inference-service.yaml"
OVERLAYS = ("kind", "production")
GONE = object()

Document = dict[str, Any]
Invariant = Callable[[list[Document]], list[str]]

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None,
    reason="kubectl is not installed: no overlay is rendered, and nothing of the manifests shown",
)


@cache
def render(folder: Path) -> str:
    """Renders a kustomization; nothing is fetched where it names no address."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def overlay(name: str) -> list[Document]:
    """The documents of an overlay, and the template that deploy completes; theirs to change."""
    service = template()
    service["metadata"]["namespace"] = "kubeloop"
    return [*load(render(MANIFESTS / "overlays" / name)), service]


def load(text: str) -> list[Document]:
    """The documents of a YAML text."""
    return [document for document in yaml.load_all(text, _Loader) if document]  # noqa: S506


class _Loader(yaml.SafeLoader):
    """PyYAML's safe one, but for a plain `=`, which kubectl writes and YAML 1.1 reads otherwise."""


def _equals(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:value", _equals)


def template() -> Document:
    """What `deploy` completes to the InferenceService of a model."""
    document: Document = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return document


def title(document: Document) -> str:
    """How a document is called in what a test says: Kind/name."""
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents: list[Document], *kinds: str) -> Iterator[Document]:
    return (document for document in documents if document["kind"] in kinds)


def namespace_of(document: Document) -> str:
    return str(document["metadata"].get("namespace", ""))


def changed(documents: list[Document], name: str, path: str, value: Any) -> list[Document]:
    """A copy with one value changed.

    Args:
        documents: of an overlay.
        name: Kind/name of the document to change.
        path: keys and list indexes with slashes between them; `~` stands for a slash in a key.
        value: the new value; GONE removes it. One past the end of a list appends.
    """
    result = copy.deepcopy(documents)
    place: Any = next(document for document in result if title(document) == name)
    steps = (key.replace("~", "/") for key in path.split("/"))
    *keys, last = (int(key) if key.isdecimal() else key for key in steps)
    for key in keys:
        place = place[key]
    if value is GONE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return result


def without(documents: list[Document], name: str) -> list[Document]:
    """A copy that lacks one document."""
    kept = [copy.deepcopy(document) for document in documents if title(document) != name]
    assert len(kept) == len(documents) - 1
    return kept


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a document with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from strings(part, f"{path}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from strings(part, f"{path}/{index}")
