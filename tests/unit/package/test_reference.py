import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.package.reference import category_counts, date_counts, number_bins


def test_number_bins_of_many_values_are_deciles() -> None:
    found = number_bins(np.arange(1000.0))
    assert len(found["edges"]) == 9
    assert found["counts"] == [100] * 10
    assert found["missing"] == 0
    assert (found["min"], found["max"]) == (0.0, 999.0)


def test_number_bins_of_a_rare_flag_tell_its_values_apart() -> None:
    found = number_bins(np.array([0.0] * 95 + [1.0] * 5))
    assert (found["edges"], found["counts"]) == ([1.0], [95, 5])


def test_number_bins_of_mostly_zeros_give_zero_a_bin_of_its_own() -> None:
    found = number_bins(np.concatenate([np.zeros(900), np.arange(1.0, 101.0)]))
    assert found["edges"][0] == 1.0
    assert found["counts"][0] == 900


def test_number_bins_count_missing_and_infinite_values_apart() -> None:
    found = number_bins(np.array([np.nan, 1.0, 2.0, np.inf]))
    assert sum(found["counts"]) == 2
    assert found["missing"] == 2
    assert (found["min"], found["max"]) == (1.0, 2.0)


def test_number_bins_without_values_have_one_empty_bin() -> None:
    found = number_bins(np.array([np.nan, np.nan]))
    empty = {"kind": "number", "edges": [], "counts": [0], "missing": 2, "min": None, "max": None}
    assert found == empty


@given(st.lists(st.one_of(st.sampled_from([0.0, 1.0, 5.0]), st.floats(-1e6, 1e6)), min_size=1))
def test_number_bins_hold_every_value_once(values: list[float]) -> None:
    found = number_bins(np.array(values))
    edges, counts = found["edges"], found["counts"]
    assert edges == sorted(set(edges))
    assert len(edges) <= 9
    assert len(counts) == len(edges) + 1
    assert sum(counts) == len(values)
    bounds = [-np.inf, *edges, np.inf]
    wanted = [
        sum(low <= v < high for v in values)
        for low, high in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    assert counts == wanted


def test_category_counts_keep_the_hundred_most_frequent_and_sum_the_rest() -> None:
    values = [f"c{i:03}" for i in range(120)] + [f"c{i:03}" for i in range(20, 120)] + ["", "a\0"]
    found = category_counts([*values, "a\0", "a"])
    assert found["missing"] == 1
    assert found["categories"][0] == "a\0"
    assert len(found["categories"]) == 100
    assert sum(found["counts"]) + found["other"] == len(values) + 1


def test_date_counts_hold_how_many_are_there_and_missing() -> None:
    moments = np.array(["2026-11-20", "NaT", "1969-12-31"], dtype="datetime64[us]")
    assert date_counts(moments) == {"kind": "date", "present": 2, "missing": 1}
