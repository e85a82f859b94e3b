"""Pipelines that ONNX does not hold, most of them without an error, packaged for real."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops import io
from skops.io.exceptions import UntrustedTypesFoundException

from components.candidate import PIPELINE, write_candidate
from components.package.packaging import _repeatable, write_model
from components.runners import TRUSTED_TYPES, frame, onnx_runner, raw_scores
from tests.packaging import RECORD, SILENT, coded, packaged
from tests.tables import PARTS

# What skops files hold beyond the list that is trusted: a candidate of these is not even opened.
OUTSIDE = {
    "categorical_features": {"functools.partial", "sklearn.utils.validation.check_array"},
    "isotonic": {"sklearn.calibration._CalibratedClassifier"},
}
DIFFERS = re.compile(
    r"ONNX differs from scikit-learn by up to (\S+), expected at most (\S+); labels differ in "
    r"(\d+) of 600 validation rows"
)


def fit(root: Path, kind: str) -> tuple[Pipeline, Any]:
    """A fitted pipeline of a kind, and the rows, the same in all three parts under the root."""
    task, steps = SILENT[kind]
    rows = [coded(root / part, task) for part in PARTS][0]
    made = Pipeline([(f"s{at}", clone(step)) for at, step in enumerate(steps)])
    return made.fit(frame(rows.numbers, rows.strings), rows.target), rows


@pytest.mark.parametrize("kind", SILENT)
def test_write_model_of_what_converts_wrongly_falls_back_and_names_the_difference(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, rows = fit(tmp_path, kind)
    write_candidate(tmp_path, pipeline, RECORD)
    with caplog.at_level(logging.WARNING):
        parity, reason = write_model(
            pipeline, tmp_path / PIPELINE, rows, tmp_path, task=SILENT[kind][0]
        )
    said = DIFFERS.fullmatch(reason)
    assert said is not None, reason
    assert parity is not None
    assert float(said[1]) > float(said[2]) == parity.tolerance
    assert int(said[3]) == parity.labels_differ
    assert f"bundle falls back to skops reason={reason!r}" in caplog.text
    assert not (tmp_path / "model.onnx").exists()
    untrusted = set(io.get_untrusted_types(file=tmp_path / "model.skops")) - {*TRUSTED_TYPES}
    assert untrusted == OUTSIDE.get(kind, set())
    kept = io.load(tmp_path / "model.skops", trusted=[*TRUSTED_TYPES, *untrusted])
    wanted = raw_scores(pipeline, rows.numbers, rows.strings)
    assert np.array_equal(raw_scores(kept, rows.numbers, rows.strings), wanted)


@pytest.mark.parametrize("kind", [kind for kind in SILENT if kind not in OUTSIDE])
def test_bundle_of_what_converts_wrongly_answers_as_the_pipeline(kind: str, tmp_path: Path) -> None:
    pipeline, rows = fit(tmp_path, kind)
    bundle = packaged(tmp_path, SILENT[kind][0], pipeline=pipeline)
    assert bundle.manifest.runtime == "skops"
    assert "model.skops" in bundle.manifest.files
    card = (tmp_path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert re.search(rf"- Runtime: skops \({DIFFERS.pattern}\)", card)
    wanted = raw_scores(pipeline, rows.numbers, rows.strings)
    assert np.array_equal(bundle.run(rows.numbers, rows.strings), wanted)


@pytest.mark.parametrize("kind", OUTSIDE)
def test_bundle_of_types_outside_the_list_is_refused_by_their_names(
    kind: str, tmp_path: Path
) -> None:
    pipeline, _ = fit(tmp_path, kind)
    with pytest.raises(UntrustedTypesFoundException) as caught:
        packaged(tmp_path, SILENT[kind][0], pipeline=pipeline)
    assert all(name in str(caught.value) for name in OUTSIDE[kind])
    assert not (tmp_path / "bundle").exists()


def test_write_model_of_what_does_not_convert_names_no_folder_and_no_address(
    tmp_path: Path,
) -> None:
    """Both differ in each run, and the reason is part of a bundle that has to be repeatable."""
    rows = coded(tmp_path / "rows")
    reasons = []
    for name in ("one", "two"):
        made = Pipeline([("f", FunctionTransformer(np.nan_to_num)), ("m", GaussianNB())])
        made.fit(frame(rows.numbers, rows.strings), rows.target)
        write_candidate(tmp_path / name, made, RECORD)
        source = tmp_path / name / PIPELINE
        _, reason = write_model(made, source, rows, tmp_path / name, task="binary")
        reasons.append(reason)
    assert reasons[0].startswith("ONNX cannot hold this pipeline: ")
    assert reasons[0] == reasons[1]
    assert "0x" not in reasons[0]
    assert (tmp_path / "one" / "model.skops").read_bytes() == (
        tmp_path / "two" / "model.skops"
    ).read_bytes()


def test_reason_of_a_graph_that_does_not_open_names_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(Exception, match=str(tmp_path)) as caught:
        onnx_runner(path)
    said = _repeatable(caught.value, path)
    assert "model.onnx" in said
    assert str(tmp_path) not in said
