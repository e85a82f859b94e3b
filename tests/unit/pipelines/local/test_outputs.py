import json
from pathlib import Path

import pytest

from pipelines.local.outputs import Failure, Logic, Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    for index, began in enumerate((100.0, 101.0)):
        write_task(
            tmp_path / "run" / f"for-loop-1-iteration-{index}" / "train",
            "model",
            {"logic_seconds": 2.0, "logic_began": began, "peak_bytes": 10.0 + index},
        )
    write_task(tmp_path / "run" / "ingest", "data", {"rows": 5.0})
    return Outputs(tmp_path)


def write_task(folder: Path, artifact: str, metadata: dict[str, float]) -> None:
    folder.mkdir(parents=True)
    (folder / artifact).mkdir()
    entry = {"name": artifact, "uri": str(folder / artifact), "metadata": metadata}
    document = {"artifacts": {artifact: {"artifacts": [entry]}}}
    (folder / "executor_output.json").write_text(json.dumps(document))


def test_path_of_artifact_is_found(outputs: Outputs) -> None:
    assert outputs.path("ingest", "data") == outputs.root / "run" / "ingest" / "data"


def test_path_of_task_that_did_not_run_is_none(outputs: Outputs) -> None:
    assert outputs.path("deploy", "deployed") is None
    assert not outputs.finished("deploy")


def test_metadata_is_read(outputs: Outputs) -> None:
    assert outputs.metadata("ingest", "data") == {"rows": 5.0}
    assert outputs.metadata("ingest", "else") == {}


def test_logic_of_parallel_tasks_counts_shared_time_once(outputs: Outputs) -> None:
    logic = outputs.logic("train")
    assert logic
    assert logic.seconds == 3.0
    assert logic.peak_bytes == 11


def test_logic_without_record_is_none(outputs: Outputs) -> None:
    assert outputs.logic("ingest") is None


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [((), 0), (((0, 1), (5, 7)), 3), (((0, 10), (1, 2)), 10), (((1, 2), (0, 1)), 2)],
)
def test_logic_seconds_is_the_length_of_the_union(
    spans: tuple[tuple[float, float], ...], seconds: float
) -> None:
    assert Logic(spans, 0).seconds == seconds


def test_failure_is_the_tasks_own_words(outputs: Outputs) -> None:
    assert outputs.failure() is None
    task = outputs.root / "run" / "ingest"
    (task / "failure.json").write_text(json.dumps({"type": "DataError", "message": "no rows"}))
    assert outputs.failure() == Failure("ingest", "DataError", "no rows")
