import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.metrics import measure_all
from components.monitor.statistics.expectations import Bounds, Expectations, read_expectations
from components.monitor.statistics.quality import LOWER_IS_BETTER, judge_quality
from components.monitor.storage.records import LabelledRow
from components.monitor.verdicts import QualityVerdict, read_quality, to_json
from components.monitor.versions import Version
from components.spec import METRICS
from components.spec.vocabulary import ERRORS

NOON = 1_795_176_000_000_000
NOTHING = Expectations(holdout={}, holdout_rows=1000, limits={})
BUNDLE = {
    "data": {"rows": 5000, "columns": 9, "fingerprint": "sha256:0"},
    "metrics": {"test": {"accuracy": {"value": 0.9, "low": 0.88, "high": 0.92}, "f1": "odd"}},
    "spec": {
        "split": {"test": 0.2},
        "monitor": {"quality": {"roc_auc": {"min": 0.75, "max": None}, "log_loss": {"max": 0.5}}},
    },
}


def labelled(label: Any, outputs: dict[str, Any], at: int = 0) -> LabelledRow:
    time = NOON + at * 1_000_000
    return LabelledRow(at, 0, time, time + 60_000_000, label, outputs)


def binary(rows: int, *, wrong: float = 0.1, scores: bool = True) -> list[LabelledRow]:
    """Predictions of No and Yes, of which a share is wrong."""
    generator = np.random.default_rng(0)
    positive = generator.random(rows)
    answers = positive >= 0.5
    truth = answers ^ (generator.random(rows) < wrong)
    names = ("No", "Yes")
    return [
        labelled(
            names[int(truth[at])],
            {"label": names[int(answers[at])]}
            | ({"probabilities": [1 - positive[at], positive[at]]} if scores else {}),
            at,
        )
        for at in range(rows)
    ]


def judge(
    version: Callable[..., Version], rows: list[LabelledRow], **changes: Any
) -> QualityVerdict:
    found = judge_quality(version(), rows, NOON, replace(NOTHING, **changes))
    assert found is not None
    return found


def test_judge_quality_metrics_are_scikit_learns(version: Callable[..., Version]) -> None:
    rows = binary(400)
    target = np.array([row.label == "Yes" for row in rows]).astype(int)
    raw = np.array([row.outputs["probabilities"] for row in rows])
    found = judge(version, rows)
    wanted = measure_all("binary", target, raw)
    assert sorted(found.metrics) == sorted(METRICS["binary"])
    for name, metric in found.metrics.items():
        assert metric.value == pytest.approx(wanted[name]), name
        assert metric.low <= metric.value <= metric.high
        assert metric.lower_is_better == (name in ERRORS)
    assert (found.model, found.version, found.rows, found.status) == ("churn", 3, 400, "ok")
    assert (found.start, found.end, found.judged) == (NOON, NOON + 399_000_000, NOON)
    assert (found.lag, found.cusum) == (60.0, None)
    assert read_quality(to_json(found)) == found


def test_judge_quality_errors_are_the_specs() -> None:
    assert LOWER_IS_BETTER == ERRORS


def test_judge_quality_without_probabilities_is_of_labels(version: Callable[..., Version]) -> None:
    rows = binary(300, scores=False)
    found = judge(version, rows, holdout={"accuracy": Bounds(0.9, 0.87, 0.93)})
    assert sorted(found.metrics) == [
        *("accuracy", "balanced_accuracy", "f1", "precision", "recall"),
    ]
    right = sum(row.label == row.outputs["label"] for row in rows)
    assert found.metrics["accuracy"].value == pytest.approx(right / 300)
    assert found.cusum is not None
    assert found.cusum.rows == 300


@pytest.mark.parametrize(
    ("least", "status"), [(0.5, "ok"), (0.92, "warning"), (0.97, "critical")], ids=str
)
def test_judge_quality_against_a_threshold_is_by_the_interval(
    version: Callable[..., Version], least: float, status: str
) -> None:
    found = judge(version, binary(500), limits={"accuracy": (least, None)}).metrics["accuracy"]
    assert 0.5 < found.low < found.value < 0.92 < found.high < 0.97
    assert (found.status, found.threshold) == (status, least)


