"""A model of one's own data, and the command as a user runs it."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

SPEC = """\
name: visits
task: binary
source: rows.csv
target: returned
positive: "yes"
id: visit
columns:
  email: {privacy: hash}
candidates: [logistic]
search: {trials: 1}
serve: {latency_ms: 5000}
"""


def bind_aside(door: socket.socket) -> None:
    """Binds to a port that is free, and that the system gives no other test's client meanwhile.

    Those have ports from 32768 on (Linux' `ip_local_port_range`), or from 49152.
    """
    while True:
        with contextlib.suppress(OSError):
            door.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return


@dataclass
class Laptop:
    """A user's folder with data and spec, and the command in it."""

    folder: Path

    @cached_property
    def _ports(self) -> list[str]:
        with contextlib.ExitStack() as held:
            found = []
            for option in ("--port", "--grpc-port", "--monitor-port"):
                probe = held.enter_context(socket.socket())
                bind_aside(probe)
                found += [option, str(probe.getsockname()[1])]
        return found

    @property
    def state(self) -> Path:
        return self.folder / ".kubeloop"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        if arguments[:1] == ("run",) and "--help" not in arguments:
            # Ports of its own, so that two test processes never reach for the same ones.
            arguments = ("run", *self._ports, *arguments[1:])
        command = [sys.executable, "-P", "-m", "pipelines.cli", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def result(self, link: str = "latest") -> dict[str, Any]:
        path = self.state / "runs" / link / "result.json"
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def served(self, name: str = "visits") -> dict[str, Any] | None:
        path = self.state / "serving" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def processes(self) -> list[str]:
        """Command lines of all processes that know this folder, but for this one."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(self.folder) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(line)
        return found


def make_rows(count: int = 400, seed: int = 3) -> pl.DataFrame:
    """A learnable table of every type, with blanks, an id and a private column."""
    generator = np.random.default_rng(seed)
    spent = generator.gamma(2.0, 20.0, count)
    plan = generator.choice(["basic", "plus", "pro"], count, p=[0.5, 0.3, 0.2])
    logit = (spent - 40) / 15 + (plan == "pro") * 1.5 + generator.normal(0, 0.7, count)
    texts = [f"{value:.2f}" for value in spent]
    for index in range(0, count, 25):
        texts[index] = " "
    return pl.DataFrame(
        {
            "visit": [f"v{i:05d}" for i in range(count)],
            "email": [f"person{i}@example.org" for i in range(count)],
            "spent": texts,
            "plan": plan.tolist(),
            "pages": generator.poisson(6, count).tolist(),
            "member": generator.choice(["Yes", "No"], count).tolist(),
            "joined": [f"{1 + i % 28}.{1 + i % 12}.20{10 + i % 9}" for i in range(count)],
            "returned": ["yes" if value > 0 else "no" for value in logit],
        }
    )


def process_says(process: "subprocess.Popen[str]", wanted: str) -> str:
    """Reads the process's output until a line holds a text; returns what was read."""
    read = ""
    assert process.stdout
    for line in process.stdout:
        read += line
        if wanted in line:
            return read
    pytest.fail(f"{wanted!r} never came:\n{read}\n{process.stderr and process.stderr.read()}")
