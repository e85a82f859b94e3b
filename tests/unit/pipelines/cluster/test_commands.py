"""Commands are read as a shell reads them, from where they are written down."""

from pathlib import Path

import pytest

from pipelines.cluster.commands import ClusterError, Command, ask, read_commands

WAIT = "kubectl -n kserve wait --for=condition=Available --timeout=5m deployment/controller"


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("kubectl get pods", (("kubectl", "get", "pods"),)),
        ("echo 'a b' c", (("echo", "a b", "c"),)),
        ("kubectl apply -k x   # to 09, in order", (("kubectl", "apply", "-k", "x"),)),
        ("a --native | b -f -", (("a", "--native"), ("b", "-f", "-"))),
    ],
    ids=["words", "quotes", "comment", "pipe"],
)
def test_command_is_read_as_a_shell_does(line: str, parts: tuple[tuple[str, ...], ...]) -> None:
    assert Command.parse(line).parts == parts
    assert Command.parse(Command.parse(line).line).parts == parts


@pytest.mark.parametrize(
    ("line", "waits", "namespace"),
    [
        (WAIT, True, "kserve"),
        ("kubectl wait --for=condition=Established crd/a", True, ""),
        ("kubectl -n kubeloop rollout status statefulset/postgresql", True, "kubeloop"),
        ("kubectl apply --server-side -k manifests/platform/05-kserve", False, ""),
        ("sh manifests/overlays/kind/secrets.sh -n", False, ""),
        ("make images", False, ""),
    ],
    ids=["wait", "cluster-wide", "rollout", "apply", "script", "make"],
)
def test_command_that_waits_says_where(line: str, waits: bool, namespace: str) -> None:
    command = Command.parse(line)
    assert (command.waits, command.namespace) == (waits, namespace)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(" --timeout=5m", 300), (" --timeout=1m30s", 90), (" --timeout=2h", 7200), ("", 30)],
    ids=["minutes", "both", "hours", "none"],
)
def test_command_says_how_long_it_waits(given: str, seconds: float) -> None:
    command = Command.parse(f"kubectl -n a wait{given} node --all")
    assert command.timeout_s == seconds
    assert command.within(12.4).line == "kubectl -n a wait node --all --timeout=12s"
    assert command.within(-3).timeout_s == 1


@pytest.mark.parametrize("given", ["5", "", "m", "5x", "-1s"])
def test_wait_without_a_duration_is_named(given: str) -> None:
    with pytest.raises(ClusterError, match=f"waits for '{given}': expected a duration"):
        _ = Command.parse(f"kubectl wait --timeout={given} node --all").timeout_s


def test_commands_are_those_of_the_comments_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "kustomization.yaml"
    file.write_text(
        f"# What it is, and `kubectl apply` in a sentence.\n#\n#   kubectl apply -k x\n#   {WAIT}\n"
        "#\n#   Secret object-store   KEY: is no command\n#\n#   sh x/secrets.sh\nkind: K\n",
        encoding="utf-8",
    )
    lines = [command.line for command in read_commands(file)]
    assert lines == ["kubectl apply -k x", WAIT, "sh x/secrets.sh"]


def test_file_that_says_no_command_is_named(tmp_path: Path) -> None:
    file = tmp_path / "kustomization.yaml"
    with pytest.raises(ClusterError, match="cannot read .*kustomization.yaml.*checkout"):
        read_commands(file)
    file.write_text("# Nothing.\n#\n#   \nkind: K\n", encoding="utf-8")
    with pytest.raises(ClusterError, match="says nowhere how it is applied"):
        read_commands(file)


def test_program_that_fails_is_quoted_with_its_last_line() -> None:
    with pytest.raises(ClusterError, match=r"^the reason$"):
        ask("sh", "-c", "echo first >&2; echo the reason >&2; exit 3")
    with pytest.raises(ClusterError, match=r"^exit status 3$"):
        ask("sh", "-c", "exit 3")
    with pytest.raises(ClusterError, match="no command 'no-such-program' is on the path"):
        ask("no-such-program")
    with pytest.raises(ClusterError, match="the command '/etc' cannot be started: Permission"):
        ask("/etc")
    with pytest.raises(ClusterError, match=r"gave no answer in 0.1 s"):
        ask("sleep", "60", timeout_s=0.1)
