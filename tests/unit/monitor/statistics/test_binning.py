import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import BundleError
from components.monitor.statistics.binning import Reference, read_reference
from components.monitor.statistics.drift import judge_drift
from components.package.reference import category_counts, date_counts, number_bins

Build = Callable[..., Reference]
NUMBERS = st.lists(st.one_of(st.none(), st.floats(-50, 50, width=32)), min_size=1, max_size=30)
TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "z", ""])), min_size=1)


def cells(reference: Reference, name: str, features: dict[str, Any]) -> list[int]:
    rows = max(len(values) for values in features.values())
    counts = reference.count(features, ["No"] * rows)
    column = next(column for column in reference.features if column.name == name)
    return reference.cells(counts, column).tolist()


def test_count_of_a_number_is_by_edges_range_and_missing(reference: Build) -> None:
    known = reference({"x": np.arange(1, 11, dtype=np.float64)})
    # Edges 2 to 10, range 1 to 10: below, ten bins, above, missing.
    found = cells(known, "x", {"x": [0.5, 1, 1.5, 2, 9.9, 10, 10.5, None, None]})
    assert found == [1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2]


def test_count_of_training_values_gives_the_reference_itself(reference: Build) -> None:
    values = np.random.default_rng(0).normal(size=500).astype(np.float32).astype(np.float64)
    values[::7] = np.nan
    texts = ["a"] * 300 + ["b"] * 150 + [""] * 50
    known = reference({"x": values, "t": texts}, ["No"] * 400 + ["Yes"] * 100)
    sent = [None if np.isnan(value) else float(value) for value in values]
    answers = ["No"] * 400 + ["Yes"] * 100
    counts = known.count({"x": sent, "t": [text or None for text in texts]}, answers)
    for column in (*known.features, known.prediction):
        assert column is not None
        assert known.cells(counts, column).tolist() == column.reference.tolist()


def test_count_of_a_number_is_of_the_float32_that_the_model_gets(reference: Build) -> None:
    third = float(np.float32(0.1))
    known = reference({"x": np.array([0.0] * 50 + [third] * 50)})
    # 0.1 in JSON is less than the float32 edge made of it; to the model they are the same.
    assert cells(known, "x", {"x": [0.1]}) == [0, 0, 1, 0, 0]


def test_count_of_a_number_too_large_for_float32_is_above(reference: Build) -> None:
    known = reference({"x": np.arange(10.0)})
    assert cells(known, "x", {"x": [1e300, -1e300]})[-2:] == [1, 0]
    assert cells(known, "x", {"x": [1e300, -1e300]})[0] == 1


def test_count_by_a_reference_without_range_calls_nothing_out_of_range() -> None:
    old = number_bins(np.arange(10.0))
    del old["min"], old["max"]
    inputs = [{"name": "x", "dtype": "float32"}]
    known = read_reference({"features": {"x": old}}, {"signature": {"inputs": inputs}})
    found = cells(known, "x", {"x": [-1e9, 1e9, 1e300, None]})
    assert (found[0], found[1], found[-3], found[-2], found[-1]) == (0, 1, 2, 0, 1)


def test_count_of_a_category_tells_missing_from_unseen(reference: Build) -> None:
    known = reference({"t": ["a", "b", "b"]}, inputs={"t": {"missing": ["?"]}})
    found = cells(known, "t", {"t": ["a", "b", "b", "z", None, "", "?"]})
    assert found == [1, 2, 0, 1, 3]


def test_count_of_a_category_beyond_the_hundredth_is_other_where_the_signature_knows_it(
    reference: Build,
) -> None:
    names = [f"c{i:03}" for i in range(120)]
    known = reference({"t": [*names, *names[:100]]}, inputs={"t": {"categories": names}})
    assert cells(known, "t", {"t": ["c119", "never"]})[-3:] == [1, 1, 0]


def test_count_of_an_unknown_category_is_other_where_nobody_knows_all(reference: Build) -> None:
    names = [f"c{i:03}" for i in range(120)]
    known = reference({"t": [*names, *names[:100]]})
    assert cells(known, "t", {"t": ["c119", "never"]})[-3:] == [2, 0, 0]


def test_count_of_a_truth_value_reads_every_spelling(reference: Build) -> None:
    known = reference({"t": ["true", "false", "true"]}, inputs={"t": {"boolean": True}})
    found = cells(known, "t", {"t": ["TRUE", "yes", " 1 ", "F", "maybe", None]})
    assert found == [1, 3, 0, 1, 1]


@pytest.mark.parametrize(
    "classes", [[0, 1], [False, True], ["No", "Yes"]], ids=["int", "bool", "text"]
)
def test_count_of_labels_takes_a_class_as_its_value_or_its_text(
    reference: Build, classes: list[Any]
) -> None:
    known = reference({}, [str(label) for label in classes], classes=classes)
    texts = [json.dumps(label).strip('"') for label in classes]
    counts = known.count(None, [classes[0], texts[0], classes[1], texts[1], texts[1]])
    assert known.prediction is not None
    assert known.cells(counts, known.prediction).tolist() == [2, 3, 0, 0, 0]


def test_count_of_predicted_values_is_exact(reference: Build) -> None:
    # A regression answers float64: two values that are one float32 are two here.
    values = np.array([1.0] * 50 + [1.0 + 1e-9] * 50)
    known = reference({}, values)
    counts = known.count(None, [1.0, 1.0 + 1e-9, 2])
    assert known.prediction is not None
    assert known.cells(counts, known.prediction).tolist() == [0, 1, 1, 1, 0]


def test_count_without_features_counts_answers_alone(reference: Build) -> None:
    known = reference({"x": np.arange(10.0)}, ["No", "Yes"])
    counts = known.count(None, ["No"])
    assert (counts.rows, int(counts.cells.sum())) == (1, 1)


