"""The workflows run the targets of the Makefile by the versions that the project pins."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cluster.tools import LEAST_KIND

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def commands(path: Path) -> list[str]:
    steps = [step for job in read(path)["jobs"].values() for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_runs_targets_of_the_makefile(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = re.findall(r"(?m)^make ([a-z-]+)$", "\n".join(commands(path)))
    assert called
    assert [name for name in called if not re.search(rf"(?m)^{name}:", makefile)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_read_and_has_an_end(path: Path) -> None:
    document = read(path)
    assert document["permissions"] == {"contents": "read"}
    assert [name for name, job in document["jobs"].items() if "timeout-minutes" not in job] == []
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    # A tag moves to whatever its owner says; a commit does not.
    pinned = r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [name for name in used if not re.fullmatch(pinned, name)] == []


def test_workflows_pin_one_commit_of_each_action() -> None:
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    used = {found for text in texts for found in re.findall(r"uses: (\S+)@(\S+ # \S+)", text)}
    assert len(used) == len({name for name, _ in used}) == 3


def test_cluster_workflow_ends_what_it_has_begun() -> None:
    """A run takes hours: cancelled by each push, none would come to its end on a busy day."""
    (path,) = (path for path in WORKFLOWS if path.stem == "cluster")
    assert read(path)["concurrency"]["cancel-in-progress"] is False


def test_workflow_tests_each_push_once() -> None:
    """A branch of this repository is tested as it is pushed, so only a fork's request is left."""
    (path,) = (path for path in WORKFLOWS if path.stem == "tests")
    document = read(path)
    assert set(document[True]) == {"push", "pull_request"}
    (condition,) = (job["if"] for job in document["jobs"].values())
    assert condition == (
        "github.event_name == 'push' || "
        "github.event.pull_request.head.repo.full_name != github.repository"
    )
    # On main each commit has a group of its own, so that none is cancelled by the next.
    group = document["concurrency"]["group"]
    assert group == "tests-${{ github.ref == 'refs/heads/main' && github.sha || github.ref }}"


def test_downloads_of_the_workflow_are_held_to_sums_that_stand_here() -> None:
    """A sum from the server that has the program says nothing about the program."""
    (path,) = (path for path in WORKFLOWS if path.stem == "cluster")
    given = read(path)["jobs"]["kind"]["env"]
    fetched = [line for line in commands(path) if "curl" in line]
    assert len(fetched) == 2
    assert [line for line in fetched if "sha256" in line] == []
    checked = [line for line in commands(path) if "sha256sum --check" in line]
    assert checked == [
        'echo "$KIND_SHA256  kind-linux-amd64" | sha256sum --check',
        'echo "$KUBECTL_SHA256  kubectl" | sha256sum --check',
    ]
    for name in ("KIND_SHA256", "KUBECTL_SHA256"):
        assert re.fullmatch(r"[0-9a-f]{64}", given[name])


def test_workflows_cover_each_push_and_main() -> None:
    # YAML 1.1 reads the key `on` as a truth value.
    triggers = {path.stem: read(path)[True] for path in WORKFLOWS}
    assert triggers["tests"]["push"] is None
    assert triggers["cluster"]["push"] == {"branches": ["main"]}
    tests, cluster = (commands(path) for path in reversed(WORKFLOWS))
    assert {"make test", "make lint"} <= set(tests)
    assert {"make test-containers", "make cluster-up", "make test-cluster"} <= set(cluster)


def test_kind_and_kubectl_of_the_workflow_are_those_of_the_node_image() -> None:
    config = yaml.safe_load((ROOT / "kind-config.yaml").read_text(encoding="utf-8"))
    image = re.match(r"kindest/node:(v[\d.]+)@sha256:[0-9a-f]{64}$", config["nodes"][0]["image"])
    assert image
    (path,) = (path for path in WORKFLOWS if path.stem == "cluster")
    given = read(path)["jobs"]["kind"]["env"]
    assert given["KUBECTL"] == image[1]
    assert given["KIND"].startswith(f"v{LEAST_KIND[0]}.{LEAST_KIND[1]}.")


def test_workflow_tests_every_python_that_the_project_says() -> None:
    (path,) = (path for path in WORKFLOWS if path.stem == "tests")
    matrix = read(path)["jobs"]["tests"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert matrix == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("job", ["images", "kind"])
def test_workflow_builds_images_on_a_base_by_its_digest(job: str) -> None:
    (path,) = (path for path in WORKFLOWS if path.stem == "cluster")
    called = [step.get("run", "") for step in read(path)["jobs"][job]["steps"]]
    (named,) = (at for at, text in enumerate(called) if "GITHUB_ENV" in text)
    assert re.search(
        r"BASE=\$\(docker image inspect .*RepoDigests.* python:3\.11-slim\)", called[named]
    )
    building = ("make test-containers", "make cluster-up")
    assert all(at > named for at, text in enumerate(called) if text in building)
