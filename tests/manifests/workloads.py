"""What holds for every workload: each function names what breaks it, and nothing where all is well.

The security rules are those of Kubernetes' Pod Security Standards, profile `restricted`
(https://kubernetes.io/docs/concepts/security/pod-security-standards/), and a read-only root file
system besides.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.manifests.pods import Pod, pods
from tests.manifests.quantities import quantity
from tests.manifests.rendered import Document, of_kind, strings, title

# Who is given a token, and for whom it is good, which is never Kubernetes itself.
TOKENS = {"Deployment/monitor": "pipelines.kubeflow.org"}
LABELS = ("name", "component", "part-of", "version")
# The tag is what follows the last colon after the last slash.
_TAG = re.compile(r"^[^@\s]+(?::(?P<tag>[\w][\w.-]*))$|^.+@sha256:[0-9a-f]{64}$")
_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}
# An address with a user and a password in it; a reference such as $(PASSWORD) is none.
_PASSWORD = re.compile(r"://[^/\s:@]+:(?!\$\()[^/\s@]+@")
_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|access_?key|credential")


def images_are_pinned(documents: list[Document]) -> list[str]:
    """Every image has a tag that is a version, or a digest."""
    problems = []
    for pod, container in _containers(documents):
        found = _TAG.match(container["image"])
        tag = found and found["tag"]
        if not found or (tag and (tag == "latest" or not re.search(r"\d", tag))):
            problems.append(f"{pod.owner} runs {container['image']!r}: expected a version")
    return problems


def containers_are_probed(documents: list[Document]) -> list[str]:
    """Every container tells by a probe that it lives and that it is ready, on a named port."""
    problems = []
    for pod in pods(documents):
        for container in pod.spec["containers"]:
            names = {port.get("name") for port in container.get("ports", [])}
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind)
                if probe is None:
                    problems.append(f"{pod.owner} has no {kind}")
                elif "httpGet" in probe and probe["httpGet"]["port"] not in names:
                    port = probe["httpGet"]["port"]
                    problems.append(f"{pod.owner} is probed on port {port!r}, which it lacks")
    return problems


def sizes_are_bounded(documents: list[Document]) -> list[str]:
    """Every container asks for CPU and memory, and has limits that are no less."""
    problems = []
    for pod, container in _containers(documents):
        sizes = container.get("resources", {})
        for name in ("cpu", "memory"):
            least = sizes.get("requests", {}).get(name)
            most = sizes.get("limits", {}).get(name)
            if least is None or most is None:
                problems.append(f"{pod.owner} {container['name']} has no request or limit: {name}")
            elif quantity(least) > quantity(most):
                problems.append(f"{pod.owner} asks for {name} {least!r} above its limit {most!r}")
    return problems


def pods_are_restricted(documents: list[Document]) -> list[str]:
    """Pod Security `restricted` admits every pod, and its root file system is read-only."""
    return [f"{pod.owner} {text}" for pod in pods(documents) for text in _unrestricted(pod)]


def _unrestricted(pod: Pod) -> Iterator[str]:
    own = pod.spec.get("securityContext", {})
    yield from (f"has {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(key))
    for volume in pod.spec.get("volumes", []):
        if not set(volume) - {"name"} <= _VOLUMES:
            yield f"mounts {volume!r}"
    for container in pod.containers:
        # What a container says of itself goes before what its pod says of all.
        given = container.get("securityContext", {})
        effective = {**own, **given}
        capabilities = given.get("capabilities", {})
        seccomp = effective.get("seccompProfile", {}).get("type")
        wrong = {
            "may run as root": effective.get("runAsNonRoot") is not True
            or effective.get("runAsUser") == 0,
            "has no seccomp profile": seccomp not in ("RuntimeDefault", "Localhost"),
            "may gain privileges": given.get("allowPrivilegeEscalation") is not False
            or bool(given.get("privileged")),
            "keeps capabilities": capabilities.get("drop") != ["ALL"]
            or bool(capabilities.get("add")),
            "may write to its root file system": given.get("readOnlyRootFilesystem") is not True,
        }
        yield from (f"{container['name']} {text}" for text, broken in wrong.items() if broken)


def labels_are_complete(documents: list[Document]) -> list[str]:
    """Every object and pod has the four labels; what cannot change later holds no version."""
    problems = []
    keys = [f"app.kubernetes.io/{label}" for label in LABELS]
    for document in documents:
        found = document["metadata"].get("labels", {})
        # A Namespace is no part of an application, and deploy gives a service its version.
        wanted = {"Namespace": keys[2:], "InferenceService": keys[:3]}.get(document["kind"], keys)
        problems += [f"{title(document)} lacks {key}" for key in wanted if key not in found]
        for path, _ in strings(document.get("spec", {})):
            fixed = "elector/" in path or "/volumeClaimTemplates/" in path
            if fixed and path.endswith("app.kubernetes.io/version"):
                problems.append(f"{title(document)} fixes a version at {path}")
    for pod in pods(documents):
        problems += [f"{pod.owner}'s pod lacks {key}" for key in keys if key not in pod.labels]
    return problems


def ports_are_named(documents: list[Document]) -> list[str]:
    """Every port has a name, and no other port of its pod the same."""
    problems = []
    for pod in pods(documents):
        names = [name for name, _, _ in pod.ports]
        if "" in names or len(set(names)) != len(names):
            problems.append(f"{pod.owner} has ports {sorted(pod.ports)}")
    for service in of_kind(documents, "Service"):
        for port in service["spec"]["ports"]:
            if not port.get("name") or not isinstance(port.get("targetPort"), str):
                problems.append(f"{title(service)} has port {port!r}")
    return problems


def tokens_are_withheld(documents: list[Document]) -> list[str]:
    """No pod is given a token that Kubernetes takes: none of ours asks it for anything."""
    problems = [
        f"{title(account)} hands out tokens"
        for account in of_kind(documents, "ServiceAccount")
        if account.get("automountServiceAccountToken") is not False
    ]
    for pod in pods(documents):
        if pod.spec.get("automountServiceAccountToken") is not False:
            problems.append(f"{pod.owner} mounts a token")
        if pod.spec.get("serviceAccountName", "default") == "default":
            problems.append(f"{pod.owner} runs as the namespace's default account")
        for volume in pod.spec.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                audience = source.get("serviceAccountToken", {}).get("audience", "Kubernetes")
                if "serviceAccountToken" in source and audience != TOKENS.get(pod.owner):
                    problems.append(f"{pod.owner} is given a token for {audience!r}")
    return problems


def secrets_are_elsewhere(documents: list[Document]) -> list[str]:
    """No manifest holds a secret's value: no Secret has data, no variable a password."""
    problems = [
        f"{title(secret)} holds {key}"
        for secret in of_kind(documents, "Secret")
        for key in ("data", "stringData")
        if secret.get(key)
    ]
    for document in documents:
        for path, text in strings(document):
            if _PASSWORD.search(text):
                problems.append(f"{title(document)} has a password at {path}")
    for pod, container in _containers(documents):
        for variable in container.get("env", []):
            if _SECRET_NAME.search(variable["name"]) and "value" in variable:
                problems.append(f"{pod.owner} sets {variable['name']} to a value")
    return problems


def _containers(documents: list[Document]) -> Iterator[tuple[Pod, dict[str, Any]]]:
    return ((pod, container) for pod in pods(documents) for container in pod.containers)
