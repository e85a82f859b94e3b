"""How often the rules cry wolf and how soon they see, on simulated windows.

The figures of the rules' own measurement, reproduced from fixed seeds within bounds that are about
three standard errors wide. Windows are of ten columns, so that a thousand are a hundred windows.
"""

from functools import cache

import numpy as np
import pytest

from components.monitor.statistics.binning import Reference, read_reference
from components.monitor.statistics.cusum import binomial_cusum
from components.monitor.statistics.drift import judge_drift
from components.monitor.statistics.expectations import Bounds, Expectations
from components.monitor.verdicts import ColumnDrift
from components.package.reference import number_bins

COLUMNS = 10
NAMES = [f"x{at}" for at in range(COLUMNS)]


def made(generator: np.random.Generator, rows: int) -> Reference:
    features = {
        name: number_bins(generator.normal(size=rows).astype(np.float32).astype(np.float64))
        for name in NAMES
    }
    inputs = [{"name": name, "dtype": "float32"} for name in NAMES]
    return read_reference({"features": features}, {"signature": {"inputs": inputs}})


@cache
def columns(rows: int, windows: int, shift: float, of: int = 10_000) -> list[ColumnDrift]:
    """Judges columns of windows that are shifted by so many sigma, each by a fresh reference."""
    generator = np.random.default_rng([rows, int(100 * shift), of])
    found: list[ColumnDrift] = []
    for _ in range(windows):
        known = made(generator, of)
        live = generator.normal(shift, 1, (COLUMNS, rows))
        counts = known.count(dict(zip(NAMES, live, strict=True)), [0] * rows)
        found += judge_drift(known, counts, 0.2).features.values()
    return found


def share(found: list[ColumnDrift], *, p: float = 1.0, psi: float = -1.0) -> float:
    return float(np.mean([column.p_value < p and column.psi > psi for column in found]))


@pytest.mark.parametrize(("rows", "of"), [(1000, 10_000), (1000, 1000), (200, 10_000)], ids=str)
def test_windows_without_drift_have_no_index_and_p_values_that_keep_their_word(
    rows: int, of: int
) -> None:
    found = columns(rows, 150, 0.0, of)
    assert np.mean([column.psi for column in found]) == pytest.approx(0.0, abs=0.003)
    # Several looks share each p-value, so that it keeps its word on the careful side.
    assert share(found, p=0.05) <= 0.06
    assert share(found, p=0.01) <= 0.016
    assert sum(column.drifted for column in found) == 0


def test_windows_without_drift_and_without_correction_would_cry_wolf() -> None:
    # An uncorrected index above 0.1 in 1.5 % of windows of 200 rows: 9 (1/200 + 1/10,000) is 0.046.
    raw = [column.psi + 9 * (1 / 200 + 1 / 10_000) for column in columns(200, 150, 0.0)]
    assert 0.003 < np.mean(np.array(raw) > 0.1) < 0.03
    assert share(columns(200, 150, 0.0), psi=0.1) < 0.003


def test_a_shift_of_a_quarter_sigma_has_an_index_of_six_hundredths() -> None:
    found = columns(1000, 60, 0.25)
    assert np.mean([column.psi for column in found]) == pytest.approx(0.06, abs=0.003)
    # The customary limits never see it, chi-squared does.
    assert share(found, psi=0.1) < 0.04
    assert share(found, p=0.001) > 0.97
    assert 0.6 < np.mean([column.status == "warning" for column in found]) < 0.8
    assert share(columns(200, 150, 0.25), p=0.001) < 0.25


@pytest.mark.parametrize(("shift", "least"), [(0.5, 0.8), (1.0, 1.0)], ids=str)
def test_a_greater_shift_is_critical_in_a_window_of_a_thousand(shift: float, least: float) -> None:
    found = columns(1000, 40, shift)
    assert all(column.drifted for column in found)
    assert np.mean([column.status == "critical" for column in found]) >= least


def delay(errors: np.ndarray, rate: float, start: float) -> int:
    """How many rows an alarm takes; all of them where they are not enough."""
    low, high = 0, len(errors)
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cusum(errors[:middle], rate, start).alarm:
            high = middle
        else:
            low = middle
    return high


def test_cusum_finds_a_rise_from_a_tenth_after_five_hundred_labels() -> None:
    generator = np.random.default_rng(11)
    delays = []
    for _ in range(400):
        # The rise comes while it runs, so that the sum stands wherever chance has put it.
        before = binomial_cusum(generator.random(3000) < 0.1, 0.1)
        delays.append(delay(generator.random(20_000) < 0.15, 0.1, before.value))
    assert np.mean(delays) == pytest.approx(496, rel=0.15)


def test_cusum_rarely_alarms_without_a_rise() -> None:
    generator = np.random.default_rng(12)
    alarms = [binomial_cusum(generator.random(20_000) < 0.1, 0.1).alarm for _ in range(400)]
    assert 0.02 < np.mean(alarms) <= 0.13


def test_cusum_by_a_small_holdouts_interval_rarely_alarms_about_its_chance() -> None:
    generator = np.random.default_rng(13)
    careful, naive = 0, 0
    for wrong in generator.binomial(300, 0.1, 300) / 300:
        margin = 1.96 * np.sqrt(wrong * (1 - wrong) / 300)
        accuracy = Bounds(1 - wrong, 1 - wrong - margin, 1 - wrong + margin)
        rate = Expectations({"accuracy": accuracy}, 300, {}).error_rate
        errors = generator.random(5000) < 0.1
        assert rate is not None
        careful += binomial_cusum(errors, rate).alarm
        naive += binomial_cusum(errors, wrong).alarm
    assert careful / 300 < 0.08
    assert naive / 300 > 0.12


def test_cusum_by_a_holdouts_interval_still_finds_a_rise() -> None:
    generator = np.random.default_rng(14)
    accuracy = Bounds(0.9, 0.8814, 0.9186)
    rate = Expectations({"accuracy": accuracy}, 1000, {}).error_rate
    assert rate is not None
    delays = [delay(generator.random(6000) < 0.15, rate, 0.0) for _ in range(100)]
    assert np.median(delays) < 1000
