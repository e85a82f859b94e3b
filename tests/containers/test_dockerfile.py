"""The Dockerfile as it is written: what a build would only show in minutes, or not at all."""

import importlib.metadata
import re
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.containers.pins import names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
STAGES = {
    found[1]: found[2]
    for found in re.finditer(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", INSTRUCTIONS, re.M | re.S)
}
TARGETS = ("monitor", "serve", "serve-skops", "pipeline")
# A package stands for all that is in it.
ENTRIES = {
    "monitor": ["components.monitor"],
    "serve": ["components.serve"],
    "serve-skops": ["components.serve", "components.transformers"],
    "pipeline": ["components", "pipelines"],
}
# What is asked for only where it is there: by bundles that the other tag serves, and by the command
# `serve`, which on a cluster is an image of its own.
DONE_WITHOUT = {"serve": {"skops"}, "pipeline": {"kserve", "orjson", "prometheus_client", "uvloop"}}


def copied(stage: str) -> list[str]:
    """What a stage copies from this folder."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", STAGES[stage], re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@cache
def needed(target: str) -> frozenset[str]:
    """Every module that a target imports, at any time: ours, and the names of the others."""
    graph = grimp.build_graph(
        "components", "pipelines", include_external_packages=True, cache_dir=None
    )
    entries = set(ENTRIES[target])
    for entry in ENTRIES[target]:
        entries |= graph.find_descendants(entry)
    return frozenset(entries.union(*(graph.find_upstream_modules(entry) for entry in entries)))


def test_dockerfile_needs_no_buildkit() -> None:
    assert "syntax" not in TEXT.splitlines()[0]
    assert "<<" not in INSTRUCTIONS
    options = set(re.findall(r"^(?:RUN|COPY|ADD|FROM) (--[a-z-]+)", INSTRUCTIONS, re.MULTILINE))
    assert options == {"--from"}


def test_dockerfile_copies_only_what_is_there() -> None:
    sources = [source for stage in STAGES for source in copied(stage)]
    assert [source for source in sources if not list(ROOT.glob(source))] == []


def test_dockerignore_lets_through_what_is_copied_and_nothing_more() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    admitted = [rule[1:] for rule in rules if rule.startswith("!")]
    sources = [source for stage in STAGES for source in copied(stage)]
    outside = [s for s in sources if not any(fnmatchcase(s, f"{a}*") for a in admitted)]
    assert outside == []
    needless = [a for a in admitted if not any(s.startswith(a) for s in sources)]
    assert needless == []


@pytest.mark.parametrize("target", TARGETS)
def test_target_runs_as_nobody_and_installs_nothing(target: str) -> None:
    stage = STAGES[target]
    assert re.findall(r"^USER (.+)$", stage, re.MULTILINE) == ["65532:65532"]
    assert "pip install" not in stage
    assert "install.sh" not in stage
    assert "apt-get" not in INSTRUCTIONS
    # What changes with each commit stands behind everything that takes time.
    assert stage.index("ARG REVISION") > stage.rindex("RUN ")


@pytest.mark.parametrize("target", TARGETS)
def test_target_holds_every_module_that_it_imports(target: str) -> None:
    files = {f"{name.replace('.', '/')}.py" for name in needed(target)}
    files |= {f"{name.replace('.', '/')}/__init__.py" for name in needed(target)}
    needed_files = {file for file in files if (ROOT / file).is_file()}
    assert len(needed_files) > 20
    held = {
        path.relative_to(ROOT).as_posix()
        for source in copied(target)
        for found in ROOT.glob(source)
        for path in ([found] if found.is_file() else found.rglob("*.py"))
    }
    assert sorted(needed_files - held) == []


@pytest.mark.parametrize("target", TARGETS)
def test_target_installs_every_library_that_it_imports(target: str) -> None:
    """By this machine's libraries, whose lock every image's is a part of."""
    ours = {"components", "pipelines", *sys.stdlib_module_names}
    imported = {name for name in needed(target) if name.partition(".")[0] not in ours}
    assert "prometheus_client" in imported
    owners = importlib.metadata.packages_distributions()
    locked = names(target)
    missing = {
        name
        for name in imported
        if not any(re.sub(r"[-_.]+", "-", d).lower() in locked for d in owners.get(name, ()))
    }
    assert missing == DONE_WITHOUT.get(target, set())
