from typing import Any

import pytest

from components.spec import SpecProblemsError, parse
from components.spec.overrides import override

REQUIRED = "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\n"


@pytest.mark.parametrize(
    ("assignment", "document"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=x", {"a": {"b": {"c": "x"}}}),
        ("a = x ", {"a": "x"}),
        ("a=", {"a": None}),
        ("a=Yes", {"a": "Yes"}),
        ('a="1"', {"a": "1"}),
        ("a=[x, 2]", {"a": ["x", 2]}),
        ("a={min: 0.5}", {"a": {"min": 0.5}}),
        ("a=*.csv", {"a": "*.csv"}),
        ("a=>50K", {"a": ">50K"}),
        ("a=x=y", {"a": "x=y"}),
        ("a=s3://bucket/rows: all #1", {"a": "s3://bucket/rows: all #1"}),
        ('columns."my.col".min=0', {"columns": {"my.col": {"min": 0}}}),
        ("columns.my col.min=0", {"columns": {"my col": {"min": 0}}}),
    ],
)
def test_override_assignment_is_written(assignment: str, document: dict[str, Any]) -> None:
    target: dict[str, Any] = {}
    assert override(target, [assignment]) == []
    assert target == document


def test_override_later_assignment_wins() -> None:
    document: dict[str, Any] = {"serve": None, "task": "binary"}
    assert override(document, ["serve.cpu=1", "serve.cpu=2", "task=regression"]) == []
    assert document == {"serve": {"cpu": 2}, "task": "regression"}


@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        (
            "trials",
            "--set: got 'trials', expected KEY=VALUE with a dotted key; such as 'search.trials=20'",
        ),
        ("=5", "--set: got '=5', expected KEY=VALUE with a dotted key; "),
        ("a..b=5", "--set: got 'a..b=5', expected KEY=VALUE with a dotted key; "),
        ("a.=5", "--set: got 'a.=5', expected KEY=VALUE with a dotted key; "),
        (
            "task.kind=x",
            "task.kind: got 'x', expected a mapping at 'task', which holds 'binary'; set 'task' "
            "as a whole",
        ),
        ("drop.0=x", "drop.0: got 'x', expected a mapping at 'drop', which holds ['a']; set 'd"),
        ("drop=[a", "drop: got '[a', expected a value in YAML; check quotes and brackets"),
        ("drop=[a, *b]", "drop[1]: got '*b', expected no YAML alias; line 1"),
        ("serch.trials=5", "serch: got {'trials': 5}, expected a key of the spec: "),
    ],
)
def test_parse_bad_override_is_a_problem(assignment: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}drop: [a]\n", [assignment])
    assert line in str(refused.value)


def test_parse_bad_overrides_and_bad_values_come_together() -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}search: {{trials: 0}}\n", ["oops", "task.x=1", "serve.cpu=lots"])
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["--set", "task.x", "search.trials", "serve.cpu"]


def test_parse_override_replaces_a_wrong_value() -> None:
    assert parse(f"{REQUIRED}search: {{trials: 0}}\n", ["search.trials=3"]).search.trials == 3
