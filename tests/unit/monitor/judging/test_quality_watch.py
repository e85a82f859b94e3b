from collections.abc import Callable
from typing import Any

import pytest

from components.monitor.judging import quality_watch
from components.monitor.judging.quality_watch import QualityWatch
from components.monitor.verdicts import QualityVerdict
from components.monitor.versions import Version
from tests.unit.monitor.judging.conftest import Rig
from tests.watched import START, Watched

Make = Callable[..., Watched]
LATER = int((START + 1000) * 1e6)


def judge(rig: Rig, version: Version, watch: QualityWatch | None = None) -> QualityVerdict | None:
    """Judges as the judge does, and stores the verdict."""
    watch = watch or QualityWatch(version, rig.reader, pace=0.0)
    totals = {(t.model, t.version): t for t in rig.reader.content().totals if t.registered}
    verdict = watch.step(totals["churn", 3].labelled)
    if verdict is not None:
        rig.submit(lambda store: store.add_verdict("quality", verdict)).result()
    return verdict


@pytest.fixture
def answered(rig: Rig, watched: Make) -> tuple[Version, Watched, list[dict[str, Any]]]:
    model = watched(window=100, quality={"accuracy": {"min": 0.85}})
    version = rig.register(model)
    events = model.events(400, "a")
    rig.send(events)
    return version, model, events


Answered = tuple[Version, Watched, list[dict[str, Any]]]


def test_step_labels_as_on_the_hold_out_quality_is_ok(rig: Rig, answered: Answered) -> None:
    version, model, events = answered
    rig.label(model.labels(events, wrong=0.08), LATER)
    verdict = judge(rig, version)
    assert verdict is not None
    accuracy = verdict.metrics["accuracy"]
    assert (verdict.status, verdict.rows) == ("ok", 400)
    assert accuracy.low < accuracy.value < accuracy.high
    assert (accuracy.baseline, accuracy.threshold) == (0.9, 0.85)
    assert verdict.cusum is not None
    assert not verdict.cusum.alarm
    assert verdict.lag == pytest.approx(1000 - 20, abs=1)


def test_step_labels_that_contradict_quality_is_critical(rig: Rig, answered: Answered) -> None:
    version, model, events = answered
    rig.label(model.labels(events, wrong=0.4), LATER)
    verdict = judge(rig, version)
    assert verdict is not None
    assert verdict.status == "critical"
    assert verdict.metrics["accuracy"].status == "critical"
    assert verdict.cusum is not None
    assert verdict.cusum.alarm


def test_step_nothing_new_no_verdict_also_after_a_restart(rig: Rig, answered: Answered) -> None:
    version, model, events = answered
    watch = QualityWatch(version, rig.reader, pace=0.0)
    assert judge(rig, version, watch) is None
    rig.label(model.labels(events[:200]), LATER)
    assert judge(rig, version, watch) is not None
    assert judge(rig, version, watch) is None
    assert judge(rig, version) is None
    rig.label(model.labels(events[200:]), LATER + 5)
    again = judge(rig, version)
    assert again is not None
    assert again.rows == 400


def test_step_few_new_labels_wait_for_more(rig: Rig, answered: Answered) -> None:
    version, model, events = answered
    labels = model.labels(events)
    watch = QualityWatch(version, rig.reader, pace=0.0)
    rig.label(labels[:300], LATER)
    assert judge(rig, version, watch) is not None
    rig.label(labels[300:302], LATER + 1)
    assert judge(rig, version, watch) is None
    rig.label(labels[302:303], LATER + 2)
    verdict = judge(rig, version, watch)
    assert verdict is not None
    assert verdict.rows == 303


def test_step_corrected_labels_are_judged_in_the_end(
    rig: Rig, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, model, events = answered
    watch = QualityWatch(version, rig.reader, pace=0.0)
    rig.label(model.labels(events, wrong=0.0), LATER)
    first = judge(rig, version, watch)
    assert first is not None
    assert first.metrics["accuracy"].value == 1.0
    rig.label(model.labels(events[:100], wrong=1.0), LATER + 10)
    assert judge(rig, version, watch) is None
    monkeypatch.setattr(quality_watch, "LATEST", 0.0)
    second = judge(rig, version, watch)
    assert second is not None
    assert second.metrics["accuracy"].value == 0.75


def test_step_many_labels_the_newest_predictions_are_judged(
    rig: Rig, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, model, events = answered
    monkeypatch.setattr(quality_watch, "MOST_ROWS", 150)
    rig.label(model.labels(events[300:], wrong=0.0), LATER)
    # Labels that come last, of predictions that came first.
    rig.label(model.labels(events[:300], wrong=1.0), LATER + 1)
    verdict = judge(rig, version)
    assert verdict is not None
    assert verdict.rows == 150
    assert verdict.metrics["accuracy"].value == pytest.approx(100 / 150)
