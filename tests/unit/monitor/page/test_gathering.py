"""What the page reads of a store, alike on both databases."""

from dataclasses import replace

import pytest

from components.monitor.page.gathering import Gatherer, group
from components.monitor.page.words import HOUR
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from tests.judged import MINUTE, NOON, alert, column, decision, drift, event, fill, version


@pytest.fixture
def gatherer(reader: Reader) -> Gatherer:
    return Gatherer(reader)


def test_group_puts_events_and_registrations_together(store: Store, reader: Reader) -> None:
    store.begin()
    store.register(version("churn", 1, ["age"]), NOON)
    store.add_events([event("churn", 1, NOON), event("churn", 0, NOON, registered=False)])
    store.add_events([event("other", 7, NOON, registered=False), event("churn", 1, NOON)])
    store.commit()
    found = group(reader.content(), reader.versions())
    assert list(found) == ["churn", "other"]
    unnamed, first = found["churn"]
    assert (unnamed.number, unnamed.known, unnamed.unjudged) == (0, None, 1)
    assert (first.events, first.duplicates, first.predictions) == (1, 1, 2000)
    assert first.first_event == NOON - 5


def test_read_finds_the_version_that_answers_by_arrival(
    store: Store, reader: Reader, gatherer: Gatherer
) -> None:
    store.begin()
    for number in (1, 2, 3):
        store.register(version("churn", number, ["age"]), NOON)
    late, early = event("churn", 2, NOON + 2), event("churn", 1, NOON + 1)
    # The sender of version 1 has a clock that is a year ahead.
    ahead = replace(early, id="ahead", time=NOON + 366 * 24 * HOUR, received=NOON)
    store.add_events([ahead, early])
    store.add_events([late])
    store.commit()
    model = gatherer.read("churn", group(reader.content(), reader.versions())["churn"], deep=True)
    assert model.served is not None
    assert model.served.number == 2
    assert model.served.last_event == NOON + 2
    assert [v.number for v in model.versions] == [2, 1, 3]
    assert model.drift is None


def test_read_takes_verdicts_of_the_version_before_until_there_are_some(
    store: Store, reader: Reader, gatherer: Gatherer
) -> None:
    fill(store, features=3)
    store.begin()
    store.register(version("churn", 3, ["age"]), NOON)
    store.add_events([event("churn", 3, NOON)])
    store.commit()
    grouped = group(reader.content(), reader.versions())
    model = gatherer.read("churn", grouped["churn"], deep=False)
    assert model.served is not None
    assert (model.served.number, model.served.is_judged) == (3, False)
    assert model.drift is not None
    assert model.quality is not None
    assert (model.drift.version, model.quality.version) == (2, 2)


def test_read_tells_news_of_its_model_alone(
    store: Store, reader: Reader, gatherer: Gatherer
) -> None:
    fill(store, features=1, verdicts=1)
    store.begin()
    store.add_alert(alert(model="", fingerprint="f0"))
    store.add_alert(alert(model="other", fingerprint="f2"))
    store.add_retraining(decision(model="other", id="r2"))
    store.commit()
    versions = group(reader.content(), reader.versions())["churn"]
    for deep in (False, True):
        model = gatherer.read("churn", versions, deep=deep)
        assert [a.model for a in model.alerts] == ["churn"]
        assert {d.model for d in model.decisions} == {"churn"}
    assert [a.fingerprint for a in gatherer.alerts()[""]] == ["f0"]


def test_past_reaches_back_from_the_last_verdict(
    store: Store, reader: Reader, gatherer: Gatherer
) -> None:
    fill(store, features=2, verdicts=40)
    versions = group(reader.content(), reader.versions())["churn"]
    model = gatherer.read("churn", versions, deep=True)
    last = NOON - 10 * MINUTE
    past = gatherer.past(model, HOUR, 60)
    assert past is not None
    assert (past.span.since, past.span.until) == (last - HOUR, last)
    assert [p.judged for p in past.drift] == [last - at * 10 * MINUTE for at in range(6, -1, -1)]
    assert [p.judged for p in past.quality] == [p.judged for p in past.drift]
    whole = gatherer.past(model, None, 10)
    assert whole is not None
    assert [p.version for p in whole.drift] == [1, *[2] * (len(whole.drift) - 1)]
    assert len(whole.drift) <= 11
    glance = gatherer.past(model, None, 10, drift=False)
    assert glance is not None
    assert glance.drift == []


def test_past_of_what_was_never_judged_is_none(
    store: Store, reader: Reader, gatherer: Gatherer
) -> None:
    store.begin()
    store.register(version("churn", 1, ["age"]), NOON)
    store.add_verdict("drift-rows", drift("other", 1, NOON, {"age": column()}))
    store.commit()
    versions = group(reader.content(), reader.versions())["churn"]
    assert gatherer.past(gatherer.read("churn", versions, deep=True), None, 9) is None
