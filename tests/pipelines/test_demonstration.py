"""The demonstration as its user calls it: whole, by both ways of alerting, and interrupted."""

import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.demonstration.alerting import missing
from pipelines.demonstration.loop import (
    ALERT,
    BACK,
    CHANGED,
    DRIFT,
    PROMOTED,
    QUALITY,
    REFUSED,
    RETRAINING,
)
from pipelines.demonstration.picture import SIZE
from tests.pipelines.laptop import Laptop, process_says
from tests.serving import wait_for

# Fewer rows that come faster: a minute and a half.
QUICK = ("--history", "2000", "--window", "500", "--rate", "200")
STEP = re.compile(r" *([+-]\d+\.\d) s +([+-]\d+) rows  (.+?)  (.+)")


@pytest.fixture
def demonstration(tmp_path: Path) -> Iterator["Demonstration"]:
    made = Demonstration(tmp_path / "demonstration")
    yield made
    for process in made.processes():
        process.kill()


class Demonstration:
    """One in a folder of its own, and all that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, alerts: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", "-m", "pipelines.demonstration", *QUICK]
        command += ["--folder", str(self.folder), "--alerts", alerts]
        return subprocess.Popen(
            command,
            cwd=self.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A terminal's Ctrl-C comes to all of its group; a group of its own takes it as one.
            process_group=0,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        )

    def processes(self) -> list[psutil.Process]:
        """Whatever names its folder, or stands in it."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join([process.cwd(), *process.cmdline()])
                if str(self.folder) in line and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                # It has ended meanwhile.
                continue
        return found


def read_steps(said: str) -> dict[str, tuple[float, int]]:
    """Seconds and rows of each step by its name, in the order in which they were told."""
    found = [STEP.fullmatch(line) for line in said.splitlines()]
    return {m[3]: (float(m[1]), int(m[2])) for m in found if m}


def assert_closed(demonstration: Demonstration, alerts: str) -> dict[str, tuple[float, int]]:
    process = demonstration.start(alerts)
    said, errors = process.communicate(timeout=900)
    assert (process.returncode, errors) == (0, ""), said
    steps = read_steps(said)
    order = [name for name in steps if name not in (DRIFT, QUALITY, REFUSED, ALERT)]
    assert order == [CHANGED, RETRAINING, PROMOTED, BACK], said
    names = list(steps)
    # What is seen first of both is a matter of moments.
    assert names[1] in (DRIFT, QUALITY, ALERT)
    assert {DRIFT, QUALITY} <= {*names[1 : names.index(PROMOTED)]}
    moments = list(steps.values())
    assert moments[0] == (0.0, 0)
    assert moments == sorted(moments)
    # The table at the end says the same.
    table = said[said.index("since the change") :]
    places = [table.index(name) for name in names]
    assert places == sorted(places)
    assert "roc_auc" in table
    assert " requests sent, 0 failed" in table
    assert f"picture  {demonstration.folder / 'timeline.png'}" in table
    head = (demonstration.folder / "timeline.png").read_bytes()[:24]
    assert struct.unpack(">8s8xII", head) == (b"\x89PNG\r\n\x1a\n", *SIZE)
    assert demonstration.processes() == []
    laptop = Laptop(demonstration.folder)
    status = laptop.run("status", "card-fraud", "--state", str(demonstration.folder / "state"))
    assert "card-fraud  version 2 is served" in status.stdout
    return steps


def test_loop_closes_by_the_monitors_own_verdict(demonstration: Demonstration) -> None:
    steps = assert_closed(demonstration, "own")
    assert ALERT not in steps


@pytest.mark.skipif(
    bool(missing()), reason=f"the loop by alerts is NOT tested: needs {', '.join(missing())}"
)
def test_loop_closes_by_prometheus_and_alertmanager(demonstration: Demonstration) -> None:
    steps = assert_closed(demonstration, "prometheus")
    assert steps[ALERT] <= steps[RETRAINING]
    logs = {path.name for path in (demonstration.folder / "alerting").glob("*.log")}
    assert logs == {"prometheus.log", "prometheus-alertmanager.log"}


@pytest.mark.parametrize("after", ["✓ ingest", RETRAINING], ids=["training", "retraining"])
def test_ctrl_c_leaves_nothing_running(demonstration: Demonstration, after: str) -> None:
    process = demonstration.start("own" if missing() else "prometheus")
    process_says(process, after)
    assert len(demonstration.processes()) >= 3
    if after == RETRAINING:
        wait_for(lambda: list(demonstration.folder.glob("state/retraining/*/run.log")), 60)
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, ""), said
    assert said.splitlines()[-1] == "interrupted"
    assert [found.cmdline() for found in demonstration.processes()] == []
