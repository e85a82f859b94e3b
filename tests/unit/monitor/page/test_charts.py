import math
import re
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.monitor.page.axes import Line, Mark, Point, Reach, Rule, Span
from components.monitor.page.charts import over_time, spark
from components.monitor.page.words import MINUTE
from tests.judged import NOON

SPAN = Span(NOON, NOON + 60 * MINUTE, MINUTE)
WORDS = ("title", "description")


def point(minute: int, value: float = 1.0, version: int = 1) -> Point:
    return Point(NOON + minute * MINUTE, version, value, value - 0.1, value + 0.1)


def traces(html: str) -> list[str]:
    return re.findall(r'class="trace" d="([^"]+)"', html)


def test_over_time_without_points_says_so() -> None:
    assert "Nothing was judged" in over_time([Line([])], SPAN, WORDS, count())


def test_over_time_draws_no_line_over_a_gap() -> None:
    near = over_time([Line([point(0), point(4)])], SPAN, WORDS, count())
    far = over_time([Line([point(0), point(5)])], SPAN, WORDS, count())
    assert (len(traces(near)), len(traces(far))) == (1, 2)


def test_over_time_joins_no_two_versions_and_names_the_second() -> None:
    drawn = over_time([Line([point(0), point(1, version=2)])], SPAN, WORDS, count())
    assert len(traces(drawn)) == 2
    assert ">v2</text>" in drawn
    assert ">v1</text>" not in drawn


def test_over_time_has_its_interval_rules_and_marks() -> None:
    marks = [Mark(NOON + MINUTE, "a run"), Mark(NOON - MINUTE, "too early")]
    line = Line([point(0), point(1)], band=True)
    rules = [Rule(0.5, "limit")]
    drawn = over_time([line], SPAN, WORDS, count(), rules=rules, marks=marks)
    assert drawn.count('class="band"') == 1
    assert drawn.count('class="limit"') == 1
    assert "a run" in drawn
    assert "too early" not in drawn
    assert "version 1: 1 (0.9 to 1.1)" in drawn
    assert '<title id="d0t">title</title><desc id="d0d">description</desc>' in drawn


def test_over_time_of_one_point_is_seen() -> None:
    [path] = traces(over_time([Line([point(30)])], SPAN, WORDS, count()))
    x, y = re.findall(r"[\d.]+", path)[:2]
    assert path == f"M{x} {y}L{x} {y}"
    assert float(x) == 160.0


def test_reach_is_from_one_round_number_to_another() -> None:
    whole = Reach.of([0.42, 0.93])
    assert (whole.low, whole.high) == pytest.approx((0.4, 0.95))
    assert Reach.of([3.0, 17.0], 0.0) == Reach(0.0, 20.0)
    same = Reach.of([7.0, 7.0])
    assert same.low <= 7.0 < same.high


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.none() | st.just(0.0),
)
@example([0.5, 0.5 + 2**-53], None)
@example([0.19, 0.19000000000000003], None)
@example([-1.7e308, 1.7e308], None)
@example([1.7e308], None)
@example([5e-324], 0.0)
def test_reach_of_any_numbers_has_a_place_for_each(
    values: list[float], least: float | None
) -> None:
    reach = Reach.of(values, least)
    assert -math.inf < reach.low < reach.high < math.inf
    places = [reach.place(value, 10.0, 90.0) for value in sorted(values)]
    assert all(10.0 <= place <= 90.0 for place in places)
    assert places == sorted(places, reverse=True)


def test_over_time_of_an_interval_of_last_digits_is_drawn() -> None:
    """As rows that are all alike have it, whose mean is rounded here and there."""
    same = [Point(at, 1, 0.19, 0.19, 0.19000000000000003) for at in (NOON, NOON + MINUTE)]
    assert 'class="band"' in over_time([Line(same, band=True)], SPAN, WORDS, count())


def test_spark_has_its_limit_in_sight() -> None:
    drawn = spark([point(0, 0.01), point(1, 0.02)], SPAN, 0.2, "words", "good")
    [y] = re.findall(r'class="limit" d="M0 ([\d.]+)H', drawn)
    lowest = re.findall(r"L[\d.]+ ([\d.]+)", traces(drawn)[0])
    assert float(y) + 10 < float(lowest[-1])
    assert "<title>words</title>" in drawn
    assert spark([], SPAN, 0.2, "words") == ""
