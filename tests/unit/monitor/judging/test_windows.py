import numpy as np
import pytest

from components.monitor.judging.counting import Counted
from components.monitor.judging.windows import HOUR, Windows
from components.monitor.statistics.binning import Counts, Reference, read_reference
from components.monitor.storage.records import Chunk

NOON = 1_795_176_000_000_000
SECOND = 1_000_000


@pytest.fixture(scope="module")
def reference() -> Reference:
    number = {"kind": "number", "edges": [0.5], "counts": [50, 50], "missing": 0}
    inputs = [{"name": "x", "dtype": "float32"}]
    document = {"format": 1, "features": {"x": number}, "prediction": number}
    return read_reference(document, {"signature": {"inputs": inputs}, "classes": None})


class Feed:
    """Pushes chunks of equal rows."""

    def __init__(self, reference: Reference, rows: int = 1000) -> None:
        self.windows = Windows(reference, rows)
        self._reference = reference
        self._number = 0

    def push(self, end: int, *, rows: int = 100, span: int = SECOND, value: float = 0.0) -> None:
        self._number += 1
        counts = self.count(rows, value)
        chunk = Chunk("churn", 3, self._number, 1, 2, end - span, end, rows, "")
        self.windows.push(Counted(chunk, counts, [0.001 * self._number], [[0.5, 0.5]] * rows))

    def count(self, rows: int, value: float) -> Counts:
        return self._reference.count({"x": [value] * rows}, [value] * rows)


@pytest.fixture
def feed(reference: Reference) -> Feed:
    return Feed(reference)


def test_newest_too_few_rows_none(feed: Feed) -> None:
    for at in range(9):
        feed.push(NOON + at * SECOND)
    assert feed.windows.newest() is None
    feed.push(NOON + 9 * SECOND)
    window = feed.windows.newest()
    assert window is not None
    assert (window.counts.rows, window.start, window.end) == (
        1000,
        NOON - SECOND,
        NOON + 9 * SECOND,
    )


def test_newest_holds_the_fewest_chunks_with_enough_rows(feed: Feed) -> None:
    for at in range(10):
        feed.push(NOON + at * SECOND)
    feed.push(NOON + 10 * SECOND, rows=950, value=1.0)
    window = feed.windows.newest()
    assert window is not None
    assert window.counts == feed.count(100, 0.0) + feed.count(950, 1.0)
    assert len(window.probabilities) == 1050
    assert window.latency == {
        "0.5": pytest.approx(0.0105),
        "0.99": pytest.approx(np.quantile([0.010, 0.011], 0.99)),
    }


def test_rate_steady_equals_the_rate_before(feed: Feed) -> None:
    for at in range(10):
        feed.push(NOON + at * SECOND)
    window = feed.windows.newest()
    assert window is not None
    assert (window.rate, window.rate_before) == (100.0, None)
    for at in range(10, 25):
        feed.push(NOON + at * SECOND)
    window = feed.windows.newest()
    assert window is not None
    assert (window.rate, window.rate_before) == (100.0, pytest.approx(100.0))


def test_rate_after_a_fall_tells_both(feed: Feed) -> None:
    for at in range(200):
        feed.push(NOON + at * SECOND)
    last = NOON + 199 * SECOND
    for at in range(1, 11):
        feed.push(last + at * 10 * SECOND, span=10 * SECOND)
    window = feed.windows.newest()
    assert window is not None
    assert (window.rate, window.rate_before) == (10.0, pytest.approx(100.0))


def test_rate_counts_the_pause_before_the_window(feed: Feed) -> None:
    feed.push(NOON)
    for at in range(10):
        feed.push(NOON + 100 * SECOND + at, span=1)
    window = feed.windows.newest()
    assert window is not None
    assert window.rate == pytest.approx(10.0, rel=1e-3)


def test_rate_clock_that_went_back_stays_finite(feed: Feed) -> None:
    for at in range(30):
        feed.push(NOON - at * SECOND)
    window = feed.windows.newest()
    assert window is not None
    assert np.isfinite(window.rate)


def test_day_sums_the_last_24_hours_and_no_more(feed: Feed) -> None:
    noon = NOON - NOON % HOUR
    for hour in range(30):
        feed.push(noon + hour * HOUR, rows=100 + hour, value=float(hour % 2))
    window = feed.windows.day()
    assert window is not None
    chosen = range(6, 30)
    expected = sum((feed.count(100 + h, float(h % 2)) for h in chosen[1:]), feed.count(106, 0.0))
    assert window.counts == expected
    assert window.end == noon + 29 * HOUR
    assert window.rate_before == pytest.approx(sum(100 + h for h in range(6)) / 86_400)


def test_day_too_few_rows_none(feed: Feed) -> None:
    assert feed.windows.day() is None
    feed.push(NOON, rows=999)
    assert feed.windows.day() is None
    feed.push(NOON + 1, rows=1)
    assert feed.windows.day() is not None


def test_day_forgets_hours_that_no_verdict_needs(feed: Feed) -> None:
    for hour in range(500):
        feed.push(NOON + hour * HOUR)
    window = feed.windows.day()
    assert window is not None
    assert window.rate_before == pytest.approx(2400 / 86_400)
