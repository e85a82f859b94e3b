"""The scoring pipeline through kfp's local runner: compiled, run, and its answers read."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from components.revision import code_revision
from components.score.batch import PREDICTIONS, score
from pipelines.compile import Pipeline, compile_pipeline
from tests.bundles import build
from tests.scoring import table

RUN = """\
import json, sys
from pathlib import Path
from pipelines.local.graph import run_graph, task_interpreter
with task_interpreter(isolated=True):
    run_graph(Path("scoring.yaml"), json.loads(Path("arguments.json").read_text()), Path("root"))
"""


def run(folder: Path, arguments: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    (folder / "scoring.yaml").write_text(compile_pipeline(Pipeline.SCORING, code_revision()))
    (folder / "arguments.json").write_text(json.dumps(arguments))
    return subprocess.run(
        [sys.executable, "-P", "-c", RUN], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_scoring_pipeline_answers_what_the_command_does(tmp_path: Path, suffix: str) -> None:
    bundle, source = build(tmp_path / "bundle", "multiclass").folder, tmp_path / f"rows{suffix}"
    table().write_csv(source) if suffix == ".csv" else table().write_parquet(source)
    done = run(tmp_path, {"bundle": str(bundle), "source": source.as_uri()})
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (tmp_path / "root").rglob(PREDICTIONS)
    score(bundle, source, tmp_path / "wanted.parquet")
    assert pl.read_parquet(found).height == 100
    assert found.read_bytes() == (tmp_path / "wanted.parquet").read_bytes()


def test_scoring_pipeline_of_broken_rows_refuses_or_leaves_them_empty(tmp_path: Path) -> None:
    bundle, source = build(tmp_path / "bundle", "binary").folder, tmp_path / "rows.parquet"
    table().with_columns(plan=pl.lit(None, dtype=pl.String)).write_parquet(source)
    arguments = {"bundle": str(bundle), "source": str(source)}
    done = run(tmp_path, arguments)
    assert done.returncode == 1
    assert "field 'plan': null in 100 rows (0, 1, 2, 3, 4, counting from 0)" in done.stdout
    assert list((tmp_path / "root").rglob(f"{PREDICTIONS}*")) == []
    done = run(tmp_path, {**arguments, "errors": "null"})
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (tmp_path / "root").rglob(PREDICTIONS)
    assert pl.read_parquet(found)["label"].null_count() == 100
