from components.monitor.retraining.traffic import Traffic
from components.monitor.totals import Total


def total(version: int, events: int, *, last: int = 5, registered: bool = True) -> Total:
    values = {"model": "churn", "version": version, "registered": registered, "events": events}
    rest = {"predictions": 0, "labelled": 0, "duplicates": 0, "first_time": 1, "last_time": last}
    return Total(**(values | rest))  # type: ignore[arg-type]


def test_first_look_takes_the_version_of_the_latest_event() -> None:
    traffic = Traffic()
    assert traffic.current("churn") is None
    traffic.look([total(1, 10_000, last=5), total(2, 3, last=9)])
    assert traffic.current("churn") == 2


def test_version_that_answers_more_is_current_and_stays_so_in_silence() -> None:
    traffic = Traffic()
    traffic.look([total(1, 100)])
    traffic.look([total(1, 190), total(2, 10)])
    assert traffic.current("churn") == 1
    traffic.look([total(1, 200), total(2, 100)])
    assert traffic.current("churn") == 2
    traffic.look([total(1, 200), total(2, 100)])
    assert traffic.current("churn") == 2


def test_rollback_gives_the_older_version_back() -> None:
    traffic = Traffic()
    traffic.look([total(1, 100)])
    traffic.promote("churn", 2)
    assert traffic.current("churn") == 2
    traffic.look([total(1, 101), total(2, 0)])
    assert traffic.current("churn") == 1


def test_events_of_unregistered_versions_do_not_count() -> None:
    traffic = Traffic()
    traffic.look([total(1, 1), total(9, 50, last=99, registered=False)])
    assert traffic.current("churn") == 1
