"""MLServer in an environment of its own, made once under the user's cache folder.

Its pins contradict ours (FastAPI, Starlette), so it can never share our environment. scikit-learn,
NumPy and skops are ours, so that the same skops file loads.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from components.runners import TRUSTED_TYPES
from tests.benchmarks.serving.cases import MODEL
from tests.benchmarks.serving.models import Served

_PINS = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "fastapi==0.115.14", "uvloop==0.23.0")
_SHARED = ("scikit-learn", "numpy", "scipy", "pandas", "skops", "orjson", "uvicorn")
_MAKE_S = 600


def environment() -> Path | None:
    """Returns the Python of MLServer's environment, made where it is absent.

    Returns:
        The interpreter; None where it could not be made, which is said on stderr.
    """
    pins = [*_PINS, *(f"{name}=={version(name)}" for name in _SHARED)]
    key = hashlib.sha256(" ".join([sys.version, *pins]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kubeloop" / f"bench-mlserver-{key}"
    python, done = folder / "bin" / "python", folder / ".installed"
    if done.exists():
        return python
    print(f"making MLServer's environment in {folder}", file=sys.stderr)
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
        install = [uv, "pip", "install", "--quiet", "--python", python, *pins]
    else:
        make = [sys.executable, "-m", "venv", "--clear", folder]
        install = [python, "-m", "pip", "install", "--quiet", *pins]
    try:
        for command in (make, install):
            words = [str(word) for word in command]
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=_MAKE_S)
    except (OSError, subprocess.SubprocessError) as exc:
        said = getattr(exc, "stderr", None) or exc
        print(f"\nMLSERVER IS LEFT OUT: it cannot be installed: {said}\n", file=sys.stderr)
        return None
    done.touch()
    return python


def configure(served: Served, folder: Path, ports: tuple[int, int, int]) -> list[str]:
    """Writes MLServer's settings for one model, in one process, without a line a request.

    Args:
        served: the model.
        folder: receives the settings; made.
        ports: of HTTP, gRPC and metrics.

    Returns:
        The arguments of `python -m mlserver`.
    """
    folder.mkdir(parents=True)
    settings = {
        "debug": False,
        "parallel_workers": 0,
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "metrics_dir": str(folder / "metrics"),
    }
    model = {
        "name": MODEL,
        "implementation": "mlserver_model.SkopsModel",
        "parameters": {"uri": str(served.skops), "extra": {"trusted": list(TRUSTED_TYPES)}},
    }
    # A copy, because this folder's other modules would shadow MLServer's own.
    shutil.copyfile(Path(__file__).with_name("mlserver_model.py"), folder / "mlserver_model.py")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return ["-c", "from mlserver.cli import main; main()", "start", str(folder)]
