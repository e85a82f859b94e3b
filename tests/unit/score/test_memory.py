"""Memory stays what it is while the rows become three times as many."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.bundles import build
from tests.scoring import table

# What getrusage tells begins with the parent's own peak.
PEAK = """\
import re, sys
from pathlib import Path
from components.score.batch import score
score(*map(Path, sys.argv[1:]))
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
FEW, MANY = 800_000, 2_400_000
# Measured: 10 MiB at most, and no more at 8 million rows; the tables differ by 76 MB of text.
MOST_GROWTH = 30 * 2**10


@pytest.mark.parametrize(("given", "made"), [(".csv", ".parquet"), (".parquet", ".csv")])
def test_score_of_three_times_the_rows_needs_no_more_memory(
    given: str, made: str, tmp_path: Path
) -> None:
    folder = build(tmp_path / "bundle", "multiclass").folder
    peaks = []
    for rows in (FEW, MANY):
        source, target = tmp_path / f"{rows}{given}", tmp_path / f"{rows}-answers{made}"
        frame = pl.concat([table(rows // 10)] * 10)
        # One row group, as other programs write it.
        if given == ".csv":
            frame.write_csv(source)
        else:
            frame.write_parquet(source, row_group_size=rows)
        command = [sys.executable, "-c", PEAK, str(folder), str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < MOST_GROWTH, peaks
