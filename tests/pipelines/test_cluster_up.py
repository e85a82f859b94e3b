"""`make cluster-up` on a machine whose Docker and kind only record what they are told."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from components.revision import VERSION
from tests.pipelines.late_door import LateDoor
from tests.pipelines.local_cluster import ROOT, STEPS, LocalCluster

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None or shutil.which("git") is None,
    reason="kubectl or git is not installed: nothing of cluster-up is shown",
)
IMAGES = f"kubeloop/pipeline:{VERSION} kubeloop/serve:{VERSION} kubeloop/serve:{VERSION}-skops"
LOAD = f"kind load docker-image --name kubeloop {IMAGES} kubeloop/monitor:{VERSION}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[LocalCluster]:
    made = LocalCluster(tmp_path)
    # Another test may hold the port of the real configuration.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    config = made.folder / "kind-config.yaml"
    config.write_text(config.read_text().replace("hostPort: 8080", f"hostPort: {number}"))
    yield made
    made.close()


def make_cluster(machine: LocalCluster) -> None:
    for name in ("made", "whole"):
        (machine.world / name).touch()


def commands(text: str) -> list[str]:
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def printed(machine: LocalCluster) -> list[str]:
    lines = machine.run("up", "--print").stdout.splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_up_does_what_is_printed_and_again_leaves_models_and_passwords(
    machine: LocalCluster,
) -> None:
    done = machine.run("up")
    assert done.returncode == 0, done.stderr
    assert commands(done.stdout) == printed(machine)
    assert machine.calls == ["kind create cluster --config kind-config.yaml", LOAD]
    assert "http://NAME-kubeloop.models.localhost:8080" in done.stdout
    assert done.stdout.endswith(".venv/bin/kubeloop doctor --context kind-kubeloop\n")
    for door in ("ml-pipeline-ui", "grafana", "mlflow", "monitor"):
        assert re.search(
            rf"kubectl --context kind-kubeloop .* port-forward svc/{door} ", done.stdout
        )
    names = {p["metadata"]["name"] for p in machine.api.list("Pipeline", "kubeflow")}
    assert names == {"kubeloop-training", "kubeloop-scoring"}
    machine.api.put(
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": "churn", "namespace": "kubeloop"},
            "spec": {"predictor": {"name": "v7", "model": {"storageUri": "s3://mlpipeline/v7"}}},
        }
    )
    kept = [
        machine.snapshot("InferenceService", "churn", "kubeloop"),
        machine.snapshot("Secret", "tracking-database", "kubeloop"),
        machine.snapshot("Secret", "object-store", "kubeloop"),
    ]
    again = machine.run("up")
    assert again.returncode == 0, again.stderr
    assert "it is there and stays as it is" in again.stdout
    assert machine.calls == ["kind create cluster --config kind-config.yaml", LOAD, LOAD]
    assert kept == [
        machine.snapshot("InferenceService", "churn", "kubeloop"),
        machine.snapshot("Secret", "tracking-database", "kubeloop"),
        machine.snapshot("Secret", "object-store", "kubeloop"),
    ]


def test_up_keeps_to_its_own_cluster_and_leaves_no_file(
    machine: LocalCluster, tmp_path: Path
) -> None:
    make_cluster(machine)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = machine.run("up", "alpha", TMPDIR=str(temporary))
    # The user's configuration names a cluster where nothing answers.
    assert done.returncode == 0, done.stderr
    assert machine.snapshot("Deployment", "alpha", "alpha")
    assert list(temporary.iterdir()) == []


def test_single_step_and_first_step_are_chosen(machine: LocalCluster) -> None:
    listed = machine.run("steps").stdout.splitlines()
    assert tuple(line.split()[0] for line in listed) == STEPS
    titles = re.compile(r"(?m)^# ([a-z-]+): ")
    one = machine.run("up", "beta", "--print").stdout
    assert titles.findall(one) == ["beta"]
    rest = machine.run("up", "--from", "beta", "--print").stdout
    assert titles.findall(rest) == ["beta", "overlay", "pipelines"]
    wrong = machine.run("up", "gamma")
    assert wrong.returncode == 2
    assert "there is no step 'gamma': the steps are kind, images, alpha, beta" in wrong.stderr
    nothing = machine.run("up", "--from", "overlay", "beta")
    assert (nothing.returncode, machine.calls) == (2, [])
    assert "nothing is left to do: beta comes before 'overlay'" in nothing.stderr


def test_step_that_does_not_come_up_quotes_its_pods(machine: LocalCluster) -> None:
    make_cluster(machine)
    machine.broken.add("alpha")
    machine.impatient("alpha", 1)
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a"'}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "alpha-1", "namespace": "alpha", "labels": {"app": "alpha"}},
        "spec": {"containers": [{"name": "alpha", "image": "a"}]},
        "status": {"containerStatuses": [{"name": "alpha", "state": {"waiting": waiting}}]},
    }
    machine.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "alpha"}}, pod)
    done = machine.run("up")
    assert done.returncode == 1
    assert "the step 'alpha' failed: " in done.stderr
    assert 'alpha-1: alpha: ImagePullBackOff (Back-off pulling image "a")' in done.stderr
    assert "make cluster-alpha does it again" in done.stderr
    assert machine.api.get("Deployment", "beta", "beta") is None, "later steps are not begun"


def test_step_that_is_refused_says_what_the_server_says(machine: LocalCluster) -> None:
    make_cluster(machine)
    machine.api.fail(
        "PATCH", "deployments/alpha", status=403, message="nobody may do that", times=-1
    )
    done = machine.run("up", "alpha")
    assert done.returncode == 1
    assert "nobody may do that" in done.stderr
    machine.api.release()
    assert machine.run("up", "alpha").returncode == 0


def test_step_waits_for_a_webhook_that_is_not_ready(machine: LocalCluster) -> None:
    make_cluster(machine)
    said = 'Internal error occurred: failed calling webhook "a": no endpoints available'
    machine.api.fail("PATCH", "deployments/alpha", status=500, message=said, times=1)
    done = machine.run("up", "alpha")
    assert done.returncode == 0, done.stderr
    assert "not ready for it yet" in done.stdout


def await_wait(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Returns the programs under way once the step waits for what it has applied."""
    assert process.stdout is not None
    for line in process.stdout:
        if "$ kubectl -n alpha wait" in line:
            break
    else:
        pytest.fail("ended before it waited")
    own = psutil.Process(process.pid)
    while not (children := own.children(recursive=True)):
        assert process.poll() is None
    return children


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_interrupted_step_ends_with_its_commands_and_says_so(
    machine: LocalCluster, number: signal.Signals
) -> None:
    make_cluster(machine)
    machine.broken.add("alpha")
    process = machine.start("up", "alpha")
    children = await_wait(process)
    _, err = machine.end(process, number)
    assert process.returncode == 130
    assert "interrupted; again goes on where it ended" in err
    _, left = psutil.wait_procs(children, timeout=60)
    assert left == []


