import subprocess
import sys
from pathlib import Path

import pytest

from components.errors import DeployError
from components.serve.service import serve
from tests.bundles import Fitted

ROOT = Path(__file__).resolve().parents[3]
LOAD = """
import sys
from pathlib import Path
from components.serve import (accounting, contract, endpoint, events, management, metrics,
    repository, runtime, service, v1, v2)
runtime.open_model(Path(sys.argv[1]), 1)
print(sorted({"kfp", "kserve", "kubernetes", "pandas", "sklearn", "skops"} & set(sys.modules)))
"""


def test_serving_logic_and_an_onnx_bundle_import_no_heavy_library(binary: Fitted) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(binary.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_serve_with_a_port_beyond_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="cannot listen on HTTP port 70000 of 127.0.0.1"):
        serve(bundle=None, version=None, state=tmp_path, http_port=70_000)
