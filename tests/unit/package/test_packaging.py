import json
import logging
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components.bundle import Bundle
from components.candidate import load_pipeline
from components.contract import ROWS
from components.examples import Examples, read_schema, write_schema
from components.fresh import TIME, Fresh
from components.runners import raw_scores
from components.signature import tensors
from components.spec import CANDIDATES
from tests.packaging import awkward_pipeline, packaged
from tests.tables import CLASSES, write_split


def assert_answers_are_the_pipelines(root: Path, bundle: Bundle, rows: Examples) -> None:
    original = raw_scores(load_pipeline(root / "best"), rows.numbers, rows.strings)
    assert bundle.run(rows.numbers, rows.strings).reshape(original.shape) == pytest.approx(
        original, rel=1e-4, abs=1e-5
    )


@pytest.mark.parametrize(("task", "name"), [(t, n) for t in CANDIDATES for n in CANDIDATES[t]])
def test_package_model_of_every_candidate_is_onnx_and_answers_as_the_pipeline(
    task: str, name: str, tmp_path: Path
) -> None:
    parts = write_split(tmp_path, task)
    bundle = packaged(tmp_path, task, name)
    assert bundle.manifest.runtime == "onnx"
    files = ["card.md", "model.onnx", "reference.json", "statistics.json"]
    assert sorted(bundle.manifest.files) == files
    assert bundle.manifest.classes == CLASSES[task]
    assert_answers_are_the_pipelines(tmp_path, bundle, parts["test"])


@pytest.mark.parametrize("task", CANDIDATES)
def test_package_model_golden_rows_are_repeated(task: str, tmp_path: Path) -> None:
    write_split(tmp_path, task, rows=120)
    bundle = packaged(tmp_path, task, CANDIDATES[task][0])
    golden = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["golden"]
    answers = bundle.predict(*tensors(bundle.manifest.signature, golden["rows"]))
    assert len(golden["rows"]) == 5
    if task == "regression":
        assert answers.values is not None
        assert answers.values.tolist() == pytest.approx(golden["predictions"], rel=1e-6)
        assert golden["predictions"] == sorted(golden["predictions"])
        return
    assert answers.labels == golden["labels"]
    assert np.array(answers.probabilities) == pytest.approx(np.array(golden["probabilities"]))
    assert len(set(golden["labels"])) > 1


def test_package_model_that_onnx_cannot_hold_falls_back_to_skops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = write_split(tmp_path, "regression")
    made = awkward_pipeline("regression", parts["train"])
    with caplog.at_level(logging.WARNING):
        bundle = packaged(tmp_path, "regression", pipeline=made)
    assert bundle.manifest.runtime == "skops"
    assert not (tmp_path / "bundle" / "model.onnx").exists()
    assert "bundle falls back to skops reason='ONNX" in caplog.text
    assert "- Runtime: skops (ONNX" in (tmp_path / "bundle" / "card.md").read_text()
    assert_answers_are_the_pipelines(tmp_path, bundle, parts["test"])


def test_package_model_reference_counts_training_rows_and_validation_answers(
    tmp_path: Path,
) -> None:
    parts = write_split(tmp_path, "binary", rows=120)
    bundle = packaged(tmp_path, "binary", "logistic")
    found = json.loads((tmp_path / "bundle" / "reference.json").read_text())
    age = found["features"]["age"]
    assert (found["format"], found["rows"]) == (1, 120)
    assert sum(age["counts"]) + age["missing"] == 120
    assert age["missing"] == int(np.isnan(parts["train"].numbers[:, 0]).sum())
    assert found["features"]["plan"]["categories"] == ['a "b"', "it's", "naïve\nline"]
    validation = parts["validation"]
    labels = bundle.predict(validation.numbers, validation.strings).labels or []
    assert found["prediction"]["counts"] == [labels.count("No"), labels.count("Yes")]


