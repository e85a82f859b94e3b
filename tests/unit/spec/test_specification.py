import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.spec import (
    CANDIDATES,
    DATASETS,
    GREATER_IS_BETTER,
    METRICS,
    SEARCH_METRIC,
    Spec,
    SpecProblemsError,
    from_json,
    gain,
    load,
    parse,
    plan,
    schema,
)

EXAMPLES = sorted((Path(__file__).parents[3] / "pipelines" / "specs").glob("*.yaml"))
REQUIRED = "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\n"
DESIGN = """
name: telco-churn
task: binary
source: ["data/churn-*.csv"]
target: Churn
positive: "Yes"
id: customerID
timestamp: null
drop: [notes]
columns:
  TotalCharges: {type: number, missing: [" ", "?"], min: 0}
  gender:       {type: category, values: [Male, Female], protected: true}
  email:        {privacy: hash}
split:      {method: random, test: 0.2, validation: 0.2, seed: 7}
candidates: [logistic, random_forest, hist_gradient_boosting]
search:     {metric: roc_auc, trials: 10, timeout_s: 300, seed: 7}
gates:
  metrics:  {roc_auc: {min: 0.80}}
  champion: {min_gain: 0.0}
serve:
  {replicas: {min: 1, max: 3}, cpu: "500m", memory: 512Mi, canary: [10, 50], latency_ms: 50,
   watch_s: 60, max_error_ratio: 0.01}
monitor:
  {window: 1000, drift: {psi: 0.2}, quality: {roc_auc: {min: 0.75}},
   retrain: {on: [drift, quality], cooldown_s: 3600, min_labels: 500}}
"""

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
bounds = st.fixed_dictionaries({"min": st.floats(0, 0.5), "max": st.floats(0.5, 1)})
public = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["category", "boolean"]),
        "values": st.lists(st.integers() | names | st.booleans(), min_size=1, unique_by=repr),
        "missing": st.lists(names, unique=True),
        "protected": st.booleans(),
        "nullable": st.booleans(),
    },
)
private = st.fixed_dictionaries({"privacy": st.sampled_from(["drop", "hash", "mask"])})
columns = public | private
documents = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True),
        "task": st.just("binary"),
        "source": st.just("a.csv"),
        "target": st.just("the target"),
    },
    optional={
        "positive": st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | names,
        "drop": st.lists(names, unique=True),
        "columns": st.dictionaries(names, columns, max_size=4),
        "candidates": st.permutations(CANDIDATES["binary"]),
        "gates": st.fixed_dictionaries(
            {"metrics": st.dictionaries(st.sampled_from(METRICS["binary"]), bounds)}
        ),
        "serve": st.fixed_dictionaries({"latency_ms": st.floats(1e-3, 1e6)}),
    },
).filter(lambda document: document.get("positive") not in {float("inf"), float("-inf")})


