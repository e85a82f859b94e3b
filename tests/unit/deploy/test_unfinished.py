"""Requests that are provably not finished, from readings that name no request."""

import random

import pytest

from components.deploy.kserve.counters import Reading
from components.deploy.kserve.unfinished import Looks, Unfinished


def reading(at: float, finished: float, in_flight: float) -> Reading:
    return Reading({("kubeloop_requests_total", "200"): finished}, in_flight, at, at)


def looks(*readings: tuple[float, float, float], longest_s: float = 45.0) -> Looks:
    made = Looks()
    for at, finished, in_flight in readings:
        made.add(reading(at, finished, in_flight), longest_s=longest_s)
    return made


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(0, 100, 30)], 0),
        ([(0, 100, 30), (5, 100, 30)], 30),
        ([(0, 100, 30), (5, 110, 60)], 20),
        ([(0, 100, 30), (5, 600, 30)], 0),
        ([(0, 100, 30), (0.5, 100, 30)], 0),
        ([(0, 100, 5), (5, 100, 30), (5.5, 100, 40)], 5),
        ([(0, 100, 30), (5, 100, 2)], 2),
        ([(0, 100, 30), (5, 3, 30)], 0),
    ],
    ids=[
        *("one-reading", "none-finished", "some-finished", "as-many-finished", "too-short"),
        *("only-those-begun-then", "hung-up", "began-anew"),
    ],
)
def test_longer_than_counts_what_cannot_be_finished(
    readings: list[tuple[float, float, float]], expected: float
) -> None:
    assert looks(*readings).longer_than(1.0) == expected


@pytest.mark.parametrize("seed", range(20))
def test_longer_than_never_counts_more_than_there_are(seed: int) -> None:
    """Whatever the requests are: some of them long, some of them for ever."""
    chosen = random.Random(seed)
    often = [chosen.uniform(0, 0.8), 3.0, float("inf")]
    begun = [(chosen.uniform(0, 60), chosen.choice(often)) for _ in range(400)]
    made, found = Looks(), 0.0
    for at in range(0, 60, 5):
        finished = sum(begin + took <= at for begin, took in begun)
        flying = [begin for begin, took in begun if begin <= at < begin + took]
        made.add(reading(at, finished, len(flying)), longest_s=20.0)
        for seconds in (0.5, 7.0, 20.0):
            count = made.longer_than(seconds)
            assert count <= sum(begin <= at - seconds for begin in flying)
            found += count
    assert found > 0


def test_add_keeps_what_the_longest_question_needs() -> None:
    made = looks(*((at, 0.0, 1.0) for at in range(0, 100, 5)), longest_s=20.0)
    assert [one.answered for one in made.readings] == [75, 80, 85, 90, 95]
    assert made.longer_than(20.0) == 1


def test_unfinished_adds_pods_up() -> None:
    pods = (looks((0, 100, 3), (5, 100, 4)), looks((0, 0, 2), (5, 1, 2)), Looks())
    both = Unfinished(pods, 50.0)
    assert (both.in_flight, both.taken, both.longer_than(1.0)) == (6, 56, 4)
