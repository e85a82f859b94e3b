from collections.abc import Callable

import numpy as np
import pytest

from components.monitor.statistics.binning import Reference
from components.monitor.statistics.drift import dataset_ratio, judge_drift, p_value_limit

Build = Callable[..., Reference]


@pytest.fixture
def normal() -> np.random.Generator:
    return np.random.default_rng(5)


def test_judge_drift_of_the_same_distribution_is_ok(
    reference: Build, normal: np.random.Generator
) -> None:
    known = reference({"x": normal.normal(size=5000)}, ["No"] * 700 + ["Yes"] * 300)
    counts = known.count({"x": normal.normal(size=1000)}, ["No"] * 690 + ["Yes"] * 310)
    found = judge_drift(known, counts, 0.2)
    assert found.status == "ok"
    assert found.drifted_ratio == 0
    assert found.prediction is not None
    assert not found.prediction.drifted
    assert sum(found.features["x"].counts) == 1000
    assert sum(found.features["x"].reference) == 5000
    assert len(found.features["x"].counts) == len(found.features["x"].labels) == 11


@pytest.mark.parametrize(
    ("shift", "limit", "status"),
    [
        (0.45, 0.2, "warning"),
        (1.0, 0.2, "critical"),
        (1.0, 2.0, "warning"),
        (0.2, 0.02, "critical"),
    ],
    ids=["small", "large", "large-by-a-lax-limit", "small-by-a-strict-limit"],
)
def test_judge_drift_of_a_shift_is_by_the_specs_limit(
    reference: Build, normal: np.random.Generator, shift: float, limit: float, status: str
) -> None:
    known = reference({"x": normal.normal(size=20_000)})
    counts = known.count({"x": normal.normal(shift, 1, size=4000)}, [0] * 4000)
    found = judge_drift(known, counts, limit)
    assert (found.features["x"].status, found.status) == (status, status)


def test_judge_drift_of_a_certain_but_small_difference_is_ok(
    reference: Build, normal: np.random.Generator
) -> None:
    # Of 100,000 rows a tenth of a sigma is certain, and its index of 0.01 is nobody's concern.
    known = reference({"x": normal.normal(size=100_000)})
    counts = known.count({"x": normal.normal(0.1, 1, size=100_000)}, [0] * 100_000)
    column = judge_drift(known, counts, 0.2).features["x"]
    assert column.p_value < 1e-20
    assert 0 < column.psi < 0.05
    assert column.status == "ok"


def test_judge_drift_of_a_large_difference_that_may_be_chance_is_ok(reference: Build) -> None:
    known = reference({"x": np.arange(1000.0)})
    counts = known.count({"x": np.arange(12.0) * 20 + 700}, [0] * 12)
    column = judge_drift(known, counts, 0.2).features["x"]
    assert column.psi > 0.2
    assert column.status == "ok"


def test_judge_drift_asks_for_a_smaller_p_value_of_more_features(reference: Build) -> None:
    training = {f"x{i}": np.arange(1000.0) for i in range(200)}
    live = np.concatenate([np.arange(0, 1000, 4), np.arange(0, 200, 3)])
    found = {}
    for names in (["x0"], list(training)):
        known = reference({name: training[name] for name in names})
        counts = known.count(dict.fromkeys(names, live), [0] * len(live))
        found[len(names)] = judge_drift(known, counts, 0.2).features["x0"]
    assert found[1].psi == found[200].psi > 0.05
    assert 0.001 / 200 < found[1].p_value == found[200].p_value < 0.001
    assert (found[1].status, found[200].status) == ("warning", "ok")


def test_judge_drift_shares_are_of_the_columns_rows(reference: Build) -> None:
    known = reference({"x": np.arange(10.0), "t": ["a", "b"]})
    features = {"x": [-1.0, 5.0, 99.0, 98.0, None], "t": ["z", "a", None, None, "a"]}
    counts = known.count(features, [0] * 5) + known.count(None, [0] * 95)
    found = judge_drift(known, counts, 0.2).features
    x, t = found["x"], found["t"]
    assert (x.missing, x.unseen, x.below, x.above) == (0.2, 0.0, 0.2, 0.4)
    assert (t.missing, t.unseen, t.below, t.above) == (0.4, 0.2, 0.0, 0.0)
    # What is out of range is shown in the outermost bins.
    assert (x.counts[0], x.counts[-2], x.counts[-1]) == (1, 2, 1)


def test_judge_drift_of_half_the_features_is_critical(
    reference: Build, normal: np.random.Generator
) -> None:
    names = [f"x{i}" for i in range(4)]
    known = reference({name: normal.normal(size=20_000) for name in names})
    for drifted in (1, 2):
        shifts = [0.4 if at < drifted else 0.0 for at in range(4)]
        live = {n: normal.normal(s, 1, 4000) for n, s in zip(names, shifts, strict=True)}
        found = judge_drift(known, known.count(live, [0] * 4000), 0.2)
        assert {c.status for c in found.features.values()} == {"ok", "warning"}
        assert found.drifted_ratio == drifted / 4
        assert found.status == ("warning" if drifted == 1 else "critical")


def test_judge_drift_of_one_feature_of_one_is_no_drift_of_the_data_set(
    reference: Build, normal: np.random.Generator
) -> None:
    known = reference({"x": normal.normal(size=20_000)})
    counts = known.count({"x": normal.normal(0.4, 1, 4000)}, [0] * 4000)
    found = judge_drift(known, counts, 0.2)
    assert (found.drifted_ratio, found.status) == (1.0, "warning")
    assert [dataset_ratio(features) for features in (1, 2, 3, 4, 100)] == [2, 1, 2 / 3, 0.5, 0.5]


def test_judge_drift_of_answers_alone_counts(reference: Build) -> None:
    known = reference({"x": np.arange(10.0)}, ["No"] * 700 + ["Yes"] * 300)
    counts = known.count(None, ["No"] * 300 + ["Yes"] * 700)
    found = judge_drift(known, counts, 0.2)
    assert found.prediction is not None
    assert found.prediction.status == found.status == "critical"
    assert (found.features["x"].p_value, found.features["x"].status) == (1.0, "ok")


def test_judge_drift_against_the_previous_version_changes_no_status(reference: Build) -> None:
    known = reference({}, ["No"] * 700 + ["Yes"] * 300)
    counts = known.count(None, ["No"] * 700 + ["Yes"] * 300)
    previous = known.count(None, ["No"] * 300 + ["Yes"] * 700)
    found = judge_drift(known, counts, 0.2, previous)
    assert found.status == "ok"
    assert found.previous is not None
    assert found.previous.status == "critical"
    assert found.previous.reference[:2] == (300, 700)
    assert judge_drift(known, counts, 0.2).previous is None


def test_judge_drift_without_columns_is_ok(reference: Build) -> None:
    known = reference({})
    found = judge_drift(known, known.count({}, ["No"]), 0.2)
    assert (found.status, found.features, found.prediction) == ("ok", {}, None)


def test_p_value_limit_is_shared_by_the_features() -> None:
    assert [p_value_limit(features) for features in (0, 1, 10)] == [0.001, 0.001, 0.0001]


def test_judge_drift_of_a_window_of_thirty_rows_sees_what_is_plain(reference: Build) -> None:
    known = reference({"x": np.arange(1000.0)})
    counts = known.count({"x": [995.0] * 30}, [0] * 30)
    assert judge_drift(known, counts, 0.2).status == "critical"
    counts = known.count({"x": np.arange(0, 1000, 33.4).tolist()}, [0] * 30)
    assert judge_drift(known, counts, 0.2).status == "ok"
