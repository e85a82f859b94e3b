import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.execution import FAILURE, RevisionError, recorded, require_revision
from components.revision import REVISION_VARIABLE, source_revision

IMAGE = "registry.example.org/kubeloop/pipeline:0.1.0"


@dataclass
class Output:
    path: str
    metadata: dict[str, Any] = field(default_factory=dict)


def test_recorded_measures_the_logic(tmp_path: Path) -> None:
    artifact = Output(str(tmp_path / "task" / "data"))
    began = time.time()
    with recorded(artifact) as path:
        assert path == tmp_path / "task" / "data"
        assert path.parent.is_dir()
        time.sleep(0.05)
    assert artifact.metadata["logic_seconds"] >= 0.05
    assert artifact.metadata["logic_began"] == pytest.approx(began, abs=5)
    assert artifact.metadata["peak_bytes"] > 2**20
    assert not (tmp_path / "task" / FAILURE).exists()


def test_recorded_peak_is_that_of_the_process_and_not_of_its_parent() -> None:
    child = "from components.execution import _peak_bytes; print(_peak_bytes())"
    parent = (
        "import subprocess, sys; held = b'x' * 400_000_000;"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=True)
    assert 2**22 < int(done.stdout) < 2**27


def test_recorded_failure_is_kept_and_goes_on(tmp_path: Path) -> None:
    artifact = Output(str(tmp_path / "data"))
    text = "column 'é' is empty"
    with pytest.raises(DataError, match=text), recorded(artifact):
        raise DataError(text)
    kept = json.loads((tmp_path / FAILURE).read_text(encoding="utf-8"))
    assert kept == {"type": "DataError", "message": text}
    assert "logic_seconds" in artifact.metadata


@pytest.mark.parametrize("stated", ["", "0123abc"], ids=["checkout", "image"])
def test_require_revision_takes_what_was_compiled_from_the_same_sources(
    monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    """A laptop's checkout knows nothing of the commit that an image is called by."""
    monkeypatch.setenv(REVISION_VARIABLE, stated)
    require_revision(source_revision(), IMAGE)


def test_require_revision_takes_what_was_compiled_at_the_revision_of_the_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(REVISION_VARIABLE, "0123abc")
    require_revision("0123abc", IMAGE)


def test_require_revision_refuses_other_code_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(REVISION_VARIABLE, "0123abc")
    with pytest.raises(RevisionError) as caught:
        require_revision("source-0123456789ab", IMAGE)
    said = str(caught.value)
    assert f"the image {IMAGE!r} holds the code '0123abc'" in said
    assert "the pipeline was compiled for 'source-0123456789ab'" in said
    assert f"docker run --rm {IMAGE} kubeloop compile --image {IMAGE}" in said
    assert "make images" in said
