import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kfp.dsl import ClassificationMetrics, Metrics
from sklearn.metrics import confusion_matrix, roc_auc_score

from components.bundle import Manifest, write
from components.candidate import Candidate, write_candidate
from components.champion import BUNDLE, Champion
from components.errors import BundleError, DataError, SpecError
from components.evaluate.dashboard import draw
from components.evaluate.judgement import Verdict, judge
from components.evaluation import Decision, Evaluation
from components.examples import read_schema, write_schema
from components.fresh import Fresh
from components.metrics import measure
from components.package.packaging import Ingredients, package_model
from components.train.search import search
from tests.tables import CLASSES, spec_of, write_part, write_split

SPEC = spec_of("binary", search={"trials": 1})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folders up to `package`, logistic as best; also the champion's bundle."""
    root = tmp_path_factory.mktemp("run")
    parts = write_split(root, "binary")
    pipeline, record = search("logistic", SPEC, (parts["train"], parts["validation"]))
    write_candidate(root / "logistic", pipeline, record)
    Champion(version=None).write(root / "none")
    judge(SPEC, [root / "logistic"], root / "test", root / "none").evaluation.write(root / "eval")
    statistics = root / "statistics.json"
    statistics.write_text('{"format": 1}', encoding="utf-8")
    folders = (root / "logistic", root / "train", root / "validation", root / "eval")
    package_model(SPEC, Ingredients(*folders, statistics), root / "champion" / BUNDLE)
    Champion(version=4).write(root / "champion")
    return root


def verdict(
    run: Path, spec: Any = SPEC, champion: Path | None = None, test: str = "test"
) -> Verdict:
    return judge(spec, [run / "logistic"], run / test, champion or run / "none")


def changed_champion(run: Path, folder: Path, **changes: Any) -> Path:
    shutil.copytree(run / "champion", folder)
    document = json.loads((folder / BUNDLE / "bundle.json").read_text()) | changes
    write(folder / BUNDLE, Manifest.model_validate(document))
    return folder


def with_score(run: Path, folder: Path, name: str, score: float, metric: str = "roc_auc") -> Path:
    shutil.copytree(run / "logistic", folder)
    document = json.loads((folder / "candidate.json").read_text())
    record = Candidate.model_validate(document | {"name": name, "score": score, "metric": metric})
    (folder / "candidate.json").write_text(record.model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("metric", "wanted"), [("roc_auc", ["b", "c", "a"]), ("log_loss", ["a", "b", "c"])]
)
def test_judge_ranks_best_first_and_keeps_the_specs_order_of_equals(
    metric: str, wanted: list[str], run: Path, tmp_path: Path
) -> None:
    scores = {"a": 0.7, "b": 0.8, "c": 0.8}
    folders = [with_score(run, tmp_path / n, n, s, metric) for n, s in scores.items()]
    found = judge(SPEC, folders, run / "test", run / "none")
    assert [c.name for c in found.evaluation.candidates] == wanted
    found.copy_best(tmp_path / "best")
    assert json.loads((tmp_path / "best" / "candidate.json").read_text())["name"] == wanted[0]
    assert (tmp_path / "best" / "pipeline.skops").is_file()


def test_judge_measures_the_hold_out_as_scikit_learn_does(run: Path) -> None:
    found = verdict(run)
    target, raw = found.examples.target, found.raw
    value = found.evaluation.metrics["test"]["roc_auc"].value
    assert value == pytest.approx(roc_auc_score(target, raw[:, 1]))
    wanted = confusion_matrix(target, raw[:, 1] >= 0.5)
    assert found.evaluation.confusion == tuple(map(tuple, wanted.tolist()))
    assert found.evaluation.classes == ("No", "Yes")


@pytest.mark.parametrize(
    ("least", "decision"), [(0.5, Decision.APPROVED), (0.9999, Decision.REFUSED)]
)
def test_judge_decides_by_the_gates(least: float, decision: Decision, run: Path) -> None:
    spec = spec_of("binary", gates={"metrics": {"roc_auc": {"min": least}}})
    found = verdict(run, spec)
    assert found.evaluation.decision is decision
    assert found.approved is (decision is Decision.APPROVED)


def test_judge_without_any_change_keeps_the_champion(run: Path) -> None:
    found = verdict(run, champion=run / "champion")
    assert found.evaluation.decision is Decision.KEPT
    assert found.approved is False


