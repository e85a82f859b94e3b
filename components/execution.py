"""What a stage asks before it begins, and leaves on record: time, peak memory, why it failed.

A component's function travels as source, so no decorator can time it; it opens `recorded` around
its one call of logic instead. A failure is written beside the task's outputs, because kfp's local
runner puts a task's traceback on the mixed output stream only, and names nothing but the task.
"""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from components.errors import KubeloopError
from components.revision import code_revision, source_revision

FAILURE = "failure.json"
_STATUS = Path("/proc/self/status")
_KIB = 1024


class Artifact(Protocol):
    """What is used of a `kfp.dsl.Artifact`."""

    path: str
    metadata: dict[str, Any]


class RevisionError(KubeloopError):
    """The image of a task holds other code than its pipeline was compiled from."""


def require_revision(expected: str, image: str) -> None:
    """Refuses to run where the code is not that of the pipeline; every task begins with it.

    The expectation stands in the task's command, which KFP's cache key holds, as it holds the
    image's name and not what is inside: results of other code would be found again under it.

    Args:
        expected: the revision that the pipeline was compiled at.
        image: the name that the pipeline knows this image by.

    Raises:
        RevisionError: it is neither the revision that this image states nor that of its sources.
    """
    own = code_revision()
    # An image may be called by its commit, and the checkout of that commit by its sources.
    if expected in (own, source_revision()):
        return
    msg = (
        f"the image {image!r} holds the code {own!r}, and the pipeline was compiled for "
        f"{expected!r}: what this task makes would be kept as the work of other code. Compile with "
        f"the image's own code (docker run --rm {image} kubeloop compile --image {image}), or "
        "build the image from the code that compiled the pipeline (make images) and name it with "
        "--image"
    )
    raise RevisionError(msg)


@contextmanager
def recorded(artifact: Artifact) -> Iterator[Path]:
    """Measures the logic inside and keeps the reason if it fails.

    On leaving, the artifact's metadata holds `logic_seconds` (wall clock), `logic_began` (seconds
    since 1970) and `peak_bytes` (the process's largest resident size so far). On an error,
    `failure.json` in the task's folder holds its type and message, and the error goes on.

    Args:
        artifact: one output of the task.

    Yields:
        The artifact's path, its parent folder made.
    """
    path = Path(artifact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    artifact.metadata["logic_began"] = round(time.time(), 4)
    begin = time.perf_counter()
    try:
        yield path
    except Exception as exc:
        failure = {"type": type(exc).__name__, "message": str(exc)}
        (path.parent / FAILURE).write_text(json.dumps(failure), encoding="utf-8")
        raise
    finally:
        artifact.metadata["logic_seconds"] = round(time.perf_counter() - begin, 4)
        artifact.metadata["peak_bytes"] = _peak_bytes()


def _peak_bytes() -> int:
    """The largest resident size so far."""
    if not _STATUS.exists():
        # macOS, which counts it in bytes (getrusage(2)).
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux ru_maxrss begins with what the parent held when it started this process (measured:
    # 404 MB for an empty child of a parent of 400 MB); proc_pid_status(5) has its own, in KiB.
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * _KIB