def test_killed_up_goes_on_when_it_is_run_again(machine: LocalCluster) -> None:
    machine.broken.add("alpha")
    process = machine.start("up", "--from", "kind")
    children = await_wait(process)
    for one in (psutil.Process(process.pid), *children):
        one.kill()
    process.communicate()
    machine.broken.clear()
    machine.api.remove("Deployment", "alpha", "alpha")
    done = machine.run("up")
    assert done.returncode == 0, done.stderr
    assert machine.calls.count("kind create cluster --config kind-config.yaml") == 1


def test_half_made_cluster_is_named_and_never_deleted_by_itself(machine: LocalCluster) -> None:
    (machine.world / "made").touch()
    done = machine.run("up")
    assert done.returncode == 1
    assert "there and not whole" in done.stderr
    assert "make cluster-down, then make cluster-up" in done.stderr
    assert machine.calls == []


def test_stopped_node_is_started(machine: LocalCluster) -> None:
    make_cluster(machine)
    (machine.world / "stopped").touch()
    done = machine.run("up", "kind")
    assert done.returncode == 0, done.stderr
    assert machine.calls == ["docker start kubeloop-control-plane"]


@pytest.fixture
def door(machine: LocalCluster) -> Iterator[LateDoor]:
    """The API of a node that has stopped: nobody answers before it is opened."""
    make_cluster(machine)
    (machine.world / "stopped").touch()
    door = machine.shut()
    yield door
    door.close()


