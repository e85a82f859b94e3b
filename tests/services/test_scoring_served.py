"""What batch prediction writes is what the server answers: same rows, every task and runtime."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from components import bundle
from components.examples import client_rows, read_examples
from components.score.batch import score
from components.spec import CANDIDATES
from tests.packaging import RUNTIMES, package_all
from tests.serving import ServerProcess

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("packaged")
    package_all(root)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess("--state", str(tmp_path_factory.mktemp("state")))
    yield server
    assert server.stop() == 0


def answered(server: ServerProcess, manifest: bundle.Manifest, rows: Rows) -> dict[str, Any]:
    """The server's V2 answers, by output."""
    tensors = [
        {
            "name": feature.name,
            "datatype": "FP32" if feature.dtype == "float32" else "BYTES",
            "shape": [len(rows), 1],
            "data": [row[feature.name] for row in rows],
        }
        for feature in manifest.signature.inputs
    ]
    said = server.client.post(f"/v2/models/{manifest.name}/infer", json={"inputs": tensors})
    assert said.status_code == 200, said.text
    return {output["name"]: output["data"] for output in said.json()["outputs"]}


def scored(folder: Path, rows: Rows, made: Path, suffix: str) -> pl.DataFrame:
    """What batch prediction writes, from a file of a kind to a file of the other kind."""
    source, target = made / f"rows{suffix}", made / f"answers{suffix}.parquet"
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame.write_csv(source) if suffix == ".csv" else frame.write_parquet(source)
    score(folder, source, target)
    return pl.read_parquet(target)


def same(table: pl.DataFrame, manifest: bundle.Manifest, answers: dict[str, Any]) -> None:
    assert table["row"].to_list() == list(range(len(table)))
    if manifest.classes is None:
        assert table["prediction"].to_list() == answers["prediction"]
        return
    assert table["label"].to_list() == answers["label"]
    wanted = np.array(answers["probabilities"], dtype=np.float32)
    got = table.drop("row", "label").to_numpy()
    assert np.array_equal(got, wanted.reshape(len(table), len(manifest.classes)))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", CANDIDATES)
def test_score_answers_what_the_server_does(
    task: str, runtime: str, suffix: str, root: Path, server: ServerProcess, tmp_path: Path
) -> None:
    made = root / f"{task}-{runtime}"
    manifest = bundle.read(made / "bundle")
    assert (manifest.task, manifest.runtime) == (task, runtime)
    assert server.load(manifest.name, made / "bundle", 1).status_code == 200
    held = client_rows(read_examples(made / "test"))
    table = scored(made / "bundle", held, tmp_path, suffix)
    assert table.height == 240
    same(table, manifest, answered(server, manifest, held))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", CANDIDATES)
def test_score_of_golden_rows_gives_the_golden_answers(
    task: str, runtime: str, suffix: str, root: Path, tmp_path: Path
) -> None:
    folder = root / f"{task}-{runtime}" / "bundle"
    manifest = bundle.read(folder)
    golden = manifest.golden
    table = scored(folder, [dict(row) for row in golden.rows], tmp_path, suffix)
    # A batch of another size may sum in another order.
    if golden.predictions is not None:
        assert table["prediction"].to_list() == pytest.approx(golden.predictions, rel=1e-6)
        return
    assert table["label"].to_list() == list(golden.labels or ())
    probabilities = table.drop("row", "label").to_numpy()
    assert probabilities == pytest.approx(np.array(golden.probabilities), abs=1e-6)