def test_parse_design_example_reads_every_key() -> None:
    spec = parse(DESIGN)
    assert (spec.name, spec.task, spec.target, spec.positive) == (
        "telco-churn",
        "binary",
        "Churn",
        "Yes",
    )
    assert spec.source == ["data/churn-*.csv"]
    assert (spec.id, spec.timestamp, spec.drop) == ("customerID", None, ["notes"])
    assert spec.columns["TotalCharges"].missing == [" ", "?"]
    assert spec.columns["TotalCharges"].min == 0.0
    assert spec.columns["gender"].values == ["Male", "Female"]
    assert spec.columns["gender"].protected
    assert spec.columns["email"].privacy == "hash"
    assert spec.gates.metrics["roc_auc"].min == 0.8
    assert spec.monitor.retrain.on == ["drift", "quality"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_parse_required_keys_alone_gives_careful_defaults(task: str) -> None:
    spec = parse(f"name: a\ntask: {task}\nsource: a.csv\ntarget: y\n")
    assert plan(spec) == list(CANDIDATES[task])
    assert spec.search.metric == SEARCH_METRIC[task]
    assert (spec.search.trials, spec.search.timeout_s, spec.search.seed) == (10, 300.0, 7)
    assert spec.split.model_dump() == {
        "method": "random",
        "test": 0.2,
        "validation": 0.2,
        "seed": 7,
        "group": None,
    }
    assert spec.gates.model_dump() == {"metrics": {}, "champion": {"min_gain": 0.0}}
    assert spec.serve.model_dump() == {
        "replicas": {"min": 1, "max": 3},
        "cpu": "500m",
        "memory": "512Mi",
        "canary": [10, 50],
        "latency_ms": 50.0,
        "watch_s": 60.0,
        "max_error_ratio": 0.01,
    }
    assert spec.monitor.model_dump() == {
        "window": 1000,
        "drift": {"psi": 0.2},
        "quality": {},
        "retrain": {
            "on": ["drift", "quality"],
            "cooldown_s": 3600.0,
            "min_labels": 500,
            "max_per_day": 4,
            "every_s": None,
        },
    }
    assert (spec.positive, spec.id, spec.timestamp, spec.drop, spec.columns) == (
        None,
        None,
        None,
        [],
        {},
    )


def test_parse_empty_sections_mean_the_defaults() -> None:
    empty = "".join(f"{key}:\n" for key in ("id", "drop", "columns", "split", "search", "serve"))
    assert parse(f"{REQUIRED}{empty}monitor:\n  drift:\n") == parse(REQUIRED)


def test_parse_empty_column_is_all_inferred() -> None:
    column = parse(f"{REQUIRED}columns:\n  a:\n  No: {{nullable: false}}\n").columns
    assert column["a"].type is None
    assert column["No"].nullable is False


def test_parse_partial_search_keeps_the_tasks_metric() -> None:
    assert parse(f"{REQUIRED}search: {{trials: 3}}\n").search.metric == "roc_auc"


@pytest.mark.parametrize(
    ("text", "positive"),
    [("Yes", "Yes"), ("1", 1), ('"1"', "1"), ("true", True), ("0.5", 0.5), ("007", "007")],
)
def test_parse_positive_keeps_its_type(text: str, positive: object) -> None:
    spec = parse(f"{REQUIRED}positive: {text}\n")
    assert spec.positive == positive
    assert type(from_json(spec.to_json()).positive) is type(positive)


@pytest.mark.parametrize(
    ("written", "read"),
    [("2", "2"), ("0.5", "0.5"), ("500m", "500m"), ("1.0", "1"), ('"1"', "1")],
)
def test_parse_cpu_may_be_a_number(written: str, read: str) -> None:
    assert parse(f"{REQUIRED}serve: {{cpu: {written}}}\n").serve.cpu == read


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ("sourse: x", "sourse: got 'x', expected a key of the spec: one of 'name', 'task', 'sour"),
        ("sourse: x", "; did you mean 'source'?"),
        ("trials: 5", "; did you mean 'search.trials'?"),
        ("seed: 5", "; did you mean 'split.seed' or 'search.seed'?"),
        (
            "columns: {a: {privcy: hash}}",
            "columns.a.privcy: got 'hash', expected a key of columns.a: one of 'type', 'missing', "
            "'decimal', 'thousands', 'formats', 'min', 'max', 'values', 'nullable', 'unique', "
            "'clip', 'protected', 'privacy'; did you mean 'privacy'?",
        ),
        ("'[key]': 1", '"[key]": got 1, expected a key of the spec: one of '),
        ('"\\e[31m": 1', '"\\u001b[31m": got 1, expected a key of the spec: one of '),
        ("zzz: 1", "zzz: got 1, expected a key of the spec: one of "),
        (
            "columns: {a: {type: nummer}}",
            "columns.a.type: got 'nummer', expected one of 'number', 'category', 'boolean', "
            "'date'; did you mean 'number'?",
        ),
        ("split: {method: tiem}\ntimestamp: a", "did you mean 'time'?"),
        ("monitor: {retrain: {on: [drfit]}}", "monitor.retrain.on[0]: got 'drfit', expected one"),
        ("monitor: {retrain: {max_per_day: 0}}", "max_per_day: got 0, expected a whole number, 1"),
        ("monitor: {retrain: {every_s: 0}}", "retrain.every_s: got 0, expected a number above 0"),
        ("id: 5", 'id: got 5, expected a column\'s name, as text; put it in quotes: "5"'),
        ("id: ''", "id: got '', expected a column's name, as text"),
        ("drop: notes", "drop: got 'notes', expected a list, such as [a, b]; write [notes]"),
        ("drop: [1]", 'drop[0]: got 1, expected a column\'s name, as text; put it in quotes: "1"'),
        ("columns: {'': {}}", "columns.\"\": got '', expected a column's name, as text"),
        ("columns: [a]", "columns: got ['a'], expected a mapping of keys to values"),
        ("columns: {a: number}", "columns.a: got 'number', expected a mapping of keys to values"),
        ("columns: {a: {missing: [-1]}}", "missing[0]: got -1, expected text; put it in quotes: "),
        ("columns: {a: {protected: yes}}", "got 'yes', expected true or false; did you mean true?"),
        ("columns: {a: {protected: off}}", "did you mean false?"),
        ("columns: {a: {min: .nan}}", "columns.a.min: got nan, expected a number"),
        ("columns: {a: {values: []}}", "columns.a.values: got [], expected at least one entry"),
        ("positive: [a]", "positive: got ['a'], expected text, a number, true or false"),
        ("positive: .inf", "positive: got inf, expected text, a number, true or false"),
        ("split: {test: 1.2}", "split.test: got 1.2, expected a number above 0 and below 1"),
        ("split: {test: '0.2'}", "split.test: got '0.2', expected a number above 0 and below 1"),
        ("split: {seed: -1}", "split.seed: got -1, expected a whole number from 0 to 4294967295"),
        ("search: {trials: 0}", "search.trials: got 0, expected a whole number, 1 or more"),
        ("search: {trials: 2.5}", "search.trials: got 2.5, expected a whole number, 1 or more"),
        ("search: {trials: true}", "search.trials: got True, expected a whole number, 1 or more"),
        ("search: []", "search: got [], expected a mapping of keys to values"),
        ("candidates: []", "candidates: got [], expected at least one entry"),
        ("serve: {canary: [0]}", "serve.canary[0]: got 0, expected a whole number from 1 to 99"),
        ("serve: {canary: [100]}", "serve.canary[0]: got 100, expected a whole number from 1 to"),
        ("serve: {cpu: 500Mi}", "serve.cpu: got '500Mi', expected an amount of CPU, such as '500"),
        ("serve: {cpu: 0}", "serve.cpu: got '0', expected an amount of CPU, such as '500m' or '2'"),
        (
            "serve: {memory: 512m}",
            "serve.memory: got '512m', expected an amount of memory of at least 16Mi, such as "
            "'512Mi' or '2Gi'; did you mean '512Mi'?",
        ),
        ("serve: {memory: 2 GB}", "did you mean '2Gi'?"),
        ("serve: {memory: 512}", "serve.memory: got '512', expected an amount of memory of at l"),
        ("serve: {memory: 100Ki}", "got '100Ki', expected an amount of memory of at least 16Mi"),
        ("serve: {max_error_ratio: 5}", "got 5, expected a number from 0 to 1"),
        ("monitor: {window: 5}", "monitor.window: got 5, expected a whole number, 10 or more"),
    ],
)
def test_parse_wrong_key_or_value_is_refused(extra: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}{extra}\n")
    assert line in str(refused.value)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Telco Churn", "did you mean 'telco-churn'?"),
        ("telco_churn", "did you mean 'telco-churn'?"),
        ("2-telco-", "did you mean 'telco'?"),
        ("x" * 41, f"did you mean '{'x' * 40}'?"),
        ("___", "(a DNS label)"),
    ],
)
def test_parse_name_that_is_no_dns_label_is_corrected(name: str, hint: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(REQUIRED, [f'name="{name}"'])
    assert str(refused.value).endswith(hint)


def test_parse_missing_keys_are_described() -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse("drop: [a]\n")
    assert str(refused.value) == (
        "the spec has 4 problems:\n"
        "  name: missing, expected what the run, the model and the InferenceService are called: "
        "a DNS label\n"
        "  task: missing, expected what is learned: binary (one of two labels), multiclass (one "
        "of several) or regression (a number)\n"
        "  source: missing, expected where the rows are: a path, a glob, file://, s3://, gs://, "
        "https:// or sklearn://NAME, or a list of them; CSV (also .gz), Parquet or JSON lines. A "
        "relative path is relative to the spec's folder\n"
        "  target: missing, expected the column that is predicted"
    )


def test_parse_all_kinds_of_problems_come_in_one_message() -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(
            "name: Bad Name\ntask: binry\nsource: ftp://x/y\ntarget: y\nid: y\nsorce: z\n"
            "candidates: [logistc, logistic, logistic]\nsplit: {test: 2, validation: 0.95}\n"
            "columns: {a: {type: numbr, min: 5, max: 3}}\nserve: {cpu: lots, canary: [50, 10]}\n"
            "gates: {metrics: {roc_acu: {min: 0.5}, f1: {}}}\nname: again\n",
            ["oops"],
        )
    assert [problem.path for problem in refused.value.problems] == [
        "name",
        "--set",
        "name",
        "task",
        "source[0]",
        "columns.a.type",
        "split.test",
        "serve.cpu",
        "sorce",
        "id",
        "gates.metrics.roc_acu",
        "gates.metrics.f1",
        "candidates[0]",
        "candidates[2]",
        "serve.canary",
        "columns.a.min",
    ]


def test_parse_many_problems_are_all_kept_and_the_first_hundred_shown() -> None:
    keys = "".join(f"unknown_{n}: 1\n" for n in range(130))
    with pytest.raises(SpecProblemsError) as refused:
        parse(REQUIRED + keys)
    assert len(refused.value.problems) == 130
    assert str(refused.value).endswith("\n  and 30 more")


@given(
    text=st.dictionaries(st.sampled_from(sorted(Spec.model_fields)), values).map(json.dumps),
    overrides=st.lists(st.text(max_size=10), max_size=2),
)
def test_parse_anything_gives_a_spec_or_plain_problems(text: str, overrides: list[str]) -> None:
    message = ""
    try:
        parse(text, overrides)
    except SpecProblemsError as refused:
        message = str(refused)
    assert "pydantic" not in message.lower()
    assert "<object" not in message
    assert "another value" not in message


@given(documents)
def test_to_json_round_trips_exactly(document: dict[str, Any]) -> None:
    spec = Spec.model_validate(document)
    text = spec.to_json()
    assert from_json(text) == spec
    assert from_json(text).to_json() == text
    assert from_json(text).digest() == spec.digest()


def test_to_json_is_yaml_with_sorted_keys() -> None:
    spec = parse(f"{REQUIRED}drop: [größe, 😀, 'a\"b']\n")
    assert parse(spec.to_json()) == spec
    assert list(json.loads(spec.to_json())) == sorted(Spec.model_fields)


@pytest.mark.parametrize("document", ["{", "[]", "null", '{"name": NaN}', "[" * 100_000])
def test_from_json_other_text_is_refused(document: str) -> None:
    with pytest.raises(SpecProblemsError):
        from_json(document)


def test_from_json_contradiction_is_refused() -> None:
    content = json.loads(parse(REQUIRED).to_json()) | {"id": "Churn"}
    with pytest.raises(
        SpecProblemsError, match="id: got 'Churn', expected another column than target"
    ):
        from_json(json.dumps(content))


def test_from_json_half_a_surrogate_pair_is_refused() -> None:
    content = json.loads(parse(REQUIRED).to_json()) | {"drop": ["\ud800"]}
    with pytest.raises(SpecProblemsError) as refused:
        from_json(json.dumps(content))
    assert "drop[0]: got '\\ud800', expected a column's name, as text" in str(refused.value)


def test_digest_serving_monitoring_and_place_do_not_count() -> None:
    base = parse(REQUIRED)
    moved = parse(REQUIRED, ["serve.replicas.max=9", "monitor.window=50", "source=/b.csv"])
    assert moved.digest() == base.digest()
    assert base.digest().startswith("sha256:")
    assert len(base.digest()) == 71


@pytest.mark.parametrize(
    "assignment",
    ["search.seed=8", "drop=[a]", "gates.champion.min_gain=0.1", "positive=Yes", "split.test=0.3"],
)
def test_digest_what_decides_the_model_counts(assignment: str) -> None:
    assert parse(REQUIRED, [assignment]).digest() != parse(REQUIRED).digest()


def test_digest_order_of_keys_does_not_count() -> None:
    lines = DESIGN.strip().split("\n")
    assert lines[0] == "name: telco-churn"
    assert parse("\n".join([*lines[1:], lines[0]])).digest() == parse(DESIGN).digest()


def test_plan_keeps_the_order_of_the_spec() -> None:
    spec = parse(f"{REQUIRED}candidates: [random_forest, logistic]\n")
    assert plan(spec) == ["random_forest", "logistic"]


def test_spec_is_immutable() -> None:
    spec = parse(REQUIRED)
    with pytest.raises(ValidationError):
        spec.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("metric", "challenger", "champion", "expected"),
    [("roc_auc", 0.75, 0.5, 0.25), ("rmse", 2.0, 3.0, 1.0), ("log_loss", 0.5, 0.25, -0.25)],
)
def test_gain_positive_where_the_challenger_is_better(
    metric: str, challenger: float, champion: float, expected: float
) -> None:
    assert gain(metric, challenger, champion) == expected


