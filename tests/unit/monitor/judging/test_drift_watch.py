from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.monitor.judging.drift_watch import DriftWatch, Findings
from components.monitor.judging.windows import HOUR
from components.monitor.storage.reader import Reader
from components.monitor.verdicts import DriftVerdict
from components.monitor.versions import Version
from tests.unit.monitor.judging.conftest import Rig
from tests.watched import START, Watched

SECOND = 1_000_000
Make = Callable[..., Watched]


def follow(rig: Rig, version: Version, steps: int = 10_000, **options: Any) -> list[DriftVerdict]:
    """Judges what waits, storing it as the judge does; stops after so many steps."""
    watch = DriftWatch(version, rig.reader, **{"pace": 0.0, **options})
    return drain(rig, watch, steps)


def drain(rig: Rig, watch: DriftWatch, steps: int = 10_000) -> list[DriftVerdict]:
    verdicts: list[DriftVerdict] = []
    for _ in range(steps):
        found = watch.step()
        store(rig, found)
        verdicts += found.verdicts
        if not found.more:
            break
    return verdicts


def store(rig: Rig, found: Findings) -> None:
    for chunk in found.chunks:
        assert rig.submit(lambda store, chunk=chunk: store.add_chunk(chunk)).result()
    for verdict in found.verdicts:
        kind = f"drift-{verdict.window}"
        rig.submit(lambda store, v=verdict, k=kind: store.add_verdict(k, v)).result()


def undated(verdicts: list[DriftVerdict]) -> list[DriftVerdict]:
    return [replace(verdict, judged=0) for verdict in verdicts]


def by_rows(verdicts: list[DriftVerdict]) -> list[DriftVerdict]:
    return [verdict for verdict in verdicts if verdict.window == "rows"]


def test_step_without_drift_every_window_is_ok(rig: Rig, watched: Make) -> None:
    model = watched(window=1000)
    version = rig.register(model)
    rig.send(model.events(3000, "a"))
    verdicts = by_rows(follow(rig, version))
    assert [verdict.rows for verdict in verdicts] == [1000] * 21
    assert {verdict.status for verdict in verdicts} == {"ok"}
    last = verdicts[-1]
    assert set(last.features) == {"age", "income", "city", "plan"}
    assert (last.start, last.end) == (int((START + 200) * 1e6), int((START + 299.9) * 1e6))
    assert (last.rate, last.rate_before) == (pytest.approx(10), pytest.approx(10))
    assert last.latency == {"0.5": pytest.approx(0.0055), "0.99": pytest.approx(0.010)}
    assert last.features["income"].missing == pytest.approx(0.1, abs=0.03)
    assert 0.8 < last.estimate["accuracy"] < 1.0
    assert last.previous is None


def test_step_shifted_rows_are_seen_within_a_window(rig: Rig, watched: Make) -> None:
    model = watched(window=1000)
    version = rig.register(model)
    rig.send(model.events(1000, "a") + model.events(1000, "b", older=12))
    verdicts = by_rows(follow(rig, version))
    drifted = [[n for n, c in v.features.items() if c.drifted] for v in verdicts]
    assert drifted[0] == []
    assert drifted[-1] == ["age"]
    assert verdicts[-1].status == "critical"
    assert verdicts[-1].features["age"].above > 0.1
    assert verdicts[-1].drifted_ratio == 0.25


