"""How the services end: by themselves, at any moment, and with nothing left unsaid."""

import signal
import time

import pytest

from tests.bundles import Fitted, build
from tests.containers.engine import Box, Engine

ROW = {"age": 30.0, "income": 1500.0, "city": "Bern", "plan": "basic"}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("stopping")
    folder.chmod(0o755)
    return build(folder / "bundle", "binary")


def start(engine: Engine, target: str, fitted: Fitted, *arguments: str) -> Box:
    if target == "monitor":
        return engine.start("monitor", mounts={engine.volume(): "/var/lib/kubeloop"})
    mounts = {str(fitted.folder): "/mnt/models:ro"}
    return engine.start("serve", "--bundle", "/mnt/models", *arguments, mounts=mounts)


@pytest.mark.parametrize("delay_s", [0.1, 0.4, 1.0, 2.0])
@pytest.mark.parametrize("target", ["serve", "monitor"])
def test_service_stopped_while_it_starts_ends_at_once(
    target: str, delay_s: float, engine: Engine, fitted: Fitted
) -> None:
    """Process 1 never sees a signal that it has no handler for: a pod would wait for its kill."""
    box = start(engine, target, fitted)
    time.sleep(delay_s)
    box.container.kill(signal.SIGTERM)
    status = box.container.wait(timeout=30)["StatusCode"]
    assert status in (0, 128 + signal.SIGTERM), box.log
    assert "Traceback" not in box.log


def test_service_stopped_at_work_says_what_it_knows_and_ends_well(
    engine: Engine, fitted: Fitted
) -> None:
    monitor = start(engine, "monitor", fitted).await_ready("/readyz")
    server = start(engine, "serve", fitted, "--monitor", monitor.inner)
    server.await_ready("/v2/models/churn/ready")
    for _ in range(25):
        status, _ = server.ask("POST", "/v1/models/churn:predict", {"instances": [ROW]})
        assert status == 200
    server.container.kill(signal.SIGTERM)
    assert server.container.wait(timeout=30)["StatusCode"] == 0, server.log
    _, found = monitor.ask("GET", "/v1/models/churn")
    assert [version["events"] for version in found["versions"]] == [25]
    monitor.container.kill(signal.SIGTERM)
    assert monitor.container.wait(timeout=30)["StatusCode"] == 0, monitor.log
