"""What the tests of the images stand on; they run on `--docker` alone."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.containers.engine import IMAGES, Engine


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips by a mark, for which pytest prints one line a file."""
    if not config.getoption("--docker"):
        reason = "needs --docker, a Docker engine and its images: make images test-containers"
        for item in items:
            if (
                "client" in getattr(item, "fixturenames", ())
                and Path(__file__).parent in item.path.parents
            ):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """Docker, with the images of this version."""
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as exc:
        pytest.fail(f"--docker was given, and no Docker engine answers: {exc}")
    here = {tag for image in client.images.list() for tag in image.tags}
    if missing := sorted(set(IMAGES.values()) - here):
        pytest.fail(f"--docker was given, and images are missing: {missing}; run `make images`")
    with contextlib.closing(client):
        yield client


@pytest.fixture(scope="module")
def engine(client: docker.DockerClient) -> Iterator[Engine]:
    """The engine with a network that leads nowhere; everything on it ends with the module."""
    network = client.networks.create(f"kubeloop-{uuid.uuid4().hex[:8]}", internal=True)
    engine = Engine(client, network.name)
    try:
        yield engine
    finally:
        engine.remove()
        network.remove()


@pytest.fixture(scope="module")
def shared(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that containers may write to, each as its own user."""
    folder = tmp_path_factory.mktemp("shared")
    folder.chmod(0o777)
    yield folder
    # What they wrote belongs to their user, and whoever runs the tests may not be root.
    give_back = ["chmod", "-R", "a+rwX", str(folder)]
    options = {"user": "0", "cap_drop": [], "volumes": [f"{folder}:{folder}"]}
    engine.finish("monitor", *give_back, entrypoint=[], **options)
