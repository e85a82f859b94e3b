import pytest

from components.spec import SpecProblemsError, parse

TASKS = {
    "binary": "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\n",
    "multiclass": "name: wine\ntask: multiclass\nsource: a.csv\ntarget: grower\n",
    "regression": "name: fare\ntask: regression\nsource: a.csv\ntarget: fare\n",
}


@pytest.mark.parametrize(
    ("task", "extra", "line"),
    [
        # roles of columns
        ("binary", "id: Churn", "id: got 'Churn', expected another column than target"),
        ("binary", "id: a\ntimestamp: a", "timestamp: got 'a', expected another column than id"),
        ("binary", "drop: [b, Churn]", "drop[1]: got 'Churn', expected no column that target na"),
        ("binary", "id: a\ndrop: [a]", "drop[0]: got 'a', expected no column that id names"),
        (
            "binary",
            "columns: {Churn: {privacy: hash}}",
            "columns.Churn.privacy: got 'hash', expected no privacy, because target names the c",
        ),
        (
            "binary",
            "id: a\ncolumns: {a: {privacy: mask}}",
            "columns.a.privacy: got 'mask', expected no privacy but hash, because id names the",
        ),
        (
            "binary",
            "timestamp: a\ncolumns: {a: {privacy: hash}}",
            "columns.a.privacy: got 'hash', expected no privacy, because timestamp names the c",
        ),
        (
            "binary",
            "columns: {a: {privacy: hash, min: 0}}",
            "columns.a.min: got 0.0, expected no min, because privacy is 'hash'",
        ),
        (
            "binary",
            "columns: {a: {privacy: mask, type: number}}",
            "columns.a.type: got 'number', expected no type, because privacy is 'mask'",
        ),
        # positive label
        (
            "multiclass",
            "positive: a",
            "positive: got 'a', expected no positive label, because task is 'multiclass'; remov",
        ),
        (
            "binary",
            "positive: Yes\ncolumns: {Churn: {values: [J, N]}}",
            "positive: got 'Yes', expected a label of columns.Churn.values: ['J', 'N']",
        ),
        # split
        (
            "binary",
            "split: {test: 0.5, validation: 0.4}",
            "split.test: got 0.5, expected test and validation to be less than 0.9 together, not 0",
        ),
        (
            "binary",
            "split: {method: time}",
            "timestamp: missing, expected a column's name, because split.method is 'time'",
        ),
        (
            "binary",
            "split: {method: group}",
            "split.group: missing, expected a column's name, because split.method is 'group'",
        ),
        (
            "binary",
            "split: {group: household}",
            "split.group: got 'household', expected no group, because split.method is 'random'; ",
        ),
        (
            "binary",
            "split: {method: group, group: Churn}",
            "split.group: got 'Churn', expected another column than target",
        ),
        # metrics
        (
            "binary",
            "search: {metric: rmse}",
            "search.metric: got 'rmse', expected a metric of task 'binary': one of 'roc_auc', ",
        ),
        ("binary", "search: {metric: auc_roc}", "did you mean 'roc_auc'?"),
        ("binary", "search: {metric: acc}", "did you mean 'accuracy'?"),
        ("binary", "candidates: [logistic_regression]", "did you mean 'logistic'?"),
        (
            "regression",
            "gates: {metrics: {RMSE: {max: 1}}}",
            "gates.metrics.RMSE: got 'RMSE', expected a metric of task 'regression': one of 'rms"
            "e', 'mae', 'median_ae', 'r2'; did you mean 'rmse'?",
        ),
        (
            "multiclass",
            "monitor: {quality: {brier: {max: 0.2}}}",
            "monitor.quality.brier: got 'brier', expected a metric of task 'multiclass': one of",
        ),
        (
            "binary",
            "gates: {metrics: {f1: {}}}",
            "gates.metrics.f1: got {}, expected min, max or both; such as {min: 0.8}",
        ),
        ("binary", "gates: {metrics: {f1: }}", "gates.metrics.f1: got {}, expected min, max or"),
        (
            "regression",
            "gates: {metrics: {mae: {min: 3, max: 2}}}",
            "gates.metrics.mae.min: got 3.0, expected at most max, 2.0",
        ),
        (
            "binary",
            "gates: {metrics: {roc_auc: {min: 80}}}",
            "gates.metrics.roc_auc.min: got 80.0, expected from 0 to 1, as roc_auc is; did you "
            "mean 0.8?",
        ),
        # candidates
        (
            "binary",
            "candidates: [logistc, linear]",
            "candidates[0]: got 'logistc', expected a candidate of task 'binary': one of "
            "'logistic', 'random_forest', 'hist_gradient_boosting'; did you mean 'logistic'?\n"
            "  candidates[1]: got 'linear', expected a candidate of task 'binary': one of "
            "'logistic', 'random_forest', 'hist_gradient_boosting'",
        ),
        (
            "regression",
            "candidates: [linear, Random-Forest]",
            "candidates[1]: got 'Random-Forest', expected a candidate of task 'regression': one "
            "of 'linear', 'random_forest', 'hist_gradient_boosting'; did you mean 'random_forest'?",
        ),
        # repeats
        (
            "binary",
            "candidates: [logistic, logistic, logistic]",
            "candidates[1]: got 'logistic', expected each entry once",
        ),
        ("binary", "drop: [a, a]", "drop[1]: got 'a', expected each entry once"),
        (
            "binary",
            "columns: {a b: {values: [x, 1, x]}}",
            "columns.\"a b\".values[2]: got 'x', expected each entry once",
        ),
        # serving
        (
            "binary",
            "serve: {replicas: {min: 5}}",
            "serve.replicas.min: got 5, expected at most max, 3",
        ),
        (
            "binary",
            "serve: {canary: [50, 10, 50]}",
            "serve.canary: got [50, 10, 50], expected each step greater than the one before; "
            "such as [10, 50]",
        ),
        (
            "binary",
            "serve: {watch_s: 3601}",
            "serve.watch_s: got 3601.0, expected at most 3600 with 2 canary steps, 3 hours in all",
        ),
        # columns
        (
            "binary",
            "columns: {a: {min: 2, max: 1}}",
            "columns.a.min: got 2.0, expected at most max, 1.0",
        ),
        (
            "binary",
            "columns: {a: {type: category, max: 1}}",
            "columns.a.max: got 1.0, expected no max, because type is 'category'",
        ),
        (
            "binary",
            "columns: {a: {type: number, values: [1, 2]}}",
            "columns.a.values: got [1, 2], expected no values, because type is 'number'; use min "
            "and max, or type: category",
        ),
        (
            "binary",
            "columns: {a: {min: 0, values: [1, 2]}}",
            "columns.a.values: got [1, 2], expected no values, because min makes it a number",
        ),
        # types of target and timestamp
        (
            "regression",
            "columns: {fare: {type: category}}",
            "columns.fare.type: got 'category', expected 'number', because it is the target and ",
        ),
        (
            "binary",
            "columns: {Churn: {values: [a, b, c]}}",
            "columns.Churn.values: got ['a', 'b', 'c'], expected two labels, because it is the ",
        ),
        (
            "regression",
            "columns: {fare: {values: [1, 2]}}",
            "columns.fare.values: got [1, 2], expected no values, because it is the target and ",
        ),
        (
            "binary",
            "timestamp: a\ncolumns: {a: {type: boolean}}",
            "columns.a.type: got 'boolean', expected 'date' or 'number', because timestamp names",
        ),
    ],
)
def test_parse_contradiction_is_refused(task: str, extra: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{TASKS[task]}{extra}\n")
    assert line in str(refused.value)
    assert len(refused.value.problems) == line.count("\n") + 1


@pytest.mark.parametrize(
    "extra",
    [
        "id: a\nsplit: {method: group, group: a}",
        "id: a\ncolumns: {a: {privacy: hash}}",
        "split: {method: group, group: a}\ncolumns: {a: {privacy: hash}}",
        "timestamp: a\nsplit: {method: time}",
        "positive: 1\ncolumns: {Churn: {type: number, values: [0, 1]}}",
        'positive: "1"\ncolumns: {Churn: {values: [0, 1]}}',
        "columns: {a: {values: [1, '1', 1.0, true]}}",
        "serve: {canary: []}",
        "serve: {canary: [], watch_s: 10800}",
        "gates: {metrics: {log_loss: {max: 3}, f1: {min: 0.5, max: 0.5}}}",
        "monitor: {retrain: {on: []}}",
        "columns: {a: {privacy: hash, protected: true}}",
    ],
)
def test_parse_unusual_but_sound_spec_is_accepted(extra: str) -> None:
    parse(f"{TASKS['binary']}{extra}\n")


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        # What stands in for an unreadable value is not held against the rest.
        ("gates: {metrics: {f1: {min: high}}}", "gates.metrics.f1.min"),
        ("gates: {metrics: {f1: {mim: 0.8}}}", "gates.metrics.f1.mim"),
        ("serve: {replicas: {min: 9, max: many}}", "serve.replicas.max"),
        ("split: {method: time}\ntimestamp: [a]", "timestamp"),
        ("split: {test: 0.8, validation: a}", "split.validation"),
    ],
)
def test_parse_unreadable_value_causes_no_second_problem(extra: str, path: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{TASKS['binary']}{extra}\n")
    assert [problem.path for problem in refused.value.problems] == [path]


@pytest.mark.parametrize("task", ["binry", "clasification", "5", "[a]", ""])
def test_parse_unreadable_task_hides_no_misspelt_name(task: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(
            f"name: a\ntask: {task}\nsource: a.csv\ntarget: y\npositive: Yes\n"
            "candidates: [logistc]\ngates: {metrics: {roc_acu: {min: 0.5}}}\n"
        )
    hints = {problem.path: problem.hint for problem in refused.value.problems}
    assert set(hints) == {"task", "candidates[0]", "gates.metrics.roc_acu"}
    assert hints["candidates[0]"] == "did you mean 'logistic'?"
    assert hints["gates.metrics.roc_acu"] == "did you mean 'roc_auc'?"
