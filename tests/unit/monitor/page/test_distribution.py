import re
from itertools import count

from components.monitor.page import distribution
from tests.judged import category, column


def test_picture_of_a_number_has_both_sides_of_every_bin() -> None:
    drawn = distribution.picture(column(), "age", count())
    assert drawn.count('class="was"') == 3  # No row of the reference lacks a value.
    assert drawn.count('class="now"') == 4
    assert "&lt; 1: 10.9% now, 22.2% in the reference" in drawn
    assert "Differs most at ≥ 2: 54.3% now, 33.3% in the reference" in drawn


def test_picture_without_missing_values_leaves_their_bin_out() -> None:
    drawn = distribution.picture(column(counts=(1, 2, 3, 0)), "age", count())
    assert "(missing)" not in drawn


def test_picture_of_a_category_is_a_list_with_its_words() -> None:
    drawn = distribution.picture(category(), "<plan>", count())
    assert "<svg" not in drawn
    assert "&lt;b&gt;basic&lt;/b&gt;" in drawn
    assert "(unseen)" in drawn
    assert "(other)" not in drawn
    assert re.findall(r'class="bar (\w+)".*?width:([\d.]+)%', drawn)[:4] == [
        ("was", "83.3"),
        ("now", "100.0"),
        ("was", "83.3"),
        ("now", "50.0"),
    ]
    assert 'aria-label="Rows by category of &lt;plan&gt;. Differs most at plus' in drawn


def test_picture_of_many_categories_sums_the_rest() -> None:
    names = (*map(str, range(20)), "(other)", "(unseen)", "(missing)")
    counts = (*range(100, 80, -1), 0, 0, 0)
    found = column(labels=names, counts=counts, reference=counts)
    drawn = distribution.picture(found, "plan", count())
    assert drawn.count("<li>") == 8
    assert "13 others" in drawn


def test_picture_without_rows_says_so() -> None:
    empty = column(counts=(0, 0, 0, 0), reference=(0, 0, 0, 0))
    assert "No row to draw" in distribution.picture(empty, "age", count())


def test_judged_tells_how_many_were_missing_before() -> None:
    told = distribution.judged(column(reference=(9, 0, 0, 1)))
    assert "2.0%<small>was 10.0%</small>" in told
    assert "was" not in distribution.judged(column())