def test_step_counts_are_what_came(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    events = model.events(100, "a", rows=3)
    rig.send(events)
    last = by_rows(follow(rig, version))[-1]
    cities = last.features["city"]
    shown = dict(zip(cities.labels, cities.counts, strict=True))
    values = [v for event in events[-36:] for v in event["data"]["features"]["city"]]
    assert {c: shown[c] for c in ("Bern", "Lyon", "Turin")} == {
        c: values.count(c) for c in ("Bern", "Lyon", "Turin")
    }


@pytest.mark.parametrize("steps", [1, 4])
def test_watch_thrown_away_at_any_step_verdicts_are_the_same(
    rig: Rig, watched: Make, steps: int
) -> None:
    model = watched(window=200)
    version = rig.register(model)
    rig.send(model.events(300, "a", rows=2) + model.events(300, "b", older=10))
    found: list[DriftVerdict] = []
    for _ in range(60):
        found += follow(rig, version, steps, clock=lambda: START)
    chunks = rig.reader.chunks("churn", 3, newest=1000)
    # The same again, without a break, from nothing.
    whole = DriftWatch(version, _Blank(rig.reader), pace=0.0, clock=lambda: START)
    expected_chunks, expected = [], []
    while (step := whole.step()).more:
        expected_chunks += step.chunks
        expected += step.verdicts
    assert chunks == expected_chunks
    assert undated(found) == undated(expected)


class _Blank:
    """A reader of the events alone."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def chunks(self, *_: object, **__: object) -> list[Any]:
        return []

    def verdicts(self, *_: object, **__: object) -> list[Any]:
        return []


def test_step_within_the_pace_the_newest_window_is_judged_later(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    rig.send(model.events(400, "a"))
    watch = DriftWatch(version, rig.reader, pace=3600.0)
    assert [verdict.rows for verdict in by_rows(drain(rig, watch))] == [100]
    assert watch.pending
    assert len(rig.reader.chunks("churn", 3, newest=1000)) == 40
    # What waits outlives the watch, and is about the newest rows then.
    [last] = by_rows(follow(rig, version))
    assert last.end == int((START + 39.9) * 1e6)
    assert not DriftWatch(version, rig.reader).pending


def test_step_clocks_off_by_days_windows_go_by_arrival(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    days = 5 * 24 * HOUR
    early, late = model.events(50, "a", start=START), model.events(50, "b", start=START + 5)
    rig.send(early, late=days)
    rig.send(late, late=days)
    wrong = model.events(60, "c", start=START + 10 + 9 * 24 * 3600)
    rig.send(wrong, late=days - 9 * 24 * HOUR)
    last = by_rows(follow(rig, version))[-1]
    assert (last.start, last.end) == (
        int((START + 6) * 1e6) + days,
        int((START + 15.9) * 1e6) + days,
    )
    assert last.rate == pytest.approx(10)


def test_judged_clock_that_is_set_back_verdicts_stay_in_order(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    rig.send(model.events(100, "a"))
    first = by_rows(follow(rig, version, clock=lambda: START))[-1]
    rig.send(model.events(100, "b"))
    second = by_rows(follow(rig, version, clock=lambda: START - 86_400))[-1]
    assert second.judged > first.judged
    [latest] = rig.reader.verdicts("churn", 3, "drift-rows", newest=1)
    assert latest == second


def test_step_by_time_judged_once_an_hour(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    noon = START - START % 3600
    for hour in (0, 1, 1, 26):
        rig.send(
            model.events(
                120,
                f"h{hour}-{len(rig.reader.chunks('churn', 3, newest=99))}",
                start=noon + hour * 3600,
            )
        )
        follow(rig, version)
    days = rig.reader.verdicts("churn", 3, "drift-time", newest=9)
    assert [(v.window, v.rows) for v in days] == [("time", 100), ("time", 130), ("time", 100)]
    assert days[-1].rate_before == pytest.approx(360 / 86_400)


def test_step_second_version_told_beside_the_first(rig: Rig, watched: Make) -> None:
    first, second = watched(window=100, seed=1), watched(window=100, seed=2, version=4)
    versions = [rig.register(first), rig.register(second)]
    rig.send(first.events(300, "a"))
    follow(rig, versions[0])
    rig.send(second.events(100, "b"))
    alike = by_rows(follow(rig, versions[1]))[-1]
    assert alike.previous is not None
    assert sum(alike.previous.reference) == 100
    assert alike.previous.status == "ok"
    rig.send(second.events(100, "c", older=60))
    other = by_rows(follow(rig, versions[1]))[-1]
    assert other.previous is not None
    assert other.previous.status == "critical"
    # A later version is none before: traffic that went back.
    rig.send(first.events(100, "d"))
    assert by_rows(follow(rig, versions[0]))[-1].previous is None


def test_step_regression_told_beside_the_version_before(rig: Rig, watched: Make) -> None:
    first, second = watched("regression", window=100), watched("regression", window=100, version=4)
    versions = [rig.register(first), rig.register(second)]
    rig.send(first.events(200, "a"))
    follow(rig, versions[0])
    rig.send(second.events(100, "b"))
    last = by_rows(follow(rig, versions[1]))[-1]
    assert last.previous is not None
    assert last.previous.status == "ok"
    assert sum(last.previous.reference) == 100
    assert dict(last.estimate) == {}


def test_watch_chunks_of_another_reference_left_out_and_counting_goes_on(
    rig: Rig, watched: Make, caplog: pytest.LogCaptureFixture
) -> None:
    model = watched(window=100)
    version = rig.register(model)
    rig.send(model.events(200, "a"))
    follow(rig, version)
    chunk = rig.reader.chunks("churn", 3, newest=1)[0]
    strange = replace(chunk, number=chunk.number + 1, counts='{"rows":9,"features":{"age":[1]}}')
    rig.submit(lambda store: store.add_chunk(strange)).result()
    watch = DriftWatch(version, rig.reader, pace=0.0)
    assert "chunks left out" in caplog.text
    rig.send(model.events(100, "b"))
    assert [verdict.rows for verdict in by_rows(drain(rig, watch))] == [100]
    assert rig.reader.chunks("churn", 3, newest=1)[0].number == chunk.number + 11


def test_step_events_without_features_count_as_answers_alone(rig: Rig, watched: Make) -> None:
    model = watched(window=100)
    version = rig.register(model)
    events = model.events(100, "a")
    for event in events[::2]:
        del event["data"]["features"]
    rig.send(events)
    [last] = by_rows(follow(rig, version))
    assert last.prediction is not None
    assert (sum(last.prediction.counts), sum(last.features["age"].counts)) == (100, 50)
