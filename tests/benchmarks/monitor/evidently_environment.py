"""Evidently in an environment of its own, made once under the user's cache folder.

It weighs 700 MB and brings libraries that have no place in ours.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

# It imports what pandas 3 has no more.
_PINS = ("evidently==0.7.23", "pandas>=2.3,<3")
_MAKE_S = 600


def environment() -> Path | None:
    """Returns the Python of Evidently's environment, made where it is absent.

    Returns:
        The interpreter; None where it could not be made, which is said on stderr.
    """
    key = hashlib.sha256(" ".join([sys.version, *_PINS]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kubeloop" / f"bench-evidently-{key}"
    python, done = folder / "bin" / "python", folder / ".installed"
    if done.exists():
        return python
    print(f"making Evidently's environment in {folder}", file=sys.stderr)
    uv = Path(sys.executable).with_name("uv")
    try:
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", python, *_PINS],
        ):
            words = [str(word) for word in command]
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=_MAKE_S)
    except (OSError, subprocess.SubprocessError) as exc:
        said = getattr(exc, "stderr", None) or exc
        print(f"\nEVIDENTLY IS LEFT OUT: it cannot be installed: {said}\n", file=sys.stderr)
        return None
    done.touch()
    return python