@pytest.mark.parametrize(
    "changes",
    [
        {"revision": "older"},
        {"data": {"rows": 1, "columns": 1, "fingerprint": "sha256:bb"}},
        {"spec": {"meaningless": True}},
        {"spec": json.loads(spec_of("binary", search={"trials": 2}).to_json())},
    ],
)
def test_judge_after_a_change_compares_with_the_champion(
    changes: dict[str, Any], run: Path, tmp_path: Path
) -> None:
    champion = changed_champion(run, tmp_path / "c", **changes)
    found = verdict(run, champion=champion).evaluation
    # One and the same model: no gain, which the default gate asks for no more than.
    assert found.decision is Decision.APPROVED
    assert found.gates[-1].name == "champion"
    assert found.gates[-1].value == pytest.approx(0.0, abs=1e-6)
    assert found.champion is not None
    assert (found.champion.version, found.champion.metric) == (4, "roc_auc")


def test_judge_where_the_challenger_gains_too_little_refuses(run: Path, tmp_path: Path) -> None:
    champion = changed_champion(run, tmp_path / "c", revision="older")
    spec = spec_of("binary", gates={"champion": {"min_gain": 0.01}})
    assert verdict(run, spec, champion).evaluation.decision is Decision.REFUSED


def test_judge_with_a_column_the_champion_never_saw_and_one_it_lacks(
    run: Path, tmp_path: Path
) -> None:
    champion = changed_champion(run, tmp_path / "c", revision="older")
    rng = np.random.default_rng(5)
    city = rng.choice(["Bern", "Lyon"], 60).tolist()
    target = [int(c == "Bern") for c in city]
    new = {"city": city, "new": rng.choice(["p", "q"], 60).tolist()}
    parts = {p: write_part(tmp_path / p, {}, new, target, CLASSES["binary"]) for p in ("a", "test")}
    pipeline, record = search("logistic", SPEC, (parts["a"], parts["a"]))
    write_candidate(tmp_path / "new", pipeline, record)
    found = judge(SPEC, [tmp_path / "new"], tmp_path / "test", champion).evaluation
    assert found.champion is not None
    assert found.champion.challenger == 1.0
    assert 0.5 < found.champion.champion <= 1.0


def test_judge_with_the_positive_class_swapped_reads_the_champion_by_label(
    run: Path, tmp_path: Path
) -> None:
    champion = changed_champion(run, tmp_path / "c", revision="older", classes=["Yes", "No"])
    found = verdict(run, champion=champion).evaluation.champion
    assert found is not None
    straight = verdict(run, champion=changed_champion(run, tmp_path / "d", revision="o"))
    assert straight.evaluation.champion is not None
    assert found.champion == pytest.approx(1 - straight.evaluation.champion.champion)


def test_judge_with_a_class_the_champion_never_saw_gives_it_no_probability(
    run: Path, tmp_path: Path
) -> None:
    parts = write_split(tmp_path, "multiclass")
    spec = spec_of("multiclass", search={"trials": 1})
    pipeline, record = search("logistic", spec, (parts["train"], parts["validation"]))
    write_candidate(tmp_path / "three", pipeline, record)
    champion = changed_champion(
        run, tmp_path / "c", task="multiclass", threshold=None, classes=[0, 1], revision="older"
    )
    found = judge(spec, [tmp_path / "three"], tmp_path / "test", champion).evaluation.champion
    assert found is not None
    assert found.metric == "log_loss"
    assert found.champion > found.challenger
    assert np.isfinite(found.champion)


def test_judge_with_no_class_of_the_champions_says_what_to_do(run: Path, tmp_path: Path) -> None:
    champion = changed_champion(run, tmp_path / "c", classes=["off", "on"])
    with pytest.raises(DataError, match=r"\('No', 'Yes'\) share none with .*\('off', 'on'\)"):
        verdict(run, champion=champion)


def test_judge_with_another_task_is_refused(run: Path, tmp_path: Path) -> None:
    champion = changed_champion(run, tmp_path / "c", task="regression", classes=None)
    with pytest.raises(SpecError, match="'toy' is regression in version 4 and binary in this spec"):
        verdict(run, champion=champion)


def test_judge_with_a_damaged_champion_names_the_file(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "champion", tmp_path / "c")
    (tmp_path / "c" / BUNDLE / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"is damaged; altered: model\.onnx"):
        verdict(run, champion=tmp_path / "c")


