from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.prepare.cuts import Cuts, find_cuts
from components.spec import Split


def cuts(moments: Sequence[Any] | pl.Series, **split: Any) -> Cuts:
    frame = pl.LazyFrame({"t": moments}, strict=False)
    return find_cuts(frame, "t", Split(method="time", **split))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e30, 1e30) | st.integers(0, 9).map(float), min_size=3, max_size=60).filter(
        lambda moments: len(set(moments)) > 2
    ),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
)
def test_find_cuts_are_what_a_sort_would_give(
    moments: list[float], test: float, validation: float
) -> None:
    found = cuts(moments, test=test, validation=validation)
    ordered, count = sorted(moments), len(moments)
    wanted_test = ordered[max(0, count - round(count * test) - 1)]
    wanted = ordered[max(0, count - round(count * (test + validation)) - 1)]
    assert found.validation < found.test < ordered[-1]
    # A part is never empty: a cut that would leave one so moves by one moment.
    different = sorted(set(moments))
    if wanted_test == different[-1]:
        wanted_test = different[-2]
    if wanted_test == different[0]:
        assert found == Cuts(validation=different[0], test=different[1])
    else:
        assert found.test == wanted_test
        assert found.validation in (wanted, different[different.index(wanted_test) - 1])


def test_find_cuts_of_many_moments_counts_in_rounds() -> None:
    # More than are ever sorted at once share one of the first round's steps.
    near = np.arange(1_100_000, dtype=np.int64)
    far = np.array([10**17, 2 * 10**17])
    moments = pl.Series(np.concatenate([far, near])).cast(pl.Datetime("us"))
    found = cuts(moments)
    count = len(near) + 2
    assert found.test == count - round(count * 0.2) - 1
    assert found.validation == count - round(count * 0.4) - 1


def test_find_cuts_of_one_moment_in_most_rows_still_holds_rows_out() -> None:
    assert cuts([1.0] * 95 + [2.0] * 3 + [3.0] * 2) == Cuts(validation=1.0, test=2.0)
    assert cuts([1.0] * 50 + [2.0] * 10 + [3.0] * 40) == Cuts(validation=1.0, test=2.0)


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        ([None, None], "no moment in 0 rows"),
        ([3.0] * 4, "1 moment in 4 rows"),
        ([3.0, 3.0, 4.0, None], "2 moments in 3 rows"),
        ([datetime(2026, 1, 1)] * 9, "1 moment in 9 rows"),
    ],
)
def test_find_cuts_of_too_few_moments_is_refused(moments: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=f"timestamp 't' has too few .*: {said}, expected at least"):
        cuts(moments)


def test_find_cuts_of_days_and_of_their_microseconds_agree() -> None:
    start = datetime(2026, 1, 1)
    days = [start + timedelta(days=day) for day in range(10)]
    found = cuts(days)
    day = 86_400_000_000
    first = int(start.timestamp() - datetime(1970, 1, 1).timestamp()) * 1_000_000
    assert found == Cuts(validation=first + 5 * day, test=first + 7 * day)
