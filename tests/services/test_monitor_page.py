"""The monitor's page from the running service, in a real browser."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.monitor.store import Store
from tests.browsers import CHROMIUM, DESK, PHONE, Browser, low_contrast
from tests.bundles import build
from tests.judged import alert, event, fill
from tests.monitors import JSON, Monitor, prediction
from tests.serving import wait_for
from tests.watched import Watched

SECONDS = 60
PAGES = ("/", "/models/churn?span=all")
HTML = "text/html; charset=utf-8"

in_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="the page's layout is NOT tested: needs Debian's `chromium` package"
)


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """One whose store has a model of awkward names that has drifted, and one that nobody knows."""
    path = tmp_path_factory.mktemp("store") / "monitor.sqlite3"
    store = Store(path)
    fill(store, features=40)
    store.begin()
    store.add_events([event("<b>stranger</b>", 3, 1_795_176_000_000_000, registered=False)])
    store.add_alert(alert("KubeloopMonitorAbsent", "", fingerprint="f0"))
    store.commit()
    store.close()
    started = Monitor(path)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


def address(monitor: Monitor, path: str) -> str:
    return f"http://127.0.0.1:{monitor.port}{path}"


def test_page_is_html_that_is_not_kept_and_runs_nothing(monitor: Monitor) -> None:
    status, body, headers = monitor.send("GET", "/")
    assert status == 200
    assert headers["Content-Type"] == HTML
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(body) < 1_000_000
    assert b"http://" not in body
    assert b"https://" not in body


def test_page_leaves_events_where_they_were(monitor: Monitor) -> None:
    body = json.dumps(prediction("page-1", version=9)).encode()
    headers = {"Content-Type": "application/cloudevents+json"}
    assert monitor.send("POST", "/", body, headers)[0] == 200
    assert monitor.send("HEAD", "/")[0] == 200
    assert monitor.send("PUT", "/", b"{}", {"Content-Type": JSON})[0] == 405


def test_page_of_an_unknown_model_says_so(monitor: Monitor) -> None:
    for name in ("stranger", "%3Cb%3E", "..%2Fx", "x" * 3000):
        status, body, headers = monitor.send("GET", f"/models/{name}")
        assert status == 404
    status, body, headers = monitor.send("GET", "/models/nobody")
    assert (status, headers["Content-Type"]) == (404, HTML)
    assert b"There is no such model" in body


def test_page_of_any_span_stands(monitor: Monitor) -> None:
    for span in ("hour", "day", "week", "all", "", "%3Cscript%3E", "1" * 999):
        status, body, _ = monitor.send("GET", f"/?span={span}")
        assert status == 200
        assert b"aria-current=page" in body
        assert b"<script" not in body


def test_pages_at_once_are_bounded_and_leave_the_monitor_answering(monitor: Monitor) -> None:
    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(monitor.send, "GET", "/") for _ in range(120)]
        assert monitor.get("/readyz")[0] == 200
        answers = [future.result() for future in asked]
    counts = Counter(status for status, _, _ in answers)
    assert set(counts) <= {200, 503}
    assert counts[200] > 0
    refused = [(body, headers) for status, body, headers in answers if status == 503]
    assert all(b"Many are looking" in body for body, _ in refused)
    assert all(headers["Retry-After"] == "5" for _, headers in refused)


@in_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("path", PAGES)
def test_page_never_scrolls_sideways(
    monitor: Monitor, browser: Browser, path: str, width: int, opened: bool
) -> None:
    browser.open(address(monitor, path), width)
    if opened:
        browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth") == width
    inside = "[...document.querySelectorAll('.scroll, .card, .card > *')]"
    assert browser.value(f"{inside}.every(e => e.getBoundingClientRect().right <= {width})")


@in_browser
@pytest.mark.parametrize("path", PAGES)
def test_page_runs_and_loads_nothing(monitor: Monitor, browser: Browser, path: str) -> None:
    browser.open(address(monitor, path), DESK)
    assert browser.value("document.title").endswith("Kubeloop monitor")
    assert browser.value("document.scripts.length + document.images.length") == 0
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [address(monitor, path)]
    assert not [e for e in browser.events if e.get("method") == "Log.entryAdded"]


@in_browser
def test_page_every_drawing_has_a_name_and_headings_skip_no_level(
    monitor: Monitor, browser: Browser
) -> None:
    for path in PAGES:
        browser.open(address(monitor, path), PHONE)
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        images = [n for n in nodes if n.get("role", {}).get("value") in ("image", "img")]
        drawings = browser.value(
            "[...document.querySelectorAll('svg')].filter(s => s.checkVisibility()).length"
        )
        assert len(images) >= drawings > 30
        assert all(image["name"]["value"] for image in images)
        levels = browser.value(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
        )
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@in_browser
def test_page_links_lead_to_what_they_name(monitor: Monitor, browser: Browser) -> None:
    browser.open(address(monitor, "/"), DESK)
    ends = browser.value(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => "
        "!!document.getElementById(a.getAttribute('href').slice(1)))"
    )
    assert len(ends) > 10
    assert all(ends)
    others = browser.value(
        "[...document.querySelectorAll('a:not([href^=\"#\"])')].map(a => a.href)"
    )
    assert address(monitor, "/models/churn") in others
    for link in set(others):
        assert link.startswith(address(monitor, "/"))
        assert monitor.send("GET", link.removeprefix(address(monitor, "")))[0] == 200


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_text_stands_out_from_what_is_behind_it(
    monitor: Monitor, browser: Browser, scheme: str
) -> None:
    for path in PAGES:
        browser.open(address(monitor, path), DESK, scheme)
        assert low_contrast(browser) == []


def test_page_of_a_store_that_cannot_be_read_says_so_in_words(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "monitor.sqlite3")
    try:
        assert monitor.send("GET", "/")[0] == 200
        os.rename(monitor.store, monitor.store.with_suffix(".away"))
        status, body, headers = monitor.send("GET", "/")
        assert (status, headers["Content-Type"]) == (503, HTML)
        assert headers["Retry-After"] == "5"
        assert b"The store cannot be read" in body
        assert str(tmp_path).encode() not in body
        os.rename(monitor.store.with_suffix(".away"), monitor.store)
        assert monitor.send("GET", "/")[0] == 200
    finally:
        monitor.stop()


def test_page_shows_what_the_monitor_judged(tmp_path: Path) -> None:
    watched = Watched(build(tmp_path / "bundle", "binary").folder)
    monitor = Monitor(tmp_path / "monitor.sqlite3")
    try:
        assert "No model is registered yet" in read(monitor)
        monitor.register(3, watched.registration())
        assert "churn is not judged yet" in read(monitor)
        events = watched.events(1500, "a", older=30)
        for at in range(0, len(events), 250):
            assert monitor.events(*events[at : at + 250])[0] == 200
        labels = watched.labels(events, wrong=0.5)
        assert monitor.post("/v1/feedback", labels)[0] == 200
        judged = wait_for(lambda: _after(monitor, "churn is critical"), SECONDS)
        assert "of 4 features drifted" in judged
        assert ">age<" in judged
        assert "1,500" in judged
    finally:
        monitor.stop()


def read(monitor: Monitor) -> str:
    status, body, _ = monitor.send("GET", "/")
    assert status == 200
    return body.decode()


def _after(monitor: Monitor, words: str) -> str | None:
    page = read(monitor)
    shown = (words, "labelled rows, of", 'id="m0-f0"')
    return page if all(part in page for part in shown) else None
