"""Which code a run on this machine states, while somebody edits it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.bundle import MANIFEST
from components.revision import REVISION_VARIABLE
from tests.pipelines.laptop import SPEC, Laptop, make_rows, process_says

ROOT = Path(__file__).parents[2]
ASK = "from components.revision import *; print(code_revision())"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, from which the command runs."""
    folder = tmp_path / "checkout"
    for package in ("components", "pipelines"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delenv(REVISION_VARIABLE, raising=False)
    return folder


def test_run_states_the_code_that_it_began_with(checkout: Path, tmp_path: Path) -> None:
    """An edit counts for the next run, and does not have this one's tasks refuse themselves."""
    command = [sys.executable, "-P", "-c", ASK]
    before = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    make_rows().write_csv(tmp_path / "rows.csv")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    laptop = Laptop(tmp_path)
    process = laptop.start("run", "spec.yaml")
    process_says(process, "✓ ingest")
    with (checkout / "components" / "package" / "card.py").open("a", encoding="utf-8") as source:
        source.write("# An afterthought.\n")
    after = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    manifest = json.loads((Path(laptop.result()["bundle"]) / MANIFEST).read_text(encoding="utf-8"))
    assert before != after
    assert manifest["revision"] == before
