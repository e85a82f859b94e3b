"""Old verdicts are thinned, alike on both databases."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Retraining, VerdictKind
from components.monitor.store import Store
from components.monitor.thinning import DAY, HOUR, MINUTE, PAGE, SECOND, STATES, Thinner
from components.monitor.upkeep import Retention, Upkeep
from components.monitor.verdicts import DriftVerdict, QualityVerdict
from components.monitor.versions import Version
from components.monitor.wire import format_time
from components.monitor.writer import Writer
from tests.judged import NOON, column, drift, metric, quality

OLD = NOON - 2 * HOUR
"""A whole minute of a whole hour, when every second was judged."""


def put(store: Store, *verdicts: DriftVerdict | QualityVerdict) -> None:
    store.begin()
    for verdict in verdicts:
        kind: VerdictKind = "quality"
        if isinstance(verdict, DriftVerdict):
            kind = "drift-rows" if verdict.window == "rows" else "drift-time"
        store.add_verdict(kind, verdict)
    store.commit()


def thin(store: Store, reader: Reader, now: int = NOON, thinner: Thinner | None = None) -> int:
    """Thins until nothing is found; returns how many verdicts went."""
    removed = 0
    for lot in (thinner or Thinner(reader)).find(now):
        store.begin()
        store.delete_verdicts(lot.series, lot.moments)
        store.commit()
        removed += len(lot.moments)
    return removed


def seconds(reader: Reader, kind: VerdictKind = "drift-rows", since: int = OLD) -> list[float]:
    """When the verdicts that are left were judged, in seconds since a moment."""
    moments = reader.history.moments(("churn", 3, kind), 0, 2 * NOON, 100_000)
    return [(moment - since) / SECOND for moment in moments]


def ok(at: int) -> DriftVerdict:
    return drift("churn", 3, at, {"tenure": column()})


def drifted(at: int, *names: str, level: str = "warning") -> DriftVerdict:
    columns = {name: column(0.1, "warning") for name in names}
    return drift("churn", 3, at, {"tenure": column(), **columns}, status=level)


@pytest.mark.usefixtures("churn")
def test_find_minute_of_a_calm_version_keeps_its_last(store: Store, reader: Reader) -> None:
    put(store, *(ok(OLD + at * SECOND) for at in range(180)))
    assert thin(store, reader) == 176
    # The very first says when judging began.
    assert seconds(reader) == [0, 59, 119, 179]
    assert thin(store, reader) == 0


@pytest.mark.usefixtures("churn")
def test_find_last_hour_kept_in_full(store: Store, reader: Reader) -> None:
    since = NOON - HOUR
    put(store, *(ok(since + at * SECOND) for at in range(-120, 120)))
    assert thin(store, reader) == 117
    assert seconds(reader, since=since) == [-120, -61, -1, *range(120)]


@pytest.mark.usefixtures("churn")
def test_find_first_of_each_state_kept(store: Store, reader: Reader) -> None:
    turns = {0: (), 70: ("Contract",), 75: ("Contract", "age"), 90: ("Contract",), 100: ()}
    verdicts, names = [], ()
    for at in range(180):
        names = turns.get(at, names)
        verdicts.append(drifted(OLD + at * SECOND, *names, level="warning" if names else "ok"))
    verdicts[130] = replace(verdicts[130], status="critical")
    put(store, *verdicts)
    thin(store, reader)
    # At 90 and 100 states came back that the minute had seen; the end of a state is the next one.
    assert seconds(reader) == [0, 59, 70, 75, 119, 130, 179]
    assert reader.verdicts("churn", 3, "drift-rows", newest=99)[2] == verdicts[70]


@pytest.mark.usefixtures("churn")
def test_find_state_that_turned_between_minutes_is_kept(store: Store, reader: Reader) -> None:
    put(store, *(ok(OLD + at * SECOND) for at in range(60)))
    put(store, *(drifted(OLD + at * SECOND, "age") for at in range(60, 120)))
    thin(store, reader)
    assert seconds(reader) == [0, 59, 60, 119]


@pytest.mark.usefixtures("churn")
def test_find_after_a_day_one_an_hour_and_the_same_states(store: Store, reader: Reader) -> None:
    since = NOON - 30 * HOUR
    verdicts = [ok(since + at * 10 * SECOND) for at in range(2 * 360)]
    verdicts[400] = drifted(verdicts[400].judged, "age")
    put(store, *verdicts)
    minutes = Thinner(reader)
    thin(store, reader, NOON - 7 * HOUR, minutes)
    assert len(seconds(reader)) == 122
    thin(store, reader, NOON, minutes)
    assert seconds(reader, since=since) == [0, 3590, 4000, 7190]
    thin(store, reader)
    assert len(seconds(reader)) == 4


@pytest.mark.usefixtures("churn")
def test_find_ways_to_drift_without_end_are_bounded(store: Store, reader: Reader) -> None:
    put(store, *(drifted(OLD + at * SECOND, f"f{at}") for at in range(60)))
    thin(store, reader)
    assert len(seconds(reader)) == STATES + 2


@pytest.mark.usefixtures("churn")
def test_find_cited_by_a_decision_kept(store: Store, reader: Reader) -> None:
    put(store, *(drifted(OLD + at * SECOND, "age") for at in range(60)))

    def cites(number: int, kind: str, at: int) -> dict[str, object]:
        judged = format_time(OLD + at * SECOND)
        return {"model_version": number, "verdict": {"kind": kind, "judged": judged}}

    others = (cites(4, "drift-rows", 27), cites(3, "quality", 37), {"verdict": None}, {})
    store.begin()
    for at, cited in enumerate((cites(3, "drift-rows", 17), *others)):
        text = json.dumps(cited)
        made = Retraining(f"r{at}", "churn", "drift", OLD + 18 * SECOND, "started", "why", text)
        store.add_retraining(made)
    store.commit()
    thin(store, reader)
    assert seconds(reader) == [0, 17, 59]


@pytest.mark.usefixtures("churn")
def test_find_each_series_apart(
    store: Store, reader: Reader, version: Callable[..., Version]
) -> None:
    store.begin()
    store.register(version(4), NOON)
    store.commit()
    day = [replace(ok(OLD + at * SECOND), window="time") for at in range(60)]
    later = [replace(ok(OLD + at * SECOND), version=4) for at in range(60)]
    fine = [quality("churn", 3, OLD + at * SECOND, {"accuracy": metric(0.9)}) for at in range(60)]
    fine[20] = quality("churn", 3, OLD + 20 * SECOND, {"accuracy": metric(0.7, "critical")})
    put(store, *day, *later, *fine)
    thin(store, reader)
    assert seconds(reader, "drift-time") == [0, 59]
    assert seconds(reader, "quality") == [0, 20, 59]
    assert len(reader.history.moments(("churn", 4, "drift-rows"), 0, NOON, 99)) == 2


@pytest.mark.usefixtures("churn")
def test_find_more_than_a_page_is_thinned_alike(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.monitor.thinning.PAGE", 100)
    put(store, *(ok(OLD + at * SECOND) for at in range(600)))
    thin(store, reader)
    assert seconds(reader) == [0, *range(59, 600, 60)]
    assert PAGE > 100


@pytest.mark.usefixtures("churn")
def test_find_again_looks_at_what_is_new_alone(store: Store, reader: Reader) -> None:
    thinner = Thinner(reader)
    put(store, *(ok(OLD + at * SECOND) for at in range(60)))
    assert thin(store, reader, NOON, thinner) == 58
    # Nobody judges in the past; were it looked at again, one of them would go.
    put(store, ok(OLD + 1), ok(OLD + 2))
    assert thin(store, reader, NOON, thinner) == 0
    put(store, *(ok(NOON + at * SECOND) for at in range(60)))
    assert thin(store, reader, NOON + HOUR + MINUTE, thinner) == 59


@pytest.mark.usefixtures("churn")
def test_find_lot_that_was_not_deleted_is_found_again(store: Store, reader: Reader) -> None:
    thinner = Thinner(reader)
    put(store, *(ok(OLD + at * SECOND) for at in range(120)))
    next(thinner.find(NOON))
    assert thin(store, reader, NOON, thinner) == 117


@pytest.mark.usefixtures("churn")
def test_find_clock_set_back_nothing_goes(store: Store, reader: Reader) -> None:
    put(store, *(ok(OLD + at * SECOND) for at in range(120)))
    assert thin(store, reader, NOON - 7 * DAY) == 0
    assert len(seconds(reader)) == 120


@pytest.mark.usefixtures("churn")
def test_upkeep_thins_by_the_writer_where_it_leads(store: Store, reader: Reader) -> None:
    since = int(time.time() * SECOND) // HOUR * HOUR - 3 * HOUR
    put(store, *(ok(since + at * SECOND) for at in range(120)))
    writer = Writer(store, capacity=10, observe_commit=lambda _: None)
    writer.start()
    follows = Upkeep(writer.submit, Retention(), Thinner(reader), leads=lambda: False)
    leads = Upkeep(writer.submit, Retention(), Thinner(reader))
    assert (follows.thin_once(), leads.thin_once(), leads.thin_once()) == (0, 117, 0)
    writer.close()
    assert seconds(reader, since=since) == [0, 59, 119]
