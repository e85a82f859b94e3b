import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from components.candidate import load_pipeline, read_candidate, write_candidate
from components.errors import TrainingError
from components.examples import Examples
from components.runners import frame, raw_scores
from components.spec import CANDIDATES
from components.train.search import search
from tests.tables import spec_of, write_part, write_split

TASKS = [(task, name) for task in CANDIDATES for name in CANDIDATES[task]]


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Examples]]:
    root = tmp_path_factory.mktemp("splits")
    return {task: write_split(root / task, task) for task in CANDIDATES}


def parts_of(splits: dict[str, dict[str, Examples]], task: str) -> tuple[Examples, Examples]:
    return splits[task]["train"], splits[task]["validation"]


@pytest.mark.parametrize(("task", "candidate"), TASKS)
def test_search_every_candidate_round_trips_and_beats_guessing(
    task: str, candidate: str, splits: dict[str, dict[str, Examples]], tmp_path: Path
) -> None:
    parts = parts_of(splits, task)
    pipeline, record = search(candidate, spec_of(task, search={"trials": 2}), parts)
    write_candidate(tmp_path, pipeline, record)
    test = splits[task]["test"]
    raw = raw_scores(load_pipeline(tmp_path), test.numbers, test.strings)
    assert (raw == raw_scores(pipeline, test.numbers, test.strings)).all()
    assert read_candidate(tmp_path) == record
    assert (record.name, record.trials) == (candidate, 2)
    least = {"binary": 0.85, "multiclass": -1.0, "regression": -0.8}[task]
    assert (record.score if task == "binary" else -record.score) > least


def test_search_scores_as_plain_scikit_learn_does(splits: dict[str, dict[str, Examples]]) -> None:
    train, validation = parts_of(splits, "binary")
    pipeline, record = search(
        "logistic", spec_of("binary", search={"trials": 1}), (train, validation)
    )
    plain = make_pipeline(clone(pipeline[0]), LogisticRegression(max_iter=2000, C=1.0))
    plain.fit(frame(train.numbers, train.strings), train.target)
    scores = plain.predict_proba(frame(validation.numbers, validation.strings))[:, 1]
    assert record.score == pytest.approx(roc_auc_score(validation.target, scores), abs=1e-12)


@pytest.mark.parametrize("candidate", CANDIDATES["binary"])
def test_search_twice_gives_the_same_bytes(
    candidate: str,
    splits: dict[str, dict[str, Examples]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    spec = spec_of("binary", search={"trials": 2})
    found = [search(candidate, spec, parts_of(splits, "binary"), threads=2) for _ in range(2)]
    rows = splits["binary"]["test"]
    raws = [raw_scores(pipeline, rows.numbers, rows.strings) for pipeline, _ in found]
    assert found[0][1] == found[1][1]
    assert found[0][1].trained_at == "1970-01-01T00:00:01Z"
    assert (raws[0] == raws[1]).all()


def test_search_past_its_time_starts_no_further_trial(
    splits: dict[str, dict[str, Examples]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third one would begin in time, and end after it."""
    clock = SimpleNamespace(monotonic=itertools.count(0, 100).__next__)
    monkeypatch.setattr("components.train.search.time", clock)
    spec = spec_of("binary", search={"trials": 5, "timeout_s": 200})
    _, record = search("random_forest", spec, parts_of(splits, "binary"))
    assert record.trials == 2


def test_search_numbers_beyond_float32_are_refused_by_name(tmp_path: Path) -> None:
    rows = {"huge": [1e39, -1e39, 1.0, 2.0], "x": [1.0, 2.0, 3.0, 4.0]}
    part = write_part(tmp_path, rows, {}, [0, 1, 0, 1], ("a", "b"))
    with pytest.raises(TrainingError, match="beyond float32 .*: 'huge' in 2 rows"):
        search("logistic", spec_of("binary"), (part, part))


def test_search_a_target_beyond_float32_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path, {"x": [1.0, 2.0]}, {}, [1e300, 1.0], None)
    with pytest.raises(TrainingError, match="'target' in 1 rows"):
        search("linear", spec_of("regression"), (part, part))


def test_search_without_a_score_says_which_metric(tmp_path: Path) -> None:
    train = write_part(tmp_path / "t", {"x": [1.0, 2.0, 3.0]}, {}, [1.0, 2.0, 2.5], None)
    single = write_part(tmp_path / "v", {"x": [1.0]}, {}, [1.0], None)
    spec = spec_of("regression", search={"metric": "r2", "trials": 2})
    with pytest.raises(TrainingError, match="'linear': no trial gave a r2 on the validation rows"):
        search("linear", spec, (train, single))


def test_search_column_missing_in_training_alone_survives(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    made = []
    for part in ("train", "validation"):
        x = rng.normal(size=80)
        gone = [None] * 80 if part == "train" else rng.normal(size=80)
        target = (x > 0).astype(int)
        made.append(write_part(tmp_path / part, {"gone": gone, "x": x}, {}, target, ("a", "b")))
    for candidate in CANDIDATES["binary"]:
        _, record = search(candidate, spec_of("binary", search={"trials": 1}), (made[0], made[1]))
        assert record.score > 0.95


def rare_class(folder: Path, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=1500)
    target = (x + rng.normal(size=1500) > 2.3).astype(int)
    return write_part(folder, {"x": x}, {}, target, ("a", "b"))


@pytest.mark.parametrize("candidate", CANDIDATES["binary"])
def test_search_balanced_classes_weigh_alike(candidate: str, tmp_path: Path) -> None:
    parts = (rare_class(tmp_path / "t", 1), rare_class(tmp_path / "v", 2))
    assert parts[0].target.mean() < 0.1
    recall = {}
    for weight in ("none", "balanced"):
        features = {"class_weight": weight}
        spec = spec_of("binary", features=features, search={"trials": 1})
        pipeline, _ = search(candidate, spec, parts)
        raw = raw_scores(pipeline, parts[1].numbers, parts[1].strings)
        recall[weight] = (raw[parts[1].target == 1, 1] >= 0.5).mean()
        again, _ = search(candidate, spec, parts)
        assert (raw_scores(again, parts[1].numbers, parts[1].strings) == raw).all()
    # A forest of leaves of one row has little to weigh.
    least = -0.1 if candidate == "random_forest" else 0.3
    assert recall["balanced"] > recall["none"] + least
    assert pipeline[-1].class_weight == "balanced"


def test_search_clips_by_the_columns_quantiles_before_those_of_all(tmp_path: Path) -> None:
    values = [float(i) for i in range(101)]
    part = write_part(tmp_path, {"a": values, "b": values}, {}, [0, 1] * 50 + [0], ("n", "p"))
    spec = spec_of(
        "binary",
        features={"clip": [0.1, 0.9]},
        columns={"b": {"type": "number", "clip": [0.2, 0.8]}},
        search={"trials": 1},
    )
    pipeline, _ = search("logistic", spec, (part, part))
    clip = pipeline[0].named_transformers_["numbers"][0]
    assert (clip.lower_.tolist(), clip.upper_.tolist()) == ([10, 20], [90, 80])


def test_search_more_features_than_rows_still_fits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = []
    for name in ("t", "v"):
        x = rng.normal(size=(100, 120))
        rows = {f"n{i}": x[:, i] for i in range(120)}
        target = (x[:, 0] > 0).astype(int)
        parts.append(write_part(tmp_path / name, rows, {}, target, ("a", "b")))
    for candidate in CANDIDATES["binary"]:
        _, record = search(candidate, spec_of("binary", search={"trials": 1}), (parts[0], parts[1]))
        assert record.score > 0.5