def open_when_awaited(process: "subprocess.Popen[str]", door: LateDoor) -> str:
    """Lets the server answer once it is said that it does not; returns what was said until then."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "waiting for the API server: " in line:
            door.open()
            return "".join(said)
    pytest.fail(f"ended before it waited: {process.communicate()[1]}")


@pytest.mark.parametrize(
    ("steps", "stopped"),
    [((), True), (("alpha",), True), (("kind",), False)],
    ids=["all", "alpha", "started-by-docker"],
)
def test_server_of_a_node_that_starts_is_awaited(
    machine: LocalCluster, door: LateDoor, steps: tuple[str, ...], stopped: bool
) -> None:
    if not stopped:
        (machine.world / "stopped").unlink()
    process = machine.start("up", *steps)
    said = open_when_awaited(process, door)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    start = "docker start kubeloop-control-plane"
    assert (f"$ {start}\n" in said, machine.calls[:1] == [start]) == (stopped, stopped)
    assert "memcache.go" not in err
    assert ("the cluster is up" in out) is (not steps)


def test_down_deletes_the_cluster_and_again_finds_none(machine: LocalCluster) -> None:
    make_cluster(machine)
    assert machine.run("down").returncode == 0
    again = machine.run("down")
    assert (again.returncode, again.stdout) == (0, "there is no cluster 'kubeloop'\n")
    assert machine.calls == ["kind delete cluster --name kubeloop"]


def test_down_without_kind_says_where_it_comes_from(machine: LocalCluster, tmp_path: Path) -> None:
    done = machine.run("down", PATH=str(tmp_path / "nothing"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no command 'kind' is on the path; install it: " in done.stderr
    assert "kind.sigs.k8s.io/docs/user/quick-start" in done.stderr


def test_step_without_a_cluster_says_how_to_make_one(machine: LocalCluster) -> None:
    done = machine.run("up", "alpha")
    assert done.returncode == 1
    assert "there is no cluster 'kubeloop': make cluster-kind makes it" in done.stderr


def test_machine_without_tools_names_each_and_where_it_comes_from(
    machine: LocalCluster, tmp_path: Path
) -> None:
    done = machine.run("up", PATH=str(tmp_path / "nothing"))
    assert done.returncode == 1
    for name, source in (
        ("docker", "docs.docker.com"),
        ("kind", "kind.sigs.k8s.io"),
        ("kubectl", "kubernetes.io/docs/tasks/tools"),
        ("git", "package git"),
    ):
        assert re.search(rf"✗ {name}: not installed; .*\n +.*{re.escape(source)}", done.stdout)
    assert "missing or wrong: docker, kind, kubectl, git" in done.stderr


def test_marks_that_a_terminal_has_not_are_replaced(machine: LocalCluster, tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path / "nothing"), "PYTHONIOENCODING": "ascii"}
    done = machine.run("up", **nothing)
    assert done.returncode == 1
    assert "? docker: not installed; " in done.stdout
    assert re.fullmatch(r"error: not begun, for this is missing or wrong: .*\n", done.stderr)


def test_up_on_a_full_disk_begins_nothing_and_says_so(machine: LocalCluster) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cluster", "up"],
            cwd=machine.folder,
            env=machine.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    said = "error: standard output cannot be written: No space left on device; "
    assert (done.returncode, done.stderr) == (1, f"{said}the command stopped there\n")
    assert machine.calls == []


def test_machine_that_is_too_small_or_too_old_says_each_reason(machine: LocalCluster) -> None:
    machine.tell_docker(gib=4, processors=2)
    (machine.world / "kind-version").write_text("kind v0.24.0 go1.22.6 linux/amd64\n")
    done = machine.run("up")
    assert done.returncode == 1
    assert "✗ memory: 4.0 GiB for Docker; pods ask for 7.0" in done.stdout
    assert "✗ processors: 2 for Docker; pods ask for 3.5" in done.stdout
    assert "✗ kind: v0.24.0; kind-config.yaml names a node image of 0.32" in done.stdout
    assert machine.calls == []


def test_silent_daemon_is_quoted_with_what_to_start(machine: LocalCluster) -> None:
    said = '{"ServerVersion": "", "ServerErrors": ["Cannot connect to the Docker daemon"]}'
    (machine.world / "docker-info").write_text(said)
    done = machine.run("up")
    assert "its daemon does not answer: Cannot connect to the Docker daemon" in done.stdout
    assert "start it" in done.stdout


def test_taken_port_is_named(machine: LocalCluster) -> None:
    (port,) = yaml.safe_load((machine.folder / "kind-config.yaml").read_text())["nodes"][0][
        "extraPortMappings"
    ]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port["hostPort"]))
        taken.listen()
        done = machine.run("up")
    assert done.returncode == 1
    assert f"✗ port {port['hostPort']}: 127.0.0.1:{port['hostPort']} is taken" in done.stdout


def test_make_runs_the_steps_by_their_names() -> None:
    make = shutil.which("make")
    assert make

    def recipe(target: str) -> str:
        words = [make, "--no-print-directory", "-C", str(ROOT), "-n", target]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert recipe("cluster-up").endswith("python -m pipelines.cluster up\n")
    assert recipe("cluster-down").endswith("python -m pipelines.cluster down\n")
    assert recipe("cluster-kserve").endswith("python -m pipelines.cluster up kserve\n")


def test_needed_memory_and_processors_are_the_sum_of_the_requests() -> None:
    """What README says of kind is held to the requests by the tests of the manifests."""
    from pipelines.cluster.tools import GIB, NEEDED_BYTES, NEEDED_CPUS

    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{NEEDED_CPUS:g} cores and {NEEDED_BYTES / GIB:.1f} GiB" in readme
