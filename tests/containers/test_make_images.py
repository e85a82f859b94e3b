"""What `make images` says where it cannot do its work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from components.revision import VERSION

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "cat", "dirname", "env", "grep", "id", "sed")


def make(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    make = shutil.which("make")
    assert make
    command = [make, "--no-print-directory", "-C", str(ROOT), *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=120)


def said(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_make_images_without_docker_says_where_it_comes_from(tmp_path: Path) -> None:
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    text = said(make("images", f"PYTHON={sys.executable}", PATH=str(tmp_path)))
    assert "the images need Docker, and no command 'docker' is on the path" in text
    assert "docker.io" in text


@pytest.mark.skipif(not shutil.which("docker"), reason="needs the command docker")
def test_make_images_without_a_daemon_says_what_to_start(tmp_path: Path) -> None:
    text = said(make("images", DOCKER_HOST=f"unix://{tmp_path}/docker.sock"))
    assert "Docker is installed, and its daemon does not answer: Cannot connect" in text
    assert "Start it" in text


def test_make_images_with_a_python_that_is_none_says_so() -> None:
    text = said(make("images", "PYTHON=python-of-nobody"))
    assert "the version cannot be read with python-of-nobody" in text


def test_make_images_push_without_registry_says_how() -> None:
    assert "make images-push REGISTRY=HOST[:PORT][/PATH]" in said(make("images-push"))


def test_make_images_without_base_says_how_to_bring_it(client: docker.DockerClient) -> None:
    assert client.ping()
    text = said(make("images", "BASE=kubeloop.invalid/none:0"))
    assert "the base image 'kubeloop.invalid/none:0' is not on this machine" in text
    assert "make images BASE=" in text


def test_make_images_push_to_a_registry_that_is_none_says_so(client: docker.DockerClient) -> None:
    assert client.ping()
    text = said(make("images-push", "REGISTRY=127.0.0.1:1"))
    assert f"pushing 127.0.0.1:1/kubeloop/monitor:{VERSION} failed" in text
    assert "connection refused" in text
    client.images.remove(f"127.0.0.1:1/kubeloop/monitor:{VERSION}")
