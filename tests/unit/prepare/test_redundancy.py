import numpy as np
import polars as pl
import pytest

from components.prepare.redundancy import constant_shares, repeated


def test_constant_shares_counts_a_missing_value_as_one() -> None:
    sample = pl.DataFrame(
        {
            "gone": [None] * 10,
            "rare": [1.0] * 9 + [2.0],
            "mostly_gone": [None] * 9 + ["x"],
            "even": ["a", "b"] * 5,
        }
    )
    assert constant_shares(sample, sample.lazy(), 10, 0.9) == {"gone": 1.0}
    assert constant_shares(sample, sample.lazy(), 10, 1.0) == {"gone": 1.0}
    found = constant_shares(sample, sample.lazy(), 10, 0.89)
    assert found == {"gone": 1.0, "rare": 0.9, "mostly_gone": 0.9}


@pytest.mark.parametrize("value", [1.0, "x", None])
def test_constant_shares_of_a_sample_are_settled_by_all_rows(value: float | str | None) -> None:
    other = 2.0 if isinstance(value, float) else "y"
    sample = pl.DataFrame({"a": [value] * 100}, schema={"a": pl.DataType.from_python(type(other))})
    most = pl.DataFrame({"a": [value] * 995 + [other] * 5}, schema=sample.schema)
    assert constant_shares(sample, most.lazy(), 1000, 0.99) == {"a": 0.995}
    assert constant_shares(sample, most.lazy(), 1000, 0.999) == {}


def test_repeated_names_the_earlier_number_that_is_kept() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500))
    columns = np.column_stack([a, 1e12 - 3e9 * a, b, np.full(500, 4.0), b + 0.01 * a, 2 * b])
    assert repeated(columns, 0.999) == [None, 0, None, 3, 2, 2]
    assert repeated(columns, 0.99999) == [None, 0, None, 3, None, 2]
    assert repeated(columns, 1.0) == [None, None, None, 3, None, None]


def test_repeated_of_numbers_missing_in_different_rows_keeps_both() -> None:
    a = np.arange(100.0)
    gaps = np.where(np.arange(100) % 9 == 0, np.nan, a)
    other = np.where(np.arange(100) % 9 == 1, np.nan, a)
    assert repeated(np.column_stack([a, gaps, gaps * 2, other]), 0.999) == [None, None, 1, None]


def test_repeated_of_huge_and_missing_numbers_stays_finite() -> None:
    a = np.arange(100.0)
    columns = np.column_stack([a, a * 1e300, np.full(100, np.nan), a * 1e-300])
    assert repeated(columns, 0.999) == [None, 0, 2, 0]


def test_repeated_of_more_columns_than_a_block_looks_across_blocks() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(50, 700))
    columns[:, 600] = -columns[:, 3]
    columns[:, 699] = columns[:, 601]
    found = repeated(columns, 0.99)
    assert {i: same for i, same in enumerate(found) if same is not None} == {600: 3, 699: 601}


def test_repeated_of_no_column_is_empty() -> None:
    assert repeated(np.zeros((5, 0)), 0.9) == []
