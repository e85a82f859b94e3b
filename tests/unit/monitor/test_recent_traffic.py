from components.monitor.recent_traffic import LEFT_SECONDS, Growth, RecentTraffic
from components.monitor.totals import Total

NOON = 1_795_176_000_000_000
OLD, NEW = ("churn", 1), ("churn", 2)


def total(version: int, events: int, last: int | None = NOON, *, registered: bool = True) -> Total:
    return Total("churn", version, registered, events, events, 0, 0, NOON, last)


def test_look_first_goes_by_the_events_own_times() -> None:
    totals = [total(1, 5, NOON - int(LEFT_SECONDS * 1e6) - 1), total(2, 5), total(3, 0, None)]
    assert RecentTraffic().look(totals, 0.0) == {NEW}
    totals = [total(1, 5, NOON - int(LEFT_SECONDS * 1e6)), total(2, 5)]
    assert RecentTraffic().look(totals, 0.0) == {OLD, NEW}


def test_look_later_goes_by_growth_whatever_the_senders_clocks_say() -> None:
    traffic = RecentTraffic()
    ahead = NOON + 9 * 86_400_000_000
    assert traffic.look([total(1, 5, ahead)], 0.0) == {OLD}
    assert traffic.look([total(1, 5, ahead), total(2, 1)], 10.0) == {OLD, NEW}
    assert traffic.look([total(1, 5, ahead), total(2, 2)], 10.0 + LEFT_SECONDS) == {NEW}
    assert traffic.look([total(1, 6, ahead), total(2, 2)], 900.0) == {OLD}


def test_look_idle_model_keeps_its_last_version() -> None:
    traffic = RecentTraffic()
    traffic.look([total(1, 5)], 0.0)
    assert traffic.look([total(1, 5)], 1e6) == {OLD}


def test_look_unregistered_events_do_not_count() -> None:
    assert RecentTraffic().look([total(1, 5, registered=False)], 0.0) == set()


def test_growth_first_look_knows_only_what_it_is_told() -> None:
    growth = Growth()
    assert growth.look({OLD: 5, NEW: 5}, {OLD: 3.0}, 10.0) == {OLD: 3.0}
    assert growth.look({OLD: 5, NEW: 6}, {}, 20.0) == {OLD: 3.0, NEW: 20.0}
    assert growth.look({("x", 1): 1}, {}, 30.0) == {OLD: 3.0, NEW: 20.0, ("x", 1): 30.0}
