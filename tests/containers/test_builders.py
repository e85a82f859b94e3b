"""The builder that is Docker's default by now makes the same image as the classic one."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import docker
import pytest

from components.revision import VERSION
from tests.containers.engine import IMAGES, ROOT

TAG = "kubeloop/monitor:by-buildkit"


def buildkit() -> tuple[list[str], dict[str, str]]:
    """The command that builds with BuildKit, and its environment; skips where there is none."""
    if subprocess.run(["docker", "buildx", "version"], capture_output=True).returncode == 0:
        return ["docker", "buildx", "build", "--load"], {}
    # Up to 22 the command speaks to the engine's own BuildKit; from 23 on only buildx does.
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        command = shutil.which("docker", path=folder)
        if command is None:
            continue
        said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
        found = re.search(r"version (\d+)\.", said)
        if found and int(found[1]) < 23:
            return [command, "build"], {"DOCKER_BUILDKIT": "1"}
    pytest.skip("BuildKit needs docker-buildx, or a docker command before 23: neither is here")


@pytest.fixture
def built(client: docker.DockerClient) -> Iterator[docker.models.images.Image]:
    """The smallest image, built by BuildKit from the base of the others."""
    first = client.images.get(IMAGES["monitor"])
    prefix = "org.opencontainers.image."
    arguments = {
        "BASE": first.labels[f"{prefix}base.name"],
        "VERSION": VERSION,
        "REVISION": first.labels[f"{prefix}revision"],
    }
    command, environment = buildkit()
    command += ["--file", "docker/Dockerfile", "--target", "monitor", "--tag", TAG, "."]
    for name, value in arguments.items():
        command[-1:-1] = ["--build-arg", f"{name}={value}"]
    given = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    yield client.images.get(TAG)
    client.images.remove(TAG, force=True)


def test_buildkit_makes_the_same_image(
    client: docker.DockerClient, built: docker.models.images.Image
) -> None:
    first = client.images.get(IMAGES["monitor"])
    for key in ("Cmd", "Entrypoint", "User", "WorkingDir", "ExposedPorts", "Labels", "Env"):
        assert built.attrs["Config"][key] == first.attrs["Config"][key]
    command = ["find", "/opt/venv", "/opt/kubeloop", "-printf", "%p %m %U %y %l\\n"]
    listings = [
        sorted(client.containers.run(i.id, command, entrypoint=[], remove=True).splitlines())
        for i in (first, built)
    ]
    assert len(listings[0]) > 1000
    assert listings[0] == listings[1]