def test_judge_twice_writes_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        verdict(run, champion=run / "champion").evaluation.write(tmp_path / name)
    texts = [(tmp_path / name / "evaluation.json").read_bytes() for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert Evaluation.read(tmp_path / "a").decision is Decision.KEPT


def test_draw_binary_logs_metrics_confusion_and_a_curve_of_the_same_area(run: Path) -> None:
    found = verdict(run)
    metrics, curves = Metrics(uri="m"), ClassificationMetrics(uri="c")
    draw(found, metrics, curves)
    assert metrics.metadata["roc_auc"] == found.evaluation.metrics["test"]["roc_auc"].value
    matrix = curves.metadata["confusionMatrix"]
    assert [entry["displayName"] for entry in matrix["annotationSpecs"]] == ["No", "Yes"]
    assert [tuple(row["row"]) for row in matrix["rows"]] == list(found.evaluation.confusion or ())
    points = curves.metadata["confidenceMetrics"]
    assert len(points) <= 200
    assert all(0 <= point["confidenceThreshold"] <= 1 for point in points)
    area = np.trapezoid([p["recall"] for p in points], [p["falsePositiveRate"] for p in points])
    assert area == pytest.approx(measure("roc_auc", "binary", found.examples.target, found.raw))
    json.dumps(curves.metadata, allow_nan=False)


def test_draw_regression_draws_no_classification(tmp_path: Path) -> None:
    parts = write_split(tmp_path, "regression", rows=60)
    spec = spec_of("regression", search={"trials": 1})
    pipeline, record = search("linear", spec, (parts["train"], parts["validation"]))
    write_candidate(tmp_path / "linear", pipeline, record)
    Champion(version=None).write(tmp_path / "none")
    found = judge(spec, [tmp_path / "linear"], tmp_path / "test", tmp_path / "none")
    metrics, curves = Metrics(uri="m"), ClassificationMetrics(uri="c")
    draw(found, metrics, curves)
    assert sorted(metrics.metadata) == ["mae", "median_ae", "r2", "rmse"]
    assert curves.metadata == {}
    assert found.evaluation.confusion is None


FRESH = Fresh(rows=60, columns=("age",), first="a", last="b", sources="sha256:aa")


def of_fresh(run: Path, folder: Path, **changes: Any) -> Path:
    """The champion, made of the sources and of fresh rows."""
    data = {"rows": 300, "columns": 5, "fingerprint": "sha256:both", "fresh": FRESH.model_dump()}
    return changed_champion(run, folder, data=data, **changes)


def fresh_test(run: Path, folder: Path, fingerprint: str, sources: str) -> Path:
    """The hold-out of a run with fresh rows."""
    shutil.copytree(run / "test", folder)
    schema = read_schema(folder)
    told = FRESH.model_copy(update={"sources": sources})
    update = {"fingerprint": fingerprint, "fresh": told}
    lineage = schema.lineage.model_copy(update=update)
    write_schema(folder, schema.model_copy(update={"lineage": lineage}))
    return folder


def test_judge_sources_of_a_champion_that_knows_fresh_rows_besides_keep_it(
    run: Path, tmp_path: Path
) -> None:
    found = verdict(run, champion=of_fresh(run, tmp_path / "c"))
    assert found.evaluation.decision is Decision.KEPT


def test_judge_sources_alone_do_not_replace_what_has_learned_of_fresh_rows_too(
    run: Path, tmp_path: Path
) -> None:
    spec = spec_of("binary", search={"trials": 2})
    found = verdict(run, spec, champion=of_fresh(run, tmp_path / "c"))
    assert found.evaluation.decision is Decision.REFUSED
    gate = found.evaluation.gates[-1]
    assert (gate.name, gate.passed) == ("fresh", False)
    assert gate.expected.startswith(
        "fresh rows or newer sources, since version 4 has learned of 60"
    )
    newer = {"rows": 1, "columns": 1, "fingerprint": "sha256:both"}
    newer["fresh"] = FRESH.model_copy(update={"sources": "sha256:older"}).model_dump()
    grown = verdict(run, spec, champion=changed_champion(run, tmp_path / "g", data=newer))
    assert [gate.name for gate in grown.evaluation.gates] == ["champion"]
    assert grown.evaluation.decision is Decision.APPROVED


@pytest.mark.parametrize(
    ("fingerprint", "decision"),
    [("sha256:both", Decision.KEPT), ("sha256:new", Decision.APPROVED)],
)
def test_judge_the_same_fresh_rows_again_keep_the_champion_and_others_are_judged(
    fingerprint: str, decision: Decision, run: Path, tmp_path: Path
) -> None:
    test = fresh_test(run, tmp_path / "t", fingerprint, "sha256:aa")
    champion = of_fresh(run, tmp_path / "c")
    found = judge(SPEC, [run / "logistic"], test, champion)
    assert found.evaluation.decision is decision