def test_count_of_a_feature_that_was_not_sent_is_missing(reference: Build) -> None:
    known = reference({"x": np.arange(10.0), "t": ["a"]}, ["No"])
    counts = known.count({"unknown": [1.0, 2.0]}, ["No", "No"])
    assert [int(known.cells(counts, column)[-1]) for column in known.features] == [2, 2]


def test_count_of_a_feature_named_prediction_is_kept_apart(reference: Build) -> None:
    known = reference({"prediction": ["a", "b"]}, ["No", "Yes"])
    counts = known.count({"prediction": ["a"]}, ["Yes"])
    assert known.cells(counts, known.features[0]).tolist() == [1, 0, 0, 0, 0]
    assert known.to_document(counts)["prediction"] == [0, 1, 0, 0, 0]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(NUMBERS, TEXTS)
def test_counts_merge_by_addition_and_survive_json(
    reference: Build, numbers: list[float | None], texts: list[str | None]
) -> None:
    known = reference({"x": np.arange(-5.0, 5.0), "t": ["a", "b", "b", "c"]}, ["No", "Yes"])
    rows = min(len(numbers), len(texts))
    features = {"x": numbers[:rows], "t": texts[:rows]}
    whole = known.count(features, ["No"] * rows)
    total = known.empty
    for row in range(rows):
        single = {name: values[row : row + 1] for name, values in features.items()}
        total = total + known.count(single, ["No"])
    assert total == whole
    assert whole - total == known.empty
    stored = json.loads(json.dumps(known.to_document(whole)))
    assert known.from_document(stored) == whole
    for column in known.features:
        assert int(known.cells(whole, column).sum()) == rows


def test_from_document_by_another_reference_is_refused(reference: Build) -> None:
    known, other = reference({"x": np.arange(10.0)}), reference({"x": np.arange(3.0)})
    document = other.to_document(other.count({"x": [1.0]}, [0]))
    with pytest.raises(BundleError, match="'x' do not fit the version's reference.json"):
        known.from_document(document)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"kind": "text"}, "describes 't' as 'text': expected one of 'number', 'category', 'date'"),
        ([], "describes 't' as None"),
        (number_bins(np.arange(9.0)) | {"edges": [1.0]}, "describes 't' in a way"),
        (number_bins(np.arange(3.0)) | {"edges": [2.0, 1.0]}, "describes 't' in a way"),
        (number_bins(np.arange(3.0)) | {"counts": [-1, 2, 2]}, "describes 't' in a way"),
        (category_counts(["a"]) | {"counts": ["1"]}, "describes 't' in a way"),
        ({"kind": "category"}, "describes 't' in a way"),
    ],
    ids=["kind", "list", "length", "order", "negative", "text", "empty"],
)
def test_read_reference_that_is_malformed_is_refused_by_the_features_name(
    described: Any, said: str
) -> None:
    bundle = {"signature": {"inputs": [{"name": "t", "dtype": "string"}]}}
    with pytest.raises(BundleError, match=said):
        read_reference({"features": {"t": described}}, bundle)


def test_read_reference_leaves_out_what_is_no_input(reference: Build) -> None:
    document = {"features": {"x": number_bins(np.arange(3.0)), "y": number_bins(np.arange(3.0))}}
    inputs = [{"name": "y", "dtype": "float32"}, {"name": "when", "dtype": "date"}]
    known = read_reference(document, {"signature": {"inputs": inputs}})
    assert [column.name for column in known.features] == ["y"]
    assert known.prediction is None
    assert known.count({"y": [1.0], "x": [2.0]}, ["No"]).rows == 1


def test_read_reference_of_a_date_counts_whether_it_is_there() -> None:
    document = {"features": {"when": date_counts(np.array(["2026-11-20", "NaT"], "M8[us]"))}}
    inputs = [{"name": "when", "dtype": "date", "missing": ["never"]}]
    known = read_reference(document, {"signature": {"inputs": inputs}})
    counted = known.count({"when": ["2031-01-01", None, "never", "20.11.2026"]}, ["No"] * 4)
    [column] = known.features
    shown = dict(zip(column.labels, known.cells(counted, column).tolist(), strict=True))
    assert shown == {"(a date)": 2, "(other)": 0, "(unseen)": 0, "(missing)": 2}
    assert column.reference.tolist() == [1, 0, 0, 1]


def test_judge_drift_dates_that_go_on_do_not_warn_and_missing_ones_do() -> None:
    moments = np.arange("2020-01-01", "2024-01-01", dtype="M8[D]").astype("M8[us]")
    document = {"features": {"when": date_counts(moments)}}
    bundle = {"signature": {"inputs": [{"name": "when", "dtype": "date"}]}}
    known = read_reference(document, bundle)
    later = known.count({"when": ["2026-11-20"] * 1000}, ["No"] * 1000)
    gone = known.count({"when": ["2026-11-20"] * 500 + [None] * 500}, ["No"] * 1000)
    assert [judge_drift(known, counts, 0.2).status for counts in (later, gone)] == [
        "ok",
        "critical",
    ]


def test_labels_of_close_edges_tell_them_apart(reference: Build) -> None:
    known = reference({"x": 1_795_176_000.0 + 128 * np.arange(10.0)})
    labels = known.features[0].labels
    assert len(set(labels)) == len(labels) == 11
    assert labels[0] == "< 1795176128"
    assert labels[-1] == "(missing)"


def test_labels_of_fractions_have_six_digits(reference: Build) -> None:
    known = reference({"x": np.arange(10.0) / 3})
    assert known.features[0].labels[:2] == ("< 0.333333", "0.333333 to 0.666667")
