"""Every metric that a rule or a panel reads, with its labels, is one that running services tell."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.bundles import GOLDEN, build
from tests.cluster.installation import SCRAPED
from tests.manifests.rule_cases import written_groups
from tests.manifests.test_dashboards import FILES, expressions
from tests.monitors import Monitor
from tests.serving import ServerProcess, wait_for
from tests.watched import Watched

Exposed = dict[str, set[str]]

# What Prometheus itself adds to every series (PodMonitor), and what rules make.
TARGET = {"namespace", "pod", "instance"}
ENDINGS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
}


def exposed(text: str) -> Exposed:
    """The names of a scrape with the labels of their samples; a family may have none yet."""
    found: Exposed = {}
    for family in text_string_to_metric_families(text):
        for ending in ENDINGS.get(family.type, ("",)):
            found[family.name + ending] = set()
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """What a server tells that was asked, and a monitor that judged drift and quality."""
    bundle = build(tmp_path_factory.mktemp("bundles") / "binary", "binary").folder
    monitor = Monitor(tmp_path_factory.mktemp("store") / "events.sqlite3")
    address = f"http://127.0.0.1:{monitor.port}"
    server = ServerProcess(
        *("--bundle", str(bundle), "--version", "3", "--monitor", address),
    )
    try:
        yield _asked_and_judged(monitor, server, bundle)
    finally:
        server.stop()
        monitor.stop()


def _asked_and_judged(monitor: Monitor, server: ServerProcess, bundle: Path) -> Exposed:
    model = Watched(bundle, window=1000, quality={"accuracy": {"min": 0.85}})
    assert monitor.register(3, model.registration())[0] == 201
    for instances in ([GOLDEN[0]], [{"age": "old"}]):
        server.client.post("/v1/models/churn:predict", json={"instances": instances})
    events = model.events(1100, "told")
    for at in range(0, len(events), 250):
        assert monitor.events(*events[at : at + 250])[0] == 200
    assert monitor.post("/v1/feedback", model.labels(events[:1000], wrong=0.08))[0] == 200

    def judged() -> Exposed | None:
        found = exposed(monitor.send("GET", "/metrics")[1].decode())
        whole = found["kubeloop_model_quality"] and found["kubeloop_feature_psi"]
        return found if whole else None

    found: Exposed | None = wait_for(judged, 60)
    assert found is not None
    for name, labels in exposed(server.client.get("/metrics").text).items():
        found.setdefault(name, set()).update(labels)
    return found


def read() -> list[str]:
    rules = [rule["expr"] for group in written_groups() for rule in group["rules"]]
    return [*rules, *(text for path in FILES for text in expressions(path))]


def test_every_metric_of_rules_and_panels_is_exposed(told: Exposed) -> None:
    names = {name for text in read() for name in re.findall(r"\bkubeloop_\w+", text)}
    assert len(names) > 50
    assert names - set(told) == set()


def test_every_metric_that_the_tests_of_a_cluster_wait_for_is_exposed(told: Exposed) -> None:
    assert [name for name in SCRAPED if name not in told] == []


def test_every_label_that_rules_and_panels_ask_for_is_there(told: Exposed) -> None:
    asked = {
        (name, label)
        for text in read()
        for name, labels in re.findall(r"\b(kubeloop_\w+)\{([^}]*)\}", text)
        for label in re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", labels)
    }
    assert asked
    wrong = {(n, a) for n, a in asked if told.get(n) and a not in told[n] | TARGET}
    assert wrong == set()


def test_a_metric_that_nobody_tells_is_missed(told: Exposed) -> None:
    assert "kubeloop_feature_psi_limit" not in told
    assert "feature" in told["kubeloop_feature_psi"]
    assert "le" in told["kubeloop_request_duration_seconds_bucket"]
