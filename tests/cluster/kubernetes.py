"""kubectl for tests of a cluster: documents, waits, and ways to Services that lead nowhere else."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
# Longer than any single wait below it takes on a laptop's cluster.
_LONGEST_S = 1800
_FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


def kubectl(*words: str, given: str | None = None, check: bool = True) -> str:
    """Runs kubectl against the cluster that KUBECONFIG names; returns what it prints."""
    done = subprocess.run(
        ["kubectl", *words], input=given, capture_output=True, text=True, timeout=_LONGEST_S
    )
    assert done.returncode == 0 or not check, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


def get(kind: str, name: str, namespace: str) -> Document:
    found: Document = json.loads(kubectl("-n", namespace, "get", kind, name, "--output=json"))
    return found


def secret(name: str, namespace: str) -> dict[str, str]:
    """What a Secret holds."""
    data = get("secret", name, namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def items(kind: str, namespace: str, selector: str = "") -> list[Document]:
    words = ["-n", namespace, "get", kind, "--output=json"]
    words += [f"--selector={selector}"] if selector else []
    return list(json.loads(kubectl(*words))["items"])


@contextlib.contextmanager
def forwarded(namespace: str, target: str, port: int, *, local: int = 0) -> Iterator[str]:
    """Opens a port of this machine to one of the cluster; yields its `http://` address.

    Args:
        namespace: of the target.
        target: such as `service/mlflow`.
        port: of it.
        local: the machine's, for what checks by which name it is asked; 0 takes a free one.
    """
    command = ["kubectl", "-n", namespace, "port-forward", target, f"{local or ''}:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = _FORWARDED.match(line)
            assert match, f"no way to {target} in {namespace}: {line or 'it ended'}"
            # It writes a line for each connection, and would stop where nobody reads them.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield f"http://127.0.0.1:{match[1]}"
        finally:
            process.terminate()


def manifests(folder: Path, root: Path, namespace: str, registry: str) -> Path:
    """Writes the overlay of kind for a namespace of its own.

    What belongs to no namespace, and the dashboards, are left to the overlay itself.

    Args:
        folder: where.
        root: the checkout.
        namespace: instead of `kubeloop`.
        registry: where the images were pushed; empty for those that the nodes have.

    Returns:
        The folder to apply.
    """
    shutil.copytree(root / "manifests", folder / "manifests")
    overlay = folder / "manifests" / "overlays" / "kind"
    file = overlay / "kustomization.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["resources"] = ["namespace.yaml", "kubeloop"]
    del document["patches"]
    for image in document["images"] if registry else ():
        if image["name"].startswith("kubeloop/"):
            image["newName"] = f"{registry}/{image.get('newName', image['name'])}"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    for name in ("namespace.yaml", "kubeloop/kustomization.yaml"):
        part = overlay / name
        text = part.read_text(encoding="utf-8")
        key = "name" if name == "namespace.yaml" else "namespace"
        part.write_text(re.sub(rf"(?m)^( *{key}): kubeloop$", rf"\1: {namespace}", text))
    return overlay
