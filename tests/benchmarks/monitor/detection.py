"""Rows from a shift to the alert, over thirty seeds, and the false alarms of traffic that is not.

As the judge does it: the newest thousand rows, judged again after every hundred. Beside our rule
stands scipy's Kolmogorov-Smirnov test on the same windows, at the same p-value.
"""

from collections import deque
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy import stats

from components.monitor.statistics.drift import judge_drift, p_value_limit
from tests.benchmarks.monitor.windows import count, live, reference, training

FEATURES = 10
REFERENCE_ROWS = 10_000
CHUNK = 100
CHUNKS = 10
SEEDS = 30
SHIFTS = (0.25, 0.5, 1.0)
_MOST = 10_000
_QUIET = 20_000
_PSI_LIMIT = 0.2


class Found(NamedTuple):
    """Rows from the shift to each verdict on the shifted feature; None where it never came."""

    warning: int | None
    critical: int | None
    scipy: int | None


def report() -> None:
    """Prints the tables."""
    print(
        f"Rows from a shift of one of {FEATURES} features to the verdict: median (least to most) "
        f"of {SEEDS} seeds,\njudged every {CHUNK} rows on the newest {CHUNK * CHUNKS}"
    )
    print(f"  {'shift':<12}{'warning':>24}{'critical':>24}{'scipy KS, same p':>24}")
    for shift in SHIFTS:
        found = [detect(shift, seed) for seed in range(SEEDS)]
        cells = "".join(f"{_shown([f[at] for f in found]):>24}" for at in range(3))
        print(f"  {shift:<5} sigma {cells}", flush=True)
    alarms = [false_alarms(seed) for seed in range(SEEDS)]
    judged = SEEDS * (_QUIET // CHUNK)
    print(f"  no shift: {sum(alarms)} of {judged} windows warn ({_QUIET} rows a seed)")


def detect(shift: float, seed: int) -> Found:
    """Watches one stream that has been quiet for a whole window when it shifts."""
    base = training(FEATURES, REFERENCE_ROWS, seed)
    known = reference(base)
    rows = np.concatenate(
        [live(FEATURES, CHUNK * CHUNKS, seed + 1000), live(FEATURES, _MOST, seed, shift=shift)],
        axis=1,
    )
    first: dict[str, int] = {}
    newest = deque([known.empty], maxlen=CHUNKS)
    for end in range(CHUNK, rows.shape[1] + 1, CHUNK):
        newest.append(count(known, rows[:, end - CHUNK : end]))
        since = end - CHUNK * CHUNKS
        if since <= 0:
            continue
        column = judge_drift(known, sum(newest, known.empty), _PSI_LIMIT).features["x0"]
        window = rows[0, end - CHUNK * CHUNKS : end]
        seen = {
            "warning": column.drifted,
            "critical": column.status == "critical",
            "scipy": stats.ks_2samp(window, base[0], method="asymp").pvalue
            < p_value_limit(FEATURES),
        }
        for name in (name for name, is_seen in seen.items() if is_seen):
            first.setdefault(name, since)
        if len(first) == len(seen):
            break
    return Found(first.get("warning"), first.get("critical"), first.get("scipy"))


def false_alarms(seed: int) -> int:
    """Counts windows of a quiet stream in which any feature or the prediction drifted."""
    known = reference(training(FEATURES, REFERENCE_ROWS, seed))
    rows = live(FEATURES, _QUIET, seed + 2000)
    newest = deque([known.empty], maxlen=CHUNKS)
    found = 0
    for end in range(CHUNK, _QUIET + 1, CHUNK):
        newest.append(count(known, rows[:, end - CHUNK : end]))
        verdict = judge_drift(known, sum(newest, known.empty), _PSI_LIMIT)
        found += end >= CHUNK * CHUNKS and any(c.drifted for c in verdict.features.values())
    return found


def _shown(rows: list[int | None]) -> str:
    seen = [value for value in rows if value is not None]
    if len(seen) * 2 < len(rows):
        return f"{len(seen)} of {len(rows)} ever"
    text = f"{median(seen):.0f} ({min(seen)} to {max(seen)})"
    return text if len(seen) == len(rows) else f"{text}, {len(seen)} of {len(rows)}"
