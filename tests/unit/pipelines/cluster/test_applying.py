"""Commands run: again while the platform is not ready for them, and not when they are wrong."""

import os
from pathlib import Path

import psutil
import pytest

from pipelines.cluster.applying import run_command
from pipelines.cluster.commands import ClusterError, Command, environment
from pipelines.cluster.complaints import find_mends, is_log, is_passing
from pipelines.cluster.running import running

NOT_READY = "Error from server (InternalError): Internal error occurred: failed calling webhook"


def script(folder: Path, text: str) -> Command:
    file = folder / "program.sh"
    file.write_text(text, encoding="utf-8")
    return Command((("sh", str(file), str(folder)),))


def run(command: Command, said: list[str], patience_s: float = 60) -> None:
    run_command(command, environment(), said.append, patience_s=patience_s, pause_s=0.01)


def test_command_is_tried_again_until_the_webhook_answers(tmp_path: Path) -> None:
    again = script(
        tmp_path,
        f'echo x >> "$1/tries"; [ "$(wc -l < "$1/tries")" -ge 3 ] && exit; '
        f'echo "{NOT_READY}" >&2; exit 1',
    )
    said: list[str] = []
    run(again, said)
    assert (tmp_path / "tries").read_text().count("x") == 3
    assert said == ["  not ready for it yet; again in 0.01 s"] * 2


def test_command_that_is_never_ready_ends_with_the_reason(tmp_path: Path) -> None:
    never = script(tmp_path, f'echo x >> "$1/tries"; echo "{NOT_READY}" >&2; exit 1')
    with pytest.raises(ClusterError, match="failed calling webhook"):
        run(never, [], patience_s=0)
    assert (tmp_path / "tries").read_text().count("x") == 1


def test_command_that_is_wrong_is_not_tried_again(tmp_path: Path) -> None:
    wrong = script(
        tmp_path,
        'echo x >> "$1/tries"; echo "Warning: old" >&2; echo "error: no such file" >&2; exit 1',
    )
    with pytest.raises(ClusterError, match=r"^error: no such file$"):
        run(wrong, [])
    assert (tmp_path / "tries").read_text().count("x") == 1


@pytest.mark.parametrize(
    "said",
    [
        "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        "Unable to connect to the server: EOF",
        "Error from server: etcdserver: leader changed",
        "Error from server (ServiceUnavailable): the server is currently unable to handle it",
        "error: failed to download openapi: dial tcp 127.0.0.1:1: connect: connection refused",
        "error: read tcp 127.0.0.1:2->127.0.0.1:1: read: connection reset by peer",
        "error: http2: client connection lost",
    ],
    ids=["refused", "tls", "eof", "leader", "unavailable", "openapi", "reset", "lost"],
)
def test_lost_server_passes(said: str) -> None:
    assert is_passing(["Warning: old", said])


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'https://github.com/': Failed to connect: Connection refused",
        "error: no such file",
        "Error from server (Forbidden): nobody may",
        "error: timed out waiting for the condition on deployments/web",
        "invalid GEOFENCE",
    ],
    ids=["network", "file", "forbidden", "time", "word"],
)
def test_what_is_wrong_does_not_pass(said: str) -> None:
    assert not is_passing([said])


def test_build_that_finds_no_network_is_not_tried_again(tmp_path: Path) -> None:
    program = script(tmp_path, "").parts[0][1]
    Path(program).write_text('echo x >> "$1"; echo "dial tcp: connection refused" >&2; exit 1')
    build = Command((("env", "sh", program, str(tmp_path / "tries")),))
    with pytest.raises(ClusterError, match="connection refused"):
        run(build, [])
    assert (tmp_path / "tries").read_text().count("x") == 1


def test_log_of_a_program_is_not_shown_and_not_quoted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = 'E1121 23:19:16.470879   13074 memcache.go:265] "Unhandled Error" err="refused"'
    noisy = script(tmp_path, f"echo 'the reason' >&2; echo '{log}' >&2; exit 1")
    with pytest.raises(ClusterError, match=r"^the reason$"):
        run(noisy, [])
    assert capfd.readouterr().err == "the reason\n"
    assert is_log("W0101 00:00:00.000001       1 reflector.go:569] failed to list")
    assert not is_log("Error from server (NotFound)")


def test_pipe_fails_where_its_first_program_does(tmp_path: Path) -> None:
    first = script(tmp_path, "echo rows; echo 'error: half of it' >&2; exit 2")
    with pytest.raises(ClusterError, match="half of it"):
        run(Command((*first.parts, ("sh", "-c", "cat > /dev/null"))), [])


def test_pipe_hands_on_what_is_written(tmp_path: Path) -> None:
    first = script(tmp_path, "echo rows")
    run(Command((*first.parts, ("sh", "-c", f"cat > {tmp_path}/got"))), [])
    assert (tmp_path / "got").read_text() == "rows\n"


def test_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ClusterError, match="no command 'no-such-program' is on the path"):
        run(Command((("no-such-program",),)), [])


def test_what_a_script_started_ends_with_it(tmp_path: Path) -> None:
    command = script(
        tmp_path, 'sleep 600 &\necho $! > "$1/child.new"; mv "$1/child.new" "$1/child"; wait'
    )
    with running(command, dict(os.environ)) as under_way:
        while not (tmp_path / "child").exists():
            assert not under_way.wait(0.01)
        child = psutil.Process(int((tmp_path / "child").read_text()))
        assert child.is_running()
    _, left = psutil.wait_procs([child], timeout=60)
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("fatal: unable to access 'https://github.com/': Could not resolve host", "github.com"),
        ("ERROR: failed to pull image kindest/node", "Docker can pull"),
        ("Apply failed with 1 conflict: conflict with helm", "--force-conflicts"),
        ("write /x: no space left on device", "docker system prune"),
        ("The connection to the server 127.0.0.1:6443 was refused", "whether its node runs"),
        ('image: "kubeloop/serve:0.1.0" not present locally', "make images"),
    ],
    ids=["network", "pull", "conflict", "disk", "refused", "image"],
)
def test_what_helps_is_said_where_it_is_known(said: str, mend: str) -> None:
    assert [text for text in find_mends([said]) if mend in text]
    assert find_mends(["error: something else"]) == []