def test_vocabulary_every_metric_has_a_direction() -> None:
    assert {"roc_auc", "r2", "f1", "recall"} <= GREATER_IS_BETTER
    assert not GREATER_IS_BETTER & {"rmse", "mae", "median_ae", "log_loss", "brier"}
    assert set(METRICS) == set(CANDIDATES) == set(SEARCH_METRIC)
    assert all(SEARCH_METRIC[task] in METRICS[task] for task in METRICS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_load_example_reads_and_names_itself(path: Path) -> None:
    spec = load(path)
    assert spec.name == path.stem
    assert spec.source[0].removeprefix("sklearn://") in DATASETS
    assert spec.gates.metrics


def test_examples_cover_every_task() -> None:
    assert {load(path).task for path in EXAMPLES} == set(METRICS)


def test_schema_every_key_is_described_and_none_is_added() -> None:
    described = schema()
    models = [described, *(m for m in described["$defs"].values() if m["type"] == "object")]
    assert len(models) == 16
    for model in models:
        assert model["additionalProperties"] is False
        for key, entry in model["properties"].items():
            assert entry.get("description"), f"{model['title']}.{key}"
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert described["required"] == ["name", "task", "source", "target"]


def test_schema_accepts_examples_and_refuses_a_misspelt_name() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    for path in EXAMPLES:
        validator.validate(json.loads(load(path).to_json()))
    content = json.loads(parse(REQUIRED).to_json()) | {"candidates": ["logistc"]}
    assert "'logistc' is not one of" in next(validator.iter_errors(content)).message


def test_import_is_light() -> None:
    heavy = "{'kfp', 'sklearn', 'pandas', 'polars', 'numpy', 'mlflow'}"
    program = f"import sys, components.spec; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
