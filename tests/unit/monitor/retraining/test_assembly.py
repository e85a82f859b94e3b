"""Retraining put together over a real collector: what starts runs, and who is told what."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.monitor.collector import Collector
from components.monitor.intake import Limits
from components.monitor.retraining import notification
from components.monitor.retraining.assembly import Retraining, Settings
from components.monitor.upkeep import Retention
from tests.unit.monitor.retraining.test_alertmanager import BODY, changed


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path / "monitor.db", Limits(), Retention())
    made.start()
    yield made
    made.close()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The sentences for people; without an address they are in the log alone."""
    caplog.set_level("INFO", notification.__name__)

    def read() -> list[str]:
        return [record.args[0] for record in caplog.records if isinstance(record.args, tuple)]  # type: ignore[misc]

    return read


def register(collector: Collector, registration: Callable[..., Any], number: int) -> None:
    headers = {"content-type": "application/json"}
    body = json.dumps(registration()).encode()
    asyncio.run(collector.register("churn", str(number), headers, body))


def test_own_verdicts_are_the_source_without_a_token(collector: Collector) -> None:
    assert Retraining(collector, Settings()).describe("churn")["by"] == "own"


def test_token_makes_alerts_the_source_unless_told(collector: Collector, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    settings = Settings(token_file=token, state=tmp_path)
    described = Retraining(collector, settings).describe("churn")
    assert described == {"runner": "process", "by": "alerts", "rules": None}


def test_rollback_is_told_when_an_older_version_comes_back(
    collector: Collector, registration: Callable[..., Any], told: Callable[[], list[str]]
) -> None:
    retraining = Retraining(collector, Settings())
    for number in (1, 2):
        register(collector, registration, number)
        retraining.note_registration("churn", number, new=True)
    retraining.note_registration("churn", 2, new=False)
    assert told() == []
    retraining.note_registration("churn", 1, new=False)
    assert told() == ["Kubeloop: rollback of churn: version 1 is being put back into service"]


def test_new_alerts_are_told_by_rule_and_model_and_repeats_are_not(
    collector: Collector, told: Callable[[], list[str]]
) -> None:
    retraining = Retraining(collector, Settings())
    body = changed()
    body["alerts"] += [changed(fingerprint=f"{i:x}")["alerts"][0] for i in range(4)]
    body["alerts"].append(
        changed(fingerprint="ff", labels={"alertname": "KubeloopMonitorAbsent"})["alerts"][0]
    )
    assert asyncio.run(retraining.take_alerts(body)) == {"new": 6, "known": 0}
    assert asyncio.run(retraining.take_alerts(BODY)) == {"new": 0, "known": 1}
    assert told() == [
        "Kubeloop: alert KubeloopMonitorAbsent fires",
        "Kubeloop: alert KubeloopFeatureDrift fires for churn (5 times)",
    ]


def test_secret_address_is_in_no_representation() -> None:
    assert "SECRET" not in repr(Settings(notify="https://host/SECRET"))


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("127.0.0.1:9", "http://127.0.0.1:9"),
        ("0.0.0.0:9", "http://127.0.0.1:9"),
        ("[::]:9", "http://[::1]:9"),
    ],
)
def test_address_for_runs_is_where_the_monitor_listens(place: str, address: str) -> None:
    assert Settings().listening(place).address == address
    assert Settings(address="http://m").listening(place).address == "http://m"