@pytest.mark.parametrize(("greatest", "status"), [(9.0, "ok"), (0.2, "critical")], ids=str)
def test_judge_quality_of_an_error_breaks_a_greatest_value(
    version: Callable[..., Version], greatest: float, status: str
) -> None:
    found = judge(version, binary(500), limits={"log_loss": (None, greatest)})
    assert found.metrics["log_loss"].status == found.status == status
    assert found.metrics["log_loss"].threshold == greatest


@pytest.mark.parametrize(
    ("holdout", "status"),
    [((0.9, 0.88, 0.92), "ok"), ((0.95, 0.94, 0.96), "warning"), ((0.5, 0.4, 0.6), "ok")],
    ids=["alike", "worse", "better"],
)
def test_judge_quality_against_the_holdout_warns_on_the_worse_side_alone(
    version: Callable[..., Version], holdout: tuple[float, float, float], status: str
) -> None:
    found = judge(version, binary(2000), holdout={"accuracy": Bounds(*holdout)})
    accuracy = found.metrics["accuracy"]
    assert accuracy.status == status
    baseline = (accuracy.baseline, accuracy.baseline_low, accuracy.baseline_high)
    assert baseline == holdout


@pytest.mark.parametrize(("gap", "status"), [(-0.001, "ok"), (0.001, "warning")], ids=str)
def test_judge_quality_warns_where_the_intervals_no_longer_touch(
    version: Callable[..., Version], gap: float, status: str
) -> None:
    rows = binary(1000)
    alone = judge(version, rows).metrics
    accuracy, loss = alone["accuracy"].high + gap, alone["log_loss"].low - gap
    holdout = {
        "accuracy": Bounds(accuracy + 0.02, accuracy, accuracy + 0.04),
        "log_loss": Bounds(loss - 0.02, loss - 0.04, loss),
    }
    found = judge(version, rows, holdout=holdout).metrics
    assert [found[name].status for name in holdout] == [status, status]


def test_judge_quality_of_few_rows_shows_and_does_not_judge(
    version: Callable[..., Version],
) -> None:
    limits = {"accuracy": (0.99, None), "recall": (0.99, None)}
    found = judge(version, binary(99, wrong=0.5), limits=limits)
    assert found.metrics["accuracy"].high < 0.99
    assert found.status == "ok"
    assert judge(version, binary(100, wrong=0.5), limits=limits).status == "critical"


def test_judge_quality_of_few_positives_judges_what_is_of_all_rows(
    version: Callable[..., Version],
) -> None:
    row = {"label": "No", "probabilities": [0.9, 0.1]}
    rows = [labelled("Yes" if at % 50 == 0 else "No", row, at) for at in range(400)]
    found = judge(version, rows, limits={"recall": (0.9, None), "accuracy": (0.999, None)})
    assert (found.metrics["recall"].value, found.metrics["recall"].status) == (0.0, "ok")
    assert found.metrics["accuracy"].status == "critical"


def test_judge_quality_alarms_by_the_cusum(version: Callable[..., Version]) -> None:
    holdout = {"accuracy": Bounds(0.9, 0.89, 0.91)}
    calm = judge(version, binary(1000, wrong=0.1), holdout=holdout, holdout_rows=4000)
    assert (calm.status, calm.cusum and calm.cusum.alarm) == ("ok", False)
    found = judge(version, binary(1000, wrong=0.2), holdout=holdout, holdout_rows=4000)
    assert found.cusum is not None
    assert (found.cusum.alarm, found.status) == (True, "critical")
    assert found.cusum.rate == pytest.approx(0.105)


