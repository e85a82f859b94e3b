"""The data report in a real browser: what only a layout engine can tell."""

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
from tests.browsers import CHROMIUM, DESK, PHONE, Browser, low_contrast

N = 300

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the report's layout is NOT tested: needs Debian's `chromium` package"
)


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
    assert low_contrast(browser) == []
