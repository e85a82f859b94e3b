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
    used = [
        step["uses"] for job in document["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


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
