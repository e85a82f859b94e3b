"""Every metric that the server promises, read from a scrape; and a monitor that is slow."""

import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.bundles import GOLDEN, Fitted, build
from tests.serving import Collector, ServerProcess, wait_for

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
MODEL = {"model_name": "churn", "model_version": "7"}
BOUNDS = (
    *("5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025"),
    *("0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "+Inf"),
)


class SlowMonitor(Collector):
    """A monitor that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        super().__init__()
        handler = self.server.RequestHandlerClass
        answer = handler.do_POST  # type: ignore[attr-defined]
        monitor = self

        def wait(self: object) -> None:
            monitor.asked.set()
            monitor.go.wait(30)
            answer(self)

        handler.do_POST = wait  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def monitor() -> Iterator[SlowMonitor]:
    monitor = SlowMonitor()
    yield monitor
    monitor.go.set()
    monitor.close()


@pytest.fixture(scope="module")
def server(bundle: Fitted, monitor: SlowMonitor) -> Iterator[ServerProcess]:
    server = ServerProcess(
        *("--bundle", str(bundle.folder), "--version", "7", "--monitor", monitor.url)
    )
    yield server
    monitor.go.set()
    assert server.stop() == 0


def scrape(server: ServerProcess) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Reads all samples of ours, by name and labels."""
    text = server.client.get("/metrics").text
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("kubeloop_"):
                labels = frozenset(sample.labels.items())
                found.setdefault(sample.name, {})[labels] = sample.value
    return found


def value(server: ServerProcess, name: str, **labels: str) -> float:
    return scrape(server).get(name, {}).get(frozenset((MODEL | labels).items()), 0.0)


def test_all_metrics_are_there_with_their_labels(server: ServerProcess) -> None:
    server.predict("churn", ROWS)
    server.predict("churn", [["x", 1, "Oslo", "basic"]])
    labels = {
        "kubeloop_requests_total": {"protocol", "code"},
        "kubeloop_request_duration_seconds_bucket": {"protocol", "le"},
        "kubeloop_rows_total": set(),
        "kubeloop_predictions_total": {"label"},
        "kubeloop_invalid_values_total": {"feature", "reason"},
        "kubeloop_requests_in_flight": set(),
        "kubeloop_model_info": {"task", "runtime"},
        "kubeloop_model_trained_timestamp_seconds": set(),
        "kubeloop_events_dropped_total": set(),
    }
    found = scrape(server)
    for name, own in labels.items():
        names = {frozenset(key for key, _ in sample) for sample in found[name]}
        assert names == {frozenset({"model_name", "model_version", *own})}, name


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_requests_rows_and_predictions_are_counted(server: ServerProcess, protocol: str) -> None:
    def read() -> list[float]:
        return [
            value(server, "kubeloop_requests_total", protocol=protocol, code="200"),
            value(server, "kubeloop_requests_total", protocol=protocol, code="400"),
            value(server, "kubeloop_request_duration_seconds_count", protocol=protocol),
            value(server, "kubeloop_rows_total"),
            value(server, "kubeloop_predictions_total", label="Yes"),
            value(server, "kubeloop_predictions_total", label="No"),
            value(server, "kubeloop_invalid_values_total", feature="city", reason="unseen"),
            value(server, "kubeloop_invalid_values_total", feature="age", reason="null"),
        ]

    before = read()
    for age in (30, None):
        rows = [[age, 1500.0, "Bern", "basic"], [61.5, None, "Oslo", "plus"]]
        if protocol == "v1":
            server.predict("churn", rows)
        else:
            kinds = {"age": "FP32", "income": "FP32", "city": "BYTES", "plan": "BYTES"}
            inputs = [
                {"name": name, "datatype": kind, "shape": [2], "data": [row[at] for row in rows]}
                for at, (name, kind) in enumerate(kinds.items())
            ]
            server.client.post("/v2/models/churn/infer", json={"inputs": inputs})
    changes = [after - first for after, first in zip(read(), before, strict=True)]
    assert changes == [1, 1, 2, 2, 1, 1, 1, 1]


def test_durations_fall_into_buckets_from_50_microseconds_to_5_seconds(
    server: ServerProcess,
) -> None:
    server.predict("churn", ROWS)
    name = "kubeloop_request_duration_seconds_bucket"
    counts = [value(server, name, protocol="v1", le=bound) for bound in BOUNDS]
    assert counts == sorted(counts)
    assert counts[-1] == value(server, "kubeloop_request_duration_seconds_count", protocol="v1")
    bounds = {dict(sample)["le"] for sample in scrape(server)[name]}
    assert bounds == set(BOUNDS)


def test_a_request_that_is_being_received_is_in_flight(server: ServerProcess) -> None:
    go = threading.Event()

    def body() -> Iterator[bytes]:
        yield b'{"instances": '
        go.wait(10)
        yield b'[[1, 2, "Bern", "basic"]]}'

    def ask() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=20) as client:
            headers = {"content-type": "application/json"}
            answers.append(client.post("/v1/models/churn:predict", content=body(), headers=headers))

    answers: list[httpx.Response] = []
    asker = threading.Thread(target=ask)
    asker.start()
    try:
        assert wait_for(lambda: value(server, "kubeloop_requests_in_flight") == 1)
    finally:
        go.set()
        asker.join()
    assert answers[0].status_code == 200
    assert wait_for(lambda: value(server, "kubeloop_requests_in_flight") == 0)


def test_the_model_in_service_is_told(server: ServerProcess) -> None:
    assert value(server, "kubeloop_model_info", task="binary", runtime="onnx") == 1
    assert value(server, "kubeloop_model_trained_timestamp_seconds") == 1795176000.0


def test_requests_for_no_model_are_counted_under_no_name(server: ServerProcess) -> None:
    labels = {"model_name": "", "model_version": "", "protocol": "v2", "code": "404"}
    before = value(server, "kubeloop_requests_total", **labels)
    body = {"inputs": []}
    assert server.client.post("/v2/models/made-up/infer", json=body).status_code == 404
    assert value(server, "kubeloop_requests_total", **labels) - before == 1


def test_a_monitor_that_does_not_answer_delays_nobody_and_loses_what_does_not_fit(
    server: ServerProcess, monitor: SlowMonitor
) -> None:
    assert server.predict("churn", ROWS).status_code == 200
    assert monitor.asked.wait(10)
    before = value(server, "kubeloop_events_dropped_total")
    rows, statuses = ROWS[:1] * 10_000, []
    while value(server, "kubeloop_events_dropped_total") - before < 3 and len(statuses) < 500:
        statuses.append(server.predict("churn", rows).status_code)
    assert value(server, "kubeloop_events_dropped_total") - before >= 3
    assert not monitor.go.is_set()
    # All have been answered before the monitor has said a word; 64 MiB of events wait for it.
    assert set(statuses) == {200}
    assert monitor.batches == []
    monitor.go.set()
    assert wait_for(lambda: monitor.batches)
    assert server.predict("churn", ROWS, **{"ce-id": "after"}).status_code == 200
    assert wait_for(lambda: "after" in monitor.ids, 20)
