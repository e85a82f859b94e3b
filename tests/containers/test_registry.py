"""The images in a real registry: what `make images-push` leaves there is what was built."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.containers.engine import IMAGES, ROOT

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The registry server of Debian's docker-registry on loopback, which Docker trusts untold."""
    command = shutil.which("docker-registry")
    if command is None:
        pytest.skip("needs the command docker-registry (Debian: apt-get install docker-registry)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": address},
    }
    file = tmp_path / "registry.yml"
    # JSON is YAML.
    file.write_text(json.dumps(settings), encoding="utf-8")
    process = subprocess.Popen([command, "serve", str(file)], stderr=subprocess.DEVNULL)
    try:
        await_answer(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def await_answer(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert process.poll() is None
        try:
            if ask(address, "/v2/")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the registry at {address} does not answer")


def ask(address: str, path: str) -> tuple[int, dict[str, str], Any]:
    host, _, port = address.partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path, headers={"Accept": MANIFEST})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), json.loads(response.read())
    finally:
        connection.close()


def test_images_push_leaves_every_image_under_the_digest_that_it_prints(
    client: docker.DockerClient, registry: str
) -> None:
    command = ["make", "--no-print-directory", "images-push", f"REGISTRY={registry}/team/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    try:
        assert done.returncode == 0, done.stderr
        for name in IMAGES.values():
            repository, _, tag = name.partition(":")
            place = f"{registry}/team/{repository}"
            printed = re.search(
                rf"^{re.escape(place)}:{tag}  {re.escape(place)}@(\S+)$", done.stdout, re.M
            )
            assert printed, done.stdout
            status, headers, manifest = ask(registry, f"/v2/team/{repository}/manifests/{tag}")
            assert status == 200
            assert headers["Docker-Content-Digest"] == printed[1]
            assert manifest["config"]["digest"] == client.images.get(name).id
    finally:
        for name in IMAGES.values():
            client.images.remove(f"{registry}/team/{name}")
