"""What our server weighs and how much CPU it spends until it is ready, beside a bare import.

The import is kserve's own, whole, in a process that does nothing else; both alternate.
"""

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.serving.models import Served
from tests.benchmarks.serving.process import Process, free_port, said
from tests.benchmarks.serving.servers import ours

_BARE = "import kserve, time; print('ready', flush=True); time.sleep(300)"


@dataclass(frozen=True)
class Startup:
    """Medians of both: resident bytes, and CPU seconds until ready."""

    bare_resident: float
    bare_cpu: float
    resident: float
    cpu: float


def measure(served: Served, scratch: Path, repetitions: int) -> Startup:
    """Starts both in turn; a first time of each is not counted."""
    bare, real = [], []
    for _ in range(repetitions + 1):
        bare.append(_started([sys.executable, "-c", _BARE], scratch, "ready"))
        ports = (free_port(), free_port())
        # Events are on; nothing has to be there to take them yet.
        real.append(_started(ours(served, ports, free_port()), scratch, "ready http="))
    return Startup(*_medians(bare[1:]), *_medians(real[1:]))


def _started(command: list[str], scratch: Path, text: str) -> tuple[int, float]:
    process = Process(command, scratch / "startup.log")
    try:
        process.wait(said(process.log, text), every=0.005)
        return process.resident(), process.cpu()
    finally:
        process.stop()


def _medians(found: list[tuple[int, float]]) -> tuple[float, float]:
    resident, cpu = zip(*found, strict=True)
    return statistics.median(resident), statistics.median(cpu)
