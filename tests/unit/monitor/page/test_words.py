import pytest

from components.monitor.page import words
from components.monitor.page.words import DAY, HOUR, MINUTE, SECOND
from tests.judged import NOON


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "0 s"),
        (200, "0.2 ms"),
        (999_000, "999 ms"),
        (4_200_000, "4.2 s"),
        (59 * SECOND, "59 s"),
        (MINUTE, "1 min"),
        (94 * SECOND, "1 min 34 s"),
        (31 * MINUTE + 5 * SECOND, "31 min"),
        (HOUR + 20 * MINUTE, "1 h 20 min"),
        (3 * DAY + 2 * HOUR, "3 d 2 h"),
        (400 * DAY, "400 d"),
    ],
)
def test_lasting_says_two_units_at_most(length: int, said: str) -> None:
    assert words.lasting(length) == said


def test_ago_of_a_clock_ahead_says_so() -> None:
    assert words.ago(NOON + 2 * HOUR, NOON) == "2 h ahead of this clock"
    assert words.ago(NOON + 3 * SECOND, NOON) == "just now"
    assert words.ago(NOON - 3 * MINUTE, NOON) == "3 min ago"
    assert words.ago(None, NOON) == "never"


def test_when_is_a_machine_readable_time() -> None:
    said = '<time datetime="2026-11-20T12:00:00.000000Z">2026-11-20 12:00:00</time>'
    assert words.when(NOON) == said
    assert words.when(None) == "–"


def test_clock_of_a_longer_axis_is_coarser() -> None:
    told = [words.clock(NOON, span) for span in (HOUR, DAY, 7 * DAY)]
    assert told == ["12:00:00", "12:00", "11-20 12:00"]


def test_psi_has_no_negative_zero() -> None:
    assert [words.psi(value) for value in (-0.0001, -0.01, 0.2)] == ["0.000", "−0.010", "0.200"]


def test_p_value_of_zero_is_below_the_least() -> None:
    assert words.p_value(0.0) == "&lt;1e-300"
    assert words.p_value(0.0123) == "0.0123"
