import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.monitor.statistics.cusum import LIMIT, alternative, binomial_cusum

ERRORS = st.lists(st.booleans(), max_size=200)
RATES = st.floats(0.001, 0.9)


@given(ERRORS, RATES, st.floats(0, 10))
def test_binomial_cusum_equals_the_sum_step_by_step(
    errors: list[bool], rate: float, start: float
) -> None:
    risen = min(1.5 * rate, (1 + rate) / 2)
    value, alarm = start, start >= 8
    for error in errors:
        step = math.log(risen / rate) if error else math.log((1 - risen) / (1 - rate))
        value = max(0.0, value + step)
        alarm = alarm or value >= 8 - 1e-9
    found = binomial_cusum(np.array(errors, dtype=bool), rate, start)
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.alarm == alarm
    assert (found.rows, found.rate, found.limit) == (len(errors), rate, LIMIT)


@given(ERRORS, ERRORS, RATES)
def test_binomial_cusum_goes_on_from_an_earlier_run(
    first: list[bool], second: list[bool], rate: float
) -> None:
    whole = binomial_cusum(np.array(first + second, dtype=bool), rate)
    begun = binomial_cusum(np.array(first, dtype=bool), rate)
    ended = binomial_cusum(np.array(second, dtype=bool), rate, begun.value)
    assert ended.value == pytest.approx(whole.value, abs=1e-9)


def test_binomial_cusum_of_nothing_is_where_it_started() -> None:
    found = binomial_cusum(np.array([], dtype=bool), 0.1, 3.0)
    assert (found.value, found.alarm) == (3.0, False)
    assert binomial_cusum(np.array([], dtype=bool), 0.1).value == 0.0


def test_binomial_cusum_alarms_after_twenty_errors_in_a_row() -> None:
    # 8 / log(1.5) = 19.7.
    assert not binomial_cusum(np.ones(19, dtype=bool), 0.1).alarm
    assert binomial_cusum(np.ones(20, dtype=bool), 0.1).alarm


def test_binomial_cusum_keeps_an_alarm_that_has_passed() -> None:
    errors = np.array([True] * 25 + [False] * 2000)
    found = binomial_cusum(errors, 0.1)
    assert (found.value, found.alarm) == (0.0, True)


def test_alternative_is_half_as_much_again_and_never_certain() -> None:
    assert alternative(0.1) == pytest.approx(0.15)
    assert alternative(0.5) == 0.75
    assert alternative(0.8) == pytest.approx(0.9)
