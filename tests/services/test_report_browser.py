"""The data report in a real browser: what only a layout engine can tell."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.validate.describe import describe
from components.validate.failure import Failure, Severity
from components.validate.report import render

CHROMIUM = shutil.which("chromium")
PHONE, DESK = 390, 1280
N = 300

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the report's layout is NOT tested: needs Debian's `chromium` package"
)


class Browser:
    """Chromium, spoken to over its debugging pipe (file descriptors 3 and 4, NUL-ended JSON)."""

    def __init__(self, folder: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # The shell only moves the pipe's ends to where Chromium wants them.
        move = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", move, CHROMIUM or "chromium", *options, "about:blank"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._answers, 2**20)
            assert more, "Chromium has ended"
            self._unread += more
        text, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(text))

    def open(self, page: Path, width: int, scheme: str = "light") -> None:
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=844, deviceScaleFactor=1, mobile=width == PHONE,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=page.as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._read())

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self) -> None:
        os.close(self._commands)
        self._process.wait(30)
        os.close(self._answers)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of awkward names, many numbers, every kind of column, failures and changes."""
    rng = np.random.default_rng(0)
    data: dict[str, Any] = {f"number_{i}": rng.lognormal(size=N) for i in range(35)}
    data |= {"a" * 5000: rng.normal(size=N), "<script>document.title='run'</script>": ["x"] * N}
    data |= {"text": rng.choice(["w" * 5000, "<img src=x onerror=alert(1)>", "\u202eعربي"], N)}
    data |= {"date": pl.Series(np.arange(N) * 10**11).cast(pl.Datetime("us"))}
    data |= {"private": ["SECRET"] * N, "y": rng.integers(0, 3, N)}
    frame = pl.DataFrame(data)
    kinds = {pl.Float64: ColumnType.NUMBER, pl.Datetime: ColumnType.DATE}
    columns = tuple(
        ColumnContract(
            name=name,
            type=kinds.get(dtype.base_type(), ColumnType.CATEGORY),
            role={"y": Role.TARGET, "private": Role.IGNORED}.get(name, Role.FEATURE),
            private=name == "private",
        )
        for name, dtype in frame.schema.items()
    )
    lineage = Lineage(run_id="r", rows=N, columns=frame.width, fingerprint="sha256:" + "0" * 64)
    contract = Contract(columns=columns, target="y", classes=("a", "b", "c"), lineage=lineage)
    failures = [Failure("below_min", "a" * 5000, 3, Severity.REFUSE, "e" * 3000, (1, 2))]
    before = describe(frame.drop("number_3").lazy(), contract_without(contract, "number_3"))
    found = describe(frame.lazy(), contract, failures, previous=before)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render("m" * 300, contract, found), encoding="utf-8")
    return path


def contract_without(contract: Contract, name: str) -> Contract:
    kept = tuple(column for column in contract.columns if column.name != name)
    return contract.model_copy(update={"columns": kept})


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("opened", [False, True])
def test_report_page_never_scrolls_sideways(
    browser: Browser, page: Path, width: int, opened: bool
) -> None:
    browser.open(page, width)
    if opened:
        browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth") == width
    tables = "[...document.querySelectorAll('.scroll')]"
    assert browser.value(f"{tables}.every(t => t.getBoundingClientRect().right <= {width})")
    assert browser.value(f"{tables}.some(t => t.scrollWidth > t.clientWidth)")


def test_report_runs_and_loads_nothing(browser: Browser, page: Path) -> None:
    browser.open(page, DESK)
    assert browser.value("document.title").endswith("data report")
    assert browser.value("document.scripts.length + document.images.length") == 0
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [page.as_uri()]
    assert not [e for e in browser.events if e.get("method") == "Log.entryAdded"]


def test_report_every_drawing_has_a_name_for_who_cannot_see_it(
    browser: Browser, page: Path
) -> None:
    browser.open(page, PHONE)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    images = [n for n in nodes if n.get("role", {}).get("value") in ("image", "img")]
    drawings = browser.value("document.querySelectorAll('svg').length")
    assert len(images) >= drawings > 60
    assert all(image["name"]["value"] for image in images)


def test_report_long_tables_are_reached_by_the_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page, PHONE)
    seen = set()
    for _ in range(400):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        seen.add(browser.value("document.activeElement.tagName + document.activeElement.className"))
    assert {"A", "DIVscroll", "SUMMARY"} <= seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_text_stands_out_from_what_is_behind_it(
    browser: Browser, page: Path, scheme: str
) -> None:
    browser.open(page, DESK, scheme)
    # WCAG 2.2, 1.4.3: a contrast of 4.5 to 1; large text on filled cells at least 3 to 1.
    low = browser.value(
        """(() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const over = (f, b) => { const a = f.length > 3 ? f[3] : 1;
          return [0, 1, 2].map(i => f[i] * a + b[i] * (1 - a)); };
        const back = e => { const c = parse(getComputedStyle(e).backgroundColor);
          const full = c.length < 4 || c[3] === 1;
          if (full) return c.slice(0, 3);
          return over(c, e.parentElement ? back(e.parentElement) : [255, 255, 255]); };
        const light = c => { const [r, g, b] = c.map(v => { v /= 255;
          return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const found = new Map();
        for (const e of document.querySelectorAll('body *')) {
          if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3)) continue;
          const b = back(e), f = over(parse(getComputedStyle(e).color), b);
          const [x, y] = [light(f), light(b)].sort((p, q) => q - p);
          const ratio = (x + 0.05) / (y + 0.05);
          const least = 4.5;
          if (ratio < least) found.set(e.tagName + '.' + e.className, ratio.toFixed(2));
        }
        return JSON.stringify([...found]);
        })()"""
    )
    assert json.loads(low) == []
