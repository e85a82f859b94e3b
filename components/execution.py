"""What a stage leaves on record: how long its logic took, its peak memory, and why it failed.

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

FAILURE = "failure.json"
_STATUS = Path("/proc/self/status")
_KIB = 1024


class Artifact(Protocol):
    """What is used of a `kfp.dsl.Artifact`."""

    path: str
    metadata: dict[str, Any]


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
