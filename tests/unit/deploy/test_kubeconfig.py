"""What a user's configuration has to be, and what is said of one that is something else."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.kubeconfig import KubeconfigError, load_kubeconfig
from components.errors import DeployError

SECRET = "hunter2hunter2"  # noqa: S105


def document(**user: Any) -> dict[str, Any]:
    return {
        "current-context": "mine",
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": user}],
        "contexts": [
            {"name": name, "context": {"cluster": "a", "user": "a"}} for name in ("mine", "other")
        ],
    }


def text(content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda file: void(file.write_bytes(data))


def void(_: object) -> None:
    return None


SHAPES: dict[str, Callable[[Path], None]] = {
    "yaml": text(f"users: [{{token: {SECRET}\n:\n\t- x"),
    "text": text(f"a note, and {SECRET}\n"),
    "number": text("contexts: 4\n"),
    "list": text("- 1\n- 2\n"),
    "empty": text(""),
    "binary": text(bytes(range(256))),
    "directory": lambda file: file.mkdir(),
    "contexts": text(yaml.safe_dump({**document(), "contexts": [1, 2]})),
    "context": text(yaml.safe_dump({**document(), "contexts": [{"name": "mine"}]})),
    "clusters": text(yaml.safe_dump({**document(), "clusters": 4})),
    "server": text(yaml.safe_dump({**document(), "clusters": [{"name": "a", "cluster": 4}]})),
    "user": text(yaml.safe_dump({**document(), "users": [{"name": "a", "user": 4}]})),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "the-configuration"
    monkeypatch.setenv("KUBECONFIG", str(found))
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_connect_with_a_file_that_is_no_kubeconfig_names_it(file: Path, shape: str) -> None:
    SHAPES[shape](file)
    with pytest.raises(DeployError, match="no Kubernetes cluster is configured") as failed:
        connect()
    assert str(file) in str(failed.value)
    assert "let KUBECONFIG name a file with a current context" in str(failed.value)
    assert SECRET not in str(failed.value)


def test_connect_without_a_file_says_so(file: Path) -> None:
    with pytest.raises(DeployError, match=f"there is no file '{file}'; let KUBECONFIG name"):
        connect()


def test_load_of_a_context_that_is_not_there_names_those_that_are(file: Path) -> None:
    file.write_text(yaml.safe_dump(document()), encoding="utf-8")
    with pytest.raises(KubeconfigError, match="no context 'nope' .*: its contexts are mine, other"):
        load_kubeconfig(config, client.Configuration(), "nope")
    assert load_kubeconfig(config, client.Configuration()) == "mine"
    assert load_kubeconfig(config, client.Configuration(), "other") == "other"


def plugin(*command: str) -> dict[str, Any]:
    first, *rest = command
    api = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api, "command": first, "args": rest}}


def test_load_names_a_credentials_command_that_is_not_there_and_logs_nothing(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text(yaml.safe_dump(document(**plugin("no-such-plugin"))), encoding="utf-8")
    before = list(logging.getLogger().handlers)
    with pytest.raises(KubeconfigError, match="no credentials .*'mine': .*no-such-plugin") as found:
        load_kubeconfig(config, client.Configuration())
    assert found.value.mend.startswith("install, or log in with, the command")
    assert logging.getLogger().handlers == before
    assert "no-such-plugin" not in "".join(capfd.readouterr())


def test_load_quotes_a_credentials_command_that_fails_without_its_secrets(file: Path) -> None:
    said = f"import sys; sys.exit('expired: token={SECRET}')"
    file.write_text(
        yaml.safe_dump(document(**plugin(sys.executable, "-c", said))), encoding="utf-8"
    )
    with pytest.raises(KubeconfigError, match="expired") as found:
        load_kubeconfig(config, client.Configuration())
    assert SECRET not in str(found.value)
