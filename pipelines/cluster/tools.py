"""What this machine needs for a local cluster: programs, their versions, memory, ports."""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.cluster.commands import ROOT, ClusterError, ask
from pipelines.cluster.findings import Finding
from pipelines.cluster.steps import CONFIG

AREA = "tools"
GIB = 2**30
# The sum that `make manifests` prints for everything on kind with two predictors.
NEEDED_BYTES = 7 * GIB
NEEDED_CPUS = 3.5
# What kind needs beside the pods: the kubelet, containerd and the API server's own memory.
SPARE_BYTES = 1 * GIB
# The release that built the node image of kind-config.yaml.
LEAST_KIND = (0, 32)
# Kubernetes' skew policy: kubectl is within one minor version of the server.
SERVER = (1, 36)
# kind's known issues, "too many open files".
LEAST_INOTIFY = {"max_user_watches": 524288, "max_user_instances": 512}
SOURCES = {
    "docker": "Debian and Ubuntu have it as docker.io; others: https://docs.docker.com/engine/install",
    "kind": "a single program: https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    "kubectl": "a single program: https://kubernetes.io/docs/tasks/tools",
    "git": "every system has it as the package git",
}
_WHY = {
    "docker": "runs the cluster's node and builds the images",
    "kind": "makes the cluster",
    "kubectl": "applies the manifests",
    "git": "kubectl fetches the platform's manifests by it",
}
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")


def look_at_tools(env: Mapping[str, str]) -> Iterator[Finding]:
    """Looks at the programs that a local cluster needs.

    Args:
        env: whose PATH finds them.

    Yields:
        A finding for each.
    """
    for name in SOURCES:
        if shutil.which(name, path=env.get("PATH")) is None:
            yield Finding(AREA, name, "wrong", f"not installed; it {_WHY[name]}", SOURCES[name])
        elif name == "docker":
            yield from _docker(env)
        elif name == "kind":
            yield _kind(env)
        elif name == "kubectl":
            yield _kubectl(env)
        else:
            yield _git(env)


def look_at_machine(root: Path = ROOT) -> Iterator[Finding]:
    """Looks at what a new cluster would take of this machine: its ports, and Linux' limits."""
    for port in _ports(root / CONFIG):
        address, number = port.get("listenAddress", "0.0.0.0"), port["hostPort"]  # noqa: S104
        yield _port(address, number)
    folder = Path("/proc/sys/fs/inotify")
    for name, least in LEAST_INOTIFY.items():
        if (file := folder / name).exists() and (now := int(file.read_text())) < least:
            said = f"{now}; with fewer than {least} pods may fail with 'too many open files'"
            yield Finding(AREA, name, "note", said, f"sudo sysctl fs.inotify.{name}={least}")


def _docker(env: Mapping[str, str]) -> Iterator[Finding]:
    try:
        told = json.loads(ask("docker", "info", "--format={{json .}}", env=env))
    except (ClusterError, json.JSONDecodeError) as exc:
        yield _silent_daemon(str(exc))
        return
    if not told.get("ServerVersion"):
        yield _silent_daemon("; ".join(told.get("ServerErrors") or ["no answer"]))
        return
    yield Finding(AREA, "docker", "ok", f"{told['ServerVersion']}, and its daemon answers")
    yield from _room(told)
    if told.get("CgroupVersion") == "1":
        said = "1, with which kubelets from Kubernetes 1.35 on do not start unless told"
        yield Finding(AREA, "cgroup", "wrong", said, "boot with systemd.unified_cgroup_hierarchy=1")


def _silent_daemon(said: str) -> Finding:
    if "permission denied" in said:
        mend = (
            "join the group docker (sudo usermod -aG docker $USER, then log in again), or be root"
        )
    else:
        mend = "start it (sudo systemctl start docker), or name another by DOCKER_HOST"
    return Finding(AREA, "docker", "wrong", f"its daemon does not answer: {said}", mend)


def _room(told: Mapping[str, Any]) -> Iterator[Finding]:
    """Docker's memory and processors: on a desktop those of its virtual machine."""
    memory, cpus = int(told.get("MemTotal", 0)), int(told.get("NCPU", 0))
    if memory:
        said = f"{memory / GIB:.1f} GiB for Docker; pods ask for {NEEDED_BYTES / GIB:.1f}"
        enough = memory >= NEEDED_BYTES + SPARE_BYTES
        mend = "" if enough else "give Docker 10 GiB or more, or take a larger machine"
        yield Finding(AREA, "memory", "ok" if enough else "wrong", said, mend)
    if cpus:
        said = f"{cpus} for Docker; pods ask for {NEEDED_CPUS:g}"
        enough = cpus >= NEEDED_CPUS
        mend = "" if enough else "give Docker 4 or more: some pods would never be scheduled"
        yield Finding(AREA, "processors", "ok" if enough else "wrong", said, mend)


def _kind(env: Mapping[str, str]) -> Finding:
    said = _said(("kind", "version"), env)
    found = _VERSION.search(said)
    least = ".".join(map(str, LEAST_KIND))
    if found is None:
        return Finding(
            AREA, "kind", "wrong", f"its version cannot be read: {said!r}", SOURCES["kind"]
        )
    if (int(found[1]), int(found[2])) < LEAST_KIND:
        said = f"{found[0]}; {CONFIG} names a node image of {least}"
        return Finding(AREA, "kind", "wrong", said, f"install {least} or newer: {SOURCES['kind']}")
    return Finding(AREA, "kind", "ok", found[0])


def _kubectl(env: Mapping[str, str]) -> Finding:
    # Google's kubectl asks the cluster for its version first, however long that takes.
    alone = {**env, "KUBECONFIG": os.devnull}
    try:
        told = json.loads(_said(("kubectl", "version", "--client", "--output=json"), alone))
        version = str(told["clientVersion"]["gitVersion"])
    except (json.JSONDecodeError, KeyError):
        version = ""
    found = _VERSION.match(version)
    if found is None:
        return Finding(AREA, "kubectl", "wrong", "its version cannot be read", SOURCES["kubectl"])
    server = ".".join(map(str, SERVER))
    if abs(int(found[2]) - SERVER[1]) > 1:
        said = (
            f"{version}; the cluster is {server}, and Kubernetes supports one minor version apart"
        )
        return Finding(AREA, "kubectl", "note", said, f"install {server}: {SOURCES['kubectl']}")
    return Finding(AREA, "kubectl", "ok", version)


def _git(env: Mapping[str, str]) -> Finding:
    said = _said(("git", "--version"), env)
    found = _VERSION.search(said)
    if found is None:
        return Finding(
            AREA, "git", "wrong", f"its version cannot be read: {said!r}", SOURCES["git"]
        )
    return Finding(AREA, "git", "ok", found[0])


def _said(words: tuple[str, ...], env: Mapping[str, str]) -> str:
    try:
        return ask(*words, env=env)
    except ClusterError as exc:
        return str(exc)


def _ports(path: Path) -> list[dict[str, Any]]:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [port for node in config["nodes"] for port in node.get("extraPortMappings", [])]


def _port(address: str, number: int) -> Finding:
    name = f"port {number}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
        except OSError as exc:
            mend = f"stop what listens there, or change hostPort in {CONFIG}"
            return Finding(
                AREA, name, "wrong", f"{address}:{number} is taken: {exc.strerror}", mend
            )
    return Finding(AREA, name, "ok", f"{address}:{number} is free")
