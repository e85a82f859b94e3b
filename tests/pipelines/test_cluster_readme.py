"""The README's chapter on Kubernetes: its commands, versions and patches are the real ones."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cluster.doctor.parts import PARTS
from tests.manifests.rendered import Document, load, needs_kubectl, of_kind, render, title

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHAPTER = README[README.index("## On Kubernetes\n") : README.index("## Alerts\n")]
BLOCKS = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", CHAPTER)
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
PATCHES = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


def run(*arguments: str) -> str:
    command = [sys.executable, "-P", "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_readme_shows_the_steps_that_cluster_up_does() -> None:
    assert f"```\n{run('pipelines.cluster', 'up', '--print')}```\n" in CHAPTER


def test_readme_names_the_version_step_and_namespace_of_each_part() -> None:
    for part in PARTS:
        pattern = rf"(?m)^\| {part.name} \| {re.escape(part.tested)}\b.*\| .*`{part.step}`.*\|"
        row = re.search(rf"{pattern} `{part.namespace}` \|$", CHAPTER)
        assert row, part.name


def test_readme_calls_commands_by_options_that_they_have() -> None:
    called = [re.sub(r"\s#.*| \|.*", "", line) for line in COMMANDS if line.startswith("kubeloop ")]
    assert {line.split()[1] for line in called} >= {"submit", "schedule", "status", "rollback"}
    for line in called:
        words = line.split()
        known = run("pipelines.cli", words[1], "--help")
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        assert [option for option in options if option not in known] == [], line


def test_readme_calls_targets_that_the_makefile_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    steps = {line.split()[0] for line in run("pipelines.cluster", "steps").splitlines()}
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]+)", CHAPTER))
    assert len(named) > 8
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile)) | {f"cluster-{step}" for step in steps}
    # The pattern that stands for the steps.
    assert named - targets - {"cluster-"} == set()


def overlay(folder: Path, change: Any) -> list[Document]:
    """Production with one of the README's snippets in the file that it is for."""
    shutil.copytree(ROOT / "manifests", folder / "manifests")
    production = folder / "manifests" / "overlays" / "production"
    (first, *_) = change if isinstance(change, list) else [change]
    if "target" in first:
        file = production / "kubeloop" / "kustomization.yaml"
    elif "labels" in first:
        file = production / "monitoring" / "kustomization.yaml"
    else:
        file = production / "kustomization.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "target" in first:
        document["patches"] += change
    elif "labels" in first:
        document |= change
    elif "pairs" in first:
        document["labels"] += change
    else:
        named = [image for image in document["images"] if image["name"] != first["name"]]
        document["images"] = [*named, *change]
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load(render(production))


def accounts_pull(documents: list[Document]) -> bool:
    found = list(of_kind(documents, "ServiceAccount"))
    return len(found) == 3 and all(a["imagePullSecrets"] == [{"name": "registry"}] for a in found)


def policies(documents: list[Document]) -> dict[str, Any]:
    return {p["metadata"]["name"]: p["spec"] for p in of_kind(documents, "NetworkPolicy")}


def cache_answers(documents: list[Document]) -> bool:
    (_, cache) = policies(documents)["dns"]["egress"]
    return bool(cache["to"] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}])


def other_port_answers(documents: list[Document]) -> bool:
    (only,) = policies(documents)["dns"]["egress"]
    return [port["port"] for port in only["ports"]] == [5353, 5353]


def scraped_from_elsewhere(documents: list[Document]) -> bool:
    found = policies(documents)
    ours = (found["predictors"], found["monitor"])
    # Prometheus alone has moved: whoever else may come in still may.
    return all(
        "observability" in (text := yaml.safe_dump(spec["ingress"]))
        and "kubernetes.io/metadata.name: monitoring" not in text
        and "kubernetes.io/metadata.name: kubeflow" in text
        for spec in ours
    )


def all_are_labelled(documents: list[Document]) -> bool:
    kinds = ("PodMonitor", "PrometheusRule", "AlertmanagerConfig")
    found = list(of_kind(documents, *kinds))
    return len(found) == 6 and all(
        one["metadata"]["labels"]["release"] == "kube-prometheus-stack" for one in found
    )


def dashboards_are_found(documents: list[Document]) -> bool:
    (one,) = (d for d in documents if title(d) == "ConfigMap/kubeloop-dashboards")
    return bool(one["metadata"]["labels"]["grafana_dashboard"] == "1")


def monitor_is_pinned(documents: list[Document]) -> bool:
    return "kubeloop/monitor:0.1.0@sha256:0123" in yaml.safe_dump(documents)


# In the order of the README.
CHECKS = (
    monitor_is_pinned,
    accounts_pull,
    cache_answers,
    other_port_answers,
    all_are_labelled,
    scraped_from_elsewhere,
    dashboards_are_found,
)


@needs_kubectl
@pytest.mark.parametrize("number", range(len(CHECKS)), ids=[check.__name__ for check in CHECKS])
def test_snippet_of_the_readme_does_what_it_is_for(number: int, tmp_path: Path) -> None:
    assert len(PATCHES) == len(CHECKS)
    before = load(render(ROOT / "manifests" / "overlays" / "production"))
    with pytest.raises((AssertionError, KeyError, ValueError)):
        assert CHECKS[number](before)
    assert CHECKS[number](overlay(tmp_path, PATCHES[number]))
