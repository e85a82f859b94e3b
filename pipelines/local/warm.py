"""A warm interpreter for the tasks of one run: it has imported their libraries and forks for each.

A stage's own work is short beside the imports of its process: scikit-learn takes three seconds,
MLflow four. Here they are imported once, while the first tasks already run, and every task still is
a process of its own. That is what `multiprocessing`'s fork server does with its preload list; kfp's
runner starts commands, so its place is taken by a socket and `launch.py`.

Forking is safe only where no thread holds a lock, so this process imports and never computes, and
leaves out what starts threads at its import (Polars, and so MLflow; ONNX Runtime). It checks that,
and stops serving where a library breaks the rule; tasks then start ordinary interpreters.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

# In the order in which stages need them: what is not imported yet, a task imports itself.
PRELOAD = (
    "kfp.dsl.executor_main",
    "components.spec",
    "components.bundle",
    "numpy",
    "pandas",
    "sklearn.datasets",
    "sklearn.pipeline",
    "sklearn.ensemble",
    "sklearn.metrics",
    "optuna",
    "skops.io",
    "skl2onnx",
)
# The memory allocator inside pyarrow keeps its threads in order across a fork by itself
# (jemalloc, pthread_atfork).
_HARMLESS = {"jemalloc_bg_thd"}
_BACKLOG = 16


def serve(address: str) -> None:
    """Imports, and forks for every call that comes, until the run ends it.

    Args:
        address: the path of the socket to listen on.
    """
    # Children that ended are reaped by the kernel; each tells its own status to who called it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting = list(PRELOAD)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(_BACKLOG)
        while True:
            # A call goes before the next import.
            timeout = 0 if waiting else None
            if select.select([door], [], [], timeout)[0]:
                _fork(door)
            elif waiting:
                importlib.import_module(waiting.pop(0))
                if found := _foreign_threads():
                    print(f"an import started threads ({found}): no warm start", flush=True)
                    return
                if not waiting:
                    # What lives now lives for ever; the children need not copy it to count it.
                    gc.freeze()


def _foreign_threads() -> set[str]:
    """Names this process's threads but for its own, also those that no Python code knows of."""
    names = set()
    for task in Path("/proc/self/task").glob("*"):
        if task.name != str(os.getpid()):
            names.add((task / "comm").read_text().strip())
    return names - _HARMLESS


def _fork(door: socket.socket) -> None:
    line, _ = door.accept()
    if os.fork():
        line.close()
        return
    door.close()
    status = 1
    try:
        status = _run(line)
    finally:
        line.send(bytes([status]))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(line: socket.socket) -> int:
    """Becomes the task: its output, environment, folder and arguments; returns its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(line, 4, 2)
    call = _receive(line, int.from_bytes(size, "big"))
    for target, stream in zip((1, 2), streams, strict=True):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["folder"])
    if "numpy" in sys.modules:
        # Unlike Python's own, numpy's global generator would go on alike in every child.
        sys.modules["numpy"].random.seed()
    sys.argv = ["executor_main", *call["arguments"]]
    try:
        runpy.run_module("kfp.dsl.executor_main", run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _receive(line: socket.socket, size: int) -> dict[str, Any]:
    text = b""
    while len(text) < size:
        part = line.recv(size - len(text))
        if not part:
            msg = "the call ended early"
            raise ConnectionError(msg)
        text += part
    call: dict[str, Any] = json.loads(text)
    return call


if __name__ == "__main__":
    serve(sys.argv[1])
