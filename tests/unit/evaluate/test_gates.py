import math
from pathlib import Path

import pytest

from components.bundle import Interval
from components.evaluate.gates import champion_gate, metric_gates
from components.evaluation import ChampionScore, Decision, Evaluation, Gate, Score
from components.spec import Gates

METRICS = {"accuracy": Interval(value=0.8, low=0.7, high=0.9)}


def gates(**bound: float) -> Gates:
    return Gates.model_validate({"metrics": {"accuracy": bound}})


@pytest.mark.parametrize(
    ("bound", "passed"),
    [({"min": 0.8}, True), ({"min": 0.81}, False), ({"max": 0.8}, True), ({"max": 0.79}, False)],
)
def test_metric_gates_bounds_are_inclusive(bound: dict[str, float], passed: bool) -> None:
    (gate,) = metric_gates(gates(**bound), METRICS)
    (threshold,) = bound.values()
    assert (gate.name, gate.value, gate.threshold, gate.passed) == (
        "accuracy",
        0.8,
        threshold,
        passed,
    )


def test_metric_gates_with_both_bounds_are_two() -> None:
    found = metric_gates(gates(min=0.7, max=0.75), METRICS)
    assert [(g.name, g.passed, g.expected) for g in found] == [
        ("accuracy.min", True, "accuracy >= 0.7"),
        ("accuracy.max", False, "accuracy <= 0.75"),
    ]


def test_metric_gates_of_an_undefined_metric_pass_none() -> None:
    found = metric_gates(gates(min=0.0, max=1.0), {})
    assert [(math.isnan(g.value), g.passed) for g in found] == [(True, False)] * 2


@pytest.mark.parametrize(
    ("metric", "champion", "challenger", "least", "passed"),
    [
        ("roc_auc", 0.8, 0.81, 0.01, True),
        ("roc_auc", 0.8, 0.809, 0.01, False),
        ("roc_auc", 0.8, 0.79, -0.02, True),
        ("rmse", 10.0, 9.0, 0.5, True),
        ("rmse", 10.0, 10.1, 0.0, False),
        # What float32 makes of one and the same model is no loss.
        ("log_loss", 0.3, 0.3 + 1e-8, 0.0, True),
        ("rmse", 5e6, 5e6 + 1, 0.0, True),
        ("log_loss", 0.3, 0.3 + 1e-5, 0.0, False),
        ("roc_auc", 0.8, float("nan"), 0.0, False),
    ],
)
def test_champion_gate_passes_at_the_least_gain(
    metric: str, champion: float, challenger: float, least: float, passed: bool
) -> None:
    wanted = Gates.model_validate({"champion": {"min_gain": least}})
    scores = ChampionScore(version=3, metric=metric, champion=champion, challenger=challenger)
    gate = champion_gate(wanted, scores)
    assert (gate.name, gate.threshold, gate.passed) == ("champion", least, passed)
    assert gate.expected == f"gain in {metric} over version 3 >= {least:g}"


def test_evaluation_with_an_undefined_gate_is_strict_json_and_reads_back(tmp_path: Path) -> None:
    nan = float("nan")
    gate = Gate(name="r2", value=nan, threshold=0.5, passed=False, expected="r2 >= 0.5")
    made = Evaluation(
        decision=Decision.REFUSED,
        best="linear",
        metric="rmse",
        candidates=(Score(name="linear", params={"alpha": 1.0}, score=2.0),),
        metrics={"test": {}},
        gates=(gate,),
        champion=ChampionScore(version=1, metric="r2", champion=nan, challenger=0.5),
        confusion=None,
        classes=None,
    )
    made.write(tmp_path)
    assert "NaN" not in (tmp_path / "evaluation.json").read_text()
    read = Evaluation.read(tmp_path)
    assert math.isnan(read.gates[0].value)
    assert read.champion is not None
    assert math.isnan(read.champion.champion)
    assert read.model_copy(update={"gates": (), "champion": None}) == made.model_copy(
        update={"gates": (), "champion": None}
    )
