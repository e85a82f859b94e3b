"""CPU of a row: our counters, scipy's Kolmogorov-Smirnov test, and Evidently, on the same windows.

All by the process's own CPU time, one thread, on windows of so many rows of so many number
features against a reference of ten thousand rows; the least of several repetitions, since whatever
else a machine does only adds.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from components.monitor.statistics.drift import judge_drift
from tests.benchmarks.monitor.evidently_environment import environment
from tests.benchmarks.monitor.windows import Rows, count, live, reference, training

FEATURES = 30
WINDOW = 1000
REFERENCE_ROWS = 10_000
_REPEAT = 7
_TIMEOUT_S = 600


def report() -> None:
    """Prints the table."""
    known = training(FEATURES, REFERENCE_ROWS, 0)
    window = live(FEATURES, WINDOW, 0)
    print(f"CPU of a row: windows of {WINDOW} rows of {FEATURES} number features, µs a row")
    for name, seconds in measure(known, window).items():
        shown = "left out" if seconds is None else f"{seconds / WINDOW * 1e6:>12.2f}"
        print(f"  {name:<58}{shown}", flush=True)


def measure(known: Rows, window: Rows) -> dict[str, float | None]:
    """Returns seconds of CPU for one window, by what they are spent on."""
    ours = reference(known)
    total = count(ours, window)
    answers = ["No"] * 100
    batches = [
        {f"x{at}": row for at, row in enumerate(window[:, start : start + 100].tolist())}
        for start in range(0, WINDOW, 100)
    ]
    singles = [
        {f"x{at}": [value] for at, value in enumerate(column)} for column in window.T.tolist()
    ]
    return {
        "ours, counters, events of 100 rows": _least(
            lambda: [ours.count(batch, answers) for batch in batches]
        ),
        "ours, counters, events of one row": _least(
            lambda: [ours.count(row, ["No"]) for row in singles]
        ),
        "ours, a judgement of a window (each feature's χ² and PSI)": _least(
            lambda: judge_drift(ours, total, 0.2)
        ),
        "scipy's ks_2samp, a window": _least(
            lambda: [
                stats.ks_2samp(row, base, method="asymp")
                for row, base in zip(window, known, strict=True)
            ]
        ),
        "Evidently's DataDriftPreset, a window": _evidently(known, window),
    }


def _least(call: Callable[[], object]) -> float:
    found = []
    for _ in range(_REPEAT):
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return min(found)


def _evidently(known: Rows, window: Rows) -> float | None:
    python = environment()
    if python is None:
        return None
    program = Path(__file__).with_name("evidently_program.py")
    given = json.dumps({"reference": known.tolist(), "current": window.tolist()})
    # It reports its use to its makers unless told otherwise.
    settings = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, program],
        input=given,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        print(f"EVIDENTLY IS LEFT OUT: {done.stderr[-500:]}")
        return None
    return float(np.min(json.loads(done.stdout.splitlines()[-1])))
