import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components import revision


def stated(root: Path, **environment: str) -> str:
    """Asks a process, since a process asks once."""
    kept = {k: v for k, v in os.environ.items() if k != revision.REVISION_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", "from components.revision import *; print(code_revision())"],
        cwd=root,
        env=kept | {"PYTHONPATH": str(root)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Returns a checkout with little in it."""
    for file in ("components/__init__.py", "components/stage.py", "pipelines/training.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("# one\n")
    shutil.copy(revision.__file__, tmp_path / "components")
    return tmp_path


@pytest.mark.parametrize("file", ["components/stage.py", "pipelines/training.py"])
def test_code_revision_of_a_checkout_follows_every_source(root: Path, file: str) -> None:
    before = stated(root)
    assert before.startswith("source-")
    assert stated(root) == before
    (root / file).write_text("# two\n")
    assert stated(root) != before


def test_code_revision_of_an_image_is_what_it_states(root: Path) -> None:
    assert stated(root, KUBELOOP_REVISION="abc123") == "abc123"


def test_code_revision_of_a_checkout_is_that_of_the_image_built_from_it(root: Path) -> None:
    """`.dockerignore` keeps what begins with a dot out of the image."""
    before = stated(root)
    for file in ("components/.ipynb_checkpoints/stage.py", "pipelines/.scratch.py"):
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text("# of the editor\n")
    assert stated(root) == before
    assert "**/.*" in (Path(__file__).parents[2] / ".dockerignore").read_text().splitlines()
