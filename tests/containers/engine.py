"""Containers as a cluster runs them: a user without rights, nothing to write to, no way out."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.volumes import Volume

from components.revision import VERSION

ROOT = Path(__file__).parents[2]
IMAGES = {
    "monitor": f"kubeloop/monitor:{VERSION}",
    "pipeline": f"kubeloop/pipeline:{VERSION}",
    "serve": f"kubeloop/serve:{VERSION}",
    "serve-skops": f"kubeloop/serve:{VERSION}-skops",
}
"""The images' names by their targets in the Dockerfile."""

USER = "65532"
HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}
"""What Pod Security `restricted` and our manifests ask of a container, in Docker's words."""

SCRATCH: dict[str, Any] = {"tmpfs": {"/tmp": "size=512m"}}  # noqa: S108
"""What the pipeline's image needs besides: some place for what its libraries write meanwhile."""

_READY_S = 60.0
PORTS = {"serve": 8080, "serve-skops": 8080, "monitor": 9091}


@dataclass(frozen=True)
class Box:
    """A running container and the port on which it answers."""

    container: Container
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where the test reaches it: this machine is on the network, as its gateway."""
        return f"http://{self.host}:{self.port}"

    @property
    def inner(self) -> str:
        """Where other containers reach it."""
        return f"http://{self.container.name}:{self.port}"

    @property
    def log(self) -> str:
        return str(self.container.logs().decode())

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Sends JSON and returns status and parsed answer, or its text where it is none."""
        connection = HTTPConnection(self.host, self.port, timeout=20)
        try:
            sent = None if body is None else json.dumps(body)
            given = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, sent, given)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return response.status, json.loads(text)
        return response.status, text

    def run(self, *command: str) -> tuple[int, str]:
        """Runs a command in the container, as its user."""
        status, output = self.container.exec_run(list(command))
        return int(status), str(output.decode())

    def await_ready(self, path: str) -> "Box":
        """Waits until a path answers 200; fails with the container's log where it does not."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, HTTPException):
                if self.ask("GET", path)[0] == 200:
                    return self
            self.container.reload()
            if self.container.status == "exited":
                break
            time.sleep(0.1)
        pytest.fail(f"{self.container.name} is not ready at {self.url}{path}:\n{self.log}")


@dataclass
class Engine:
    """The Docker engine, and what the tests have started on it."""

    client: docker.DockerClient
    network: str
    started: list[Container] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(
        self,
        target: str,
        *command: str,
        name: str = "",
        network: str = "",
        mounts: Mapping[str, str] | None = None,
    ) -> Box:
        """Starts a container, hardened.

        Args:
            target: of the Dockerfile.
            command: its arguments; none for the image's own.
            name: what others on the network reach it by, behind the network's own name.
            network: another than the one that leads nowhere.
            mounts: by host folder or volume name, where it appears: `PATH` or `PATH:ro`.
        """
        container = self.client.containers.run(
            IMAGES[target],
            list(command) or None,
            detach=True,
            name=f"{self.network}-{name or next(self._numbers)}",
            network=network or self.network,
            volumes=[f"{source}:{path}" for source, path in (mounts or {}).items()],
            **HARDENED,
        )
        self.started.append(container)
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][network or self.network]
        return Box(container, address["IPAddress"], PORTS.get(target, 0))

    def finish(self, target: str, *command: str, **options: Any) -> tuple[int, str]:
        """Runs a container to its end, without any network unless told; its status and words."""
        container = self.client.containers.run(
            IMAGES[target],
            list(command) or None,
            detach=True,
            **{**HARDENED, "network": "none", **options},
        )
        self.started.append(container)
        status = int(container.wait(timeout=120)["StatusCode"])
        return status, container.logs().decode()

    def volume(self) -> str:
        """Makes a volume, as a cluster's claim makes one; returns its name."""
        self.volumes.append(self.client.volumes.create())
        return str(self.volumes[-1].name)

    def remove(self) -> None:
        """Removes every container that was started, and then the volumes."""
        for container in self.started:
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
        self.started.clear()
        for volume in self.volumes:
            volume.remove()
        self.volumes.clear()