def test_package_model_card_says_what_it_is(tmp_path: Path) -> None:
    write_split(tmp_path, "binary", rows=120)
    bundle = packaged(tmp_path, "binary", "logistic")
    card = (tmp_path / "bundle" / "card.md").read_text()
    auc = bundle.manifest.metrics["test"]["roc_auc"]
    assert card.startswith("# toy\n")
    assert "A binary model (logistic) that predicts `target` from 4 features." in card
    assert f"| roc_auc | {auc.value:.4f} | {auc.low:.4f} to {auc.high:.4f} |" in card
    assert "Classes: `No`, `Yes`." in card
    assert "dropped where a client sends them: `id`." in card
    assert "| C 1 |" in card
    said = r"- Runtime: onnx, which answers all 120 validation rows as scikit-learn does: labels "
    said += r"equal, probabilities within \d\.\de-0\d \(tolerance 1e-05\)\n"
    assert re.search(said, card)


def test_package_model_of_values_says_what_it_tolerates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_split(tmp_path, "regression", rows=120)
    with caplog.at_level(logging.INFO):
        packaged(tmp_path, "regression", "linear")
    card = (tmp_path / "bundle" / "card.md").read_text()
    assert re.search(r"values within \d\.\de-\d\d of their spread \(tolerance 1e-03\)\n", card)
    assert re.search(
        r"onnx parity rows=120 labels_differ=0 difference=\S+ tolerance=1e-03", caplog.text
    )


FRESH = Fresh(
    rows=100,
    columns=("age",),
    first="2026-11-01T00:00:00.000000Z",
    last="2026-11-02T00:00:00.000000Z",
    since="2026-10-31",
    until="2026-11-03",
    sources="sha256:cc",
)


def mark_fresh(folder: Path, count: int) -> None:
    """Makes the last rows of a part fresh."""
    rows = pl.read_parquet(folder / ROWS)
    at = pl.datetime(2026, 11, 1, time_unit="us")
    late = pl.when(pl.int_range(pl.len()) >= len(rows) - count).then(at)
    rows.with_columns(late.alias(TIME)).write_parquet(folder / ROWS)
    schema = read_schema(folder)
    lineage = schema.lineage.model_copy(update={"fresh": FRESH})
    write_schema(folder, schema.model_copy(update={"lineage": lineage, "set_aside": 17}))


def test_package_model_reference_is_of_the_fresh_rows_where_they_are_enough(
    tmp_path: Path,
) -> None:
    parts = write_split(tmp_path, "binary", rows=120)
    mark_fresh(tmp_path / "train", 50)
    mark_fresh(tmp_path / "validation", 49)
    packaged(tmp_path, "binary", "logistic")
    found = json.loads((tmp_path / "bundle" / "reference.json").read_text())
    ages = parts["train"].numbers[-50:, 0]
    age = found["features"]["age"]
    assert found["rows"] == 50
    assert age["max"] == np.nanmax(ages)
    assert sum(age["counts"]) + age["missing"] == 50
    assert sum(found["prediction"]["counts"]) == 120


def test_package_model_says_in_bundle_and_card_what_was_fresh(tmp_path: Path) -> None:
    write_split(tmp_path, "binary", rows=120)
    for part in ("train", "validation"):
        mark_fresh(tmp_path / part, 60)
    bundle = packaged(tmp_path, "binary", "logistic")
    assert bundle.manifest.data.fresh == FRESH
    found = (tmp_path / "bundle" / "card.md").read_text()
    assert (
        "- Of the rows 100 are fresh: predicted from 2026-11-01T00:00:00.000000Z to "
        "2026-11-02T00:00:00.000000Z, labelled from 2026-10-31 to before 2026-11-03\n"
    ) in found
    assert (
        "Test is the newest fifth of the fresh rows, for this model and for the champion" in found
    )
    assert "17 rows were set aside" in found


def test_package_model_of_the_sources_alone_says_nothing_of_fresh_rows(tmp_path: Path) -> None:
    write_split(tmp_path, "binary", rows=120)
    packaged(tmp_path, "binary", "logistic")
    document = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert set(document["data"]) == {"rows", "columns", "fingerprint"}
    assert "fresh" not in (tmp_path / "bundle" / "card.md").read_text()
