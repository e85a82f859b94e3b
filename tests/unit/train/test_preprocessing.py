from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import TrainingError
from components.runners import frame
from components.train.preprocessing import frequent_categories, preprocessor
from tests.tables import write_part


def column(values: list[str]) -> np.ndarray:
    found = np.empty((len(values), 1), dtype=object)
    found[:, 0] = values
    return found


def test_frequent_categories_leaves_out_what_fewer_than_five_rows_have() -> None:
    assert frequent_categories(column(["a"] * 5 + ["b"] * 4 + [""] * 6)) == [["", "a"]]


def test_frequent_categories_needs_half_a_percent_of_many_rows() -> None:
    assert frequent_categories(column(["a"] * 1991 + ["b"] * 9)) == [["a"]]
    assert frequent_categories(column(["a"] * 1990 + ["b"] * 10)) == [["a", "b"]]


def test_frequent_categories_keeps_the_hundred_most_frequent() -> None:
    values = [f"c{i:03}" for i in range(120) for _ in range(5 + (i >= 20))]
    assert frequent_categories(column(values), least=1) == [[f"c{i:03}" for i in range(20, 120)]]


def test_frequent_categories_of_a_trailing_nul_stays_rare() -> None:
    assert frequent_categories(column(["tr\0"] * 5 + ["a\0b"] * 5)) == [["a\0b"]]


def test_frequent_categories_of_one_very_long_text_costs_no_more_than_the_text() -> None:
    # As a numpy array of text this would take 40 GB.
    assert frequent_categories(column(["x" * 1_000_000] + ["a"] * 10_000)) == [["a"]]


@given(st.lists(st.sampled_from(["", "a", "é", "e\u0301", "it's", "a\nb"]), min_size=1))
def test_frequent_categories_are_sorted_and_occur_often_enough(values: list[str]) -> None:
    (found,) = frequent_categories(column(values))
    assert found == sorted({v for v in values if values.count(v) >= 5})


def test_preprocessor_without_any_value_in_a_number_leaves_it_out(tmp_path: Path) -> None:
    rows = {"gone": [None] * 6, "x": [1.0, 2.0, 3.0, 4.0, 5.0, None]}
    examples = write_part(tmp_path, rows, {}, [0, 1] * 3, ("a", "b"))
    made = preprocessor(examples, scale=False, impute=True)
    result = made.fit_transform(frame(examples.numbers, examples.strings))
    assert result.tolist() == [[1.0], [2.0], [3.0], [4.0], [5.0], [3.0]]
    assert result.dtype == np.float32


def test_preprocessor_of_rare_categories_alone_keeps_them(tmp_path: Path) -> None:
    examples = write_part(tmp_path, {}, {"s": ["a", "b", "c", "a"]}, [0, 1, 0, 1], ("a", "b"))
    made = preprocessor(examples, scale=True, impute=True)
    assert made.fit_transform(frame(examples.numbers, examples.strings)).shape == (4, 3)


def test_preprocessor_without_any_value_is_refused_by_name(tmp_path: Path) -> None:
    examples = write_part(tmp_path, {"x": [None, None]}, {}, [0, 1], ("a", "b"))
    with pytest.raises(TrainingError, match="no feature has a value in the training rows: x"):
        preprocessor(examples, scale=True, impute=True)