def test_judge_quality_of_a_regression_is_by_values(version: Callable[..., Version]) -> None:
    generator = np.random.default_rng(1)
    errors = generator.normal(0, 1, 600)
    known = version(task="regression", name="price")
    holdout = {"median_ae": Bounds(0.67, 0.6, 0.74), "rmse": Bounds(1.0, 0.93, 1.07)}
    expected = replace(NOTHING, holdout=holdout)
    for spread, status, alarm in ((1.0, "ok", False), (2.0, "critical", True)):
        rows = [
            labelled(at, {"prediction": at + spread * error}, at)
            for at, error in enumerate(errors.tolist())
        ]
        found = judge_quality(known, rows, NOON, expected)
        assert found is not None
        assert sorted(found.metrics) == sorted(METRICS["regression"])
        assert found.metrics["rmse"].value == pytest.approx(spread, rel=0.1)
        assert found.metrics["rmse"].status == ("warning" if alarm else "ok")
        assert found.cusum is not None
        assert (found.status, found.cusum.alarm, found.cusum.rate) == (status, alarm, 0.5)


def test_judge_quality_of_several_classes_takes_labels_as_value_or_text(
    version: Callable[..., Version],
) -> None:
    known = version(task="multiclass", name="wine", classes=[0, 1, 2])
    rows = [labelled(at % 3, {"label": str(at % 3)}, at) for at in range(150)]
    found = judge_quality(known, rows, NOON, NOTHING)
    assert found is not None
    assert found.metrics["accuracy"].value == 1.0
    assert sorted(found.metrics) == ["accuracy", "balanced_accuracy", "f1"]


def test_judge_quality_leaves_out_what_is_no_class(version: Callable[..., Version]) -> None:
    odd = [labelled("Maybe", {"label": "Yes"}), labelled("Yes", {}), labelled("Yes", {"label": 7})]
    assert judge_quality(version(), odd, NOON, NOTHING) is None
    assert judge_quality(version(), [], NOON, NOTHING) is None
    assert judge(version, [*odd, *binary(120)]).rows == 120


def test_judge_quality_of_huge_values_has_only_finite_figures(
    version: Callable[..., Version],
) -> None:
    known = version(task="regression", name="price")
    rows = [labelled(1e300, {"prediction": -1e300 * at}, at) for at in range(150)]
    found = judge_quality(known, rows, NOON, NOTHING)
    assert found is not None
    assert all(np.isfinite([m.value, m.low, m.high]).all() for m in found.metrics.values())


def test_read_expectations_takes_them_from_the_bundle() -> None:
    found = read_expectations(BUNDLE)
    assert found.holdout == {"accuracy": Bounds(0.9, 0.88, 0.92)}
    assert found.holdout_rows == 1000
    assert found.limits == {"roc_auc": (0.75, None), "log_loss": (None, 0.5)}
    assert found.error_rate == pytest.approx(0.11)
    assert found.usual_error is None


@pytest.mark.parametrize(
    "bundle",
    [{}, {"metrics": [], "spec": 3, "data": None}, {"metrics": {"test": {"f1": {}}}}],
    ids=["empty", "types", "interval"],
)
def test_read_expectations_of_an_odd_bundle_are_unknown(bundle: dict[str, Any]) -> None:
    found = read_expectations(bundle)
    assert (found.holdout, found.limits, found.error_rate) == ({}, {}, None)


def test_expectations_of_a_regressions_error_are_half_way_to_the_intervals_end() -> None:
    known = replace(NOTHING, holdout={"median_ae": Bounds(0.6, 0.5, 0.8)})
    assert known.usual_error == pytest.approx(0.7)


def test_expectations_of_a_faultless_holdout_still_expect_an_error_now_and_then() -> None:
    perfect = replace(NOTHING, holdout={"accuracy": Bounds(1.0, 1.0, 1.0)})
    assert perfect.error_rate == pytest.approx(0.5 / 1001)
    hopeless = replace(NOTHING, holdout={"accuracy": Bounds(0.0, 0.0, 0.0)})
    assert hopeless.error_rate is None
    exact = replace(NOTHING, holdout={"median_ae": Bounds(0.0, 0.0, 0.0)})
    assert exact.usual_error is None


def test_statistics_need_numpy_and_none_of_the_libraries_that_the_image_lacks() -> None:
    program = (
        "import sys, components.monitor.statistics.quality, components.monitor.statistics.binning,"
        "components.monitor.statistics.drift, components.monitor.statistics.estimate\n"
        "lacking = ('sklearn', 'scipy', 'pandas', 'polars', 'pydantic', 'components.spec')\n"
        "print([name for name in lacking if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
