import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pytest

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.report.text import number, percent, plain, text
from components.validate.describe import describe
from components.validate.failure import Failure, Severity
from components.validate.report import render
from components.validate.statistics import Statistics

N = 300
VOID = {"meta"}
NEW_NAMES = ("<script>alert(1)</script>", '"onclick=x', "a" * 5000, "\u202ertl", "", "数据 😀")


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def column(name: str, kind: ColumnType, **keys: Any) -> ColumnContract:
    return ColumnContract(**{"name": name, "type": kind, "role": Role.FEATURE, **keys})


def page(
    data: dict[str, Any],
    columns: dict[str, dict[str, Any]] | None = None,
    failures: tuple[Failure, ...] = (),
    previous: Statistics | None = None,
    classes: Any = ("no", "yes"),
) -> tuple[str, Statistics]:
    """The report of columns of numbers, texts and dates, with a target y of two classes."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, max(2, len(classes or ())), N)
    answer = pl.Series(target).cast(pl.Float64 if classes is None else pl.Int64)
    frame = pl.DataFrame({**data, "y": answer})
    kinds = {pl.String: ColumnType.CATEGORY, pl.Datetime: ColumnType.DATE}
    found = [
        column(
            name,
            kinds.get(dtype.base_type(), ColumnType.NUMBER),
            **({"role": Role.TARGET} if name == "y" else {}),
            **(columns or {}).get(name, {}),
        )
        for name, dtype in frame.schema.items()
    ]
    lineage = Lineage(run_id="run-1", rows=N, columns=frame.width, fingerprint="sha256:" + "a" * 64)
    contract = Contract(columns=tuple(found), target="y", classes=classes, lineage=lineage)
    statistics = describe(
        frame.lazy(), contract, failures, rejected=3, duplicates=2, previous=previous
    )
    return render("m", contract, statistics), statistics


def numbers(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {f"n{i}": rng.normal(size=N) for i in range(count)}


def test_report_shows_every_section() -> None:
    data = {**numbers(2), "city": ["Bern", "Lyon", None] * 100}
    data["when"] = pl.Series(np.arange(N) * 10**10).cast(pl.Datetime("us"))
    html, _ = page(data)
    words = " ".join(Page(html).words)
    for title in (
        "Contract", "Since the last version", "Target against features", "Columns", "Missing",
        "Outliers", "Correlations", "Ignored", "Counts alone", "About these figures",
    ):  # fmt: skip
        assert "<h2 id=" in html
        assert title in words
    for said in (
        "3 without a target",
        "duplicate rows",
        "100 cells",
        "keeps its contract",
    ):
        assert said in words


@pytest.mark.parametrize("classes", [None, ("no", "yes"), ("a", "b", "c")])
def test_report_same_statistics_give_the_same_page(classes: Any) -> None:
    data = {**numbers(3), "city": ["Bern", "Lyon", None] * 100}
    html, _ = page(data, classes=classes)
    assert html == page(data, classes=classes)[0]
    Page(html)


def test_report_needs_nothing_from_outside_and_runs_nothing() -> None:
    html, _ = page({**numbers(3), "city": ["Bern"] * N})
    found = Page(html)
    assert not {tag for tag, _ in found.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
    }
    assert all(a["href"] and a["href"].startswith("#") for tag, a in found.tags if tag == "a")
    assert not re.search(r"https?:|url\(|@import| on[a-z]+=", html)
    assert "default-src 'none'" in html


def test_report_drawings_have_words_and_ids_are_unique() -> None:
    html, _ = page({**numbers(3), "city": ["Bern", "Lyon"] * 150})
    found = Page(html)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    drawings = [a for tag, a in found.tags if tag == "svg"]
    assert len(drawings) == 6
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set((drawing["aria-labelledby"] or "").split()) <= set(ids)
    scrolling = [a for _, a in found.tags if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolling)


def test_report_hostile_names_are_only_names() -> None:
    rng = np.random.default_rng(2)
    data: dict[str, Any] = {name: rng.choice(NEW_NAMES, N) for name in NEW_NAMES}
    failures = tuple(
        Failure("<b>code</b>", name, 1, Severity.REFUSE, "</table>" + "e" * 5000)
        for name in NEW_NAMES
    )
    html, statistics = page(data, failures=failures, previous=None)
    again, _ = page(data, failures=failures, previous=statistics)
    for shown in (html, again):
        found = Page(shown)
        assert "script" not in {tag for tag, _ in found.tags}
        assert "b>code" not in shown
        assert "onclick" not in {key for _, attrs in found.tags for key in attrs}
        assert "\u202e" not in shown
        assert "a" * 400 not in shown
        assert "e" * 400 not in shown


def test_report_failures_are_told_whole() -> None:
    failures = (
        Failure("above_max", "n0", 1234, Severity.REFUSE, "at most 7", (3, 8)),
        Failure("stale", "", 5, Severity.WARN, "newer rows"),
    )
    html, _ = page(numbers(1), failures=failures)
    words = " ".join(Page(html).words)
    for said in ("refused", "above_max", "1,234", "at most 7", "3, 8", "the table", "newer rows"):
        assert said in words


def test_report_private_column_is_counts_alone() -> None:
    private = [None, *(f"SECRET{i % 7}" for i in range(N - 1))]
    keys = {"private": True, "role": Role.IGNORED, "reason": "private (hash)"}
    data = {**numbers(1), "p": private}
    _, before = page(data, {"p": keys})
    html, _ = page(data, {"p": keys}, previous=before)
    assert "SECRET" not in html
    row = re.search(r"<bdi>p</bdi></th><td>[^<]*<bdi>private</bdi>.*?</tr>", html)
    assert row is not None
    assert re.findall(r'"n">([^<]*)<', row[0]) == [f"{N}", "1", "–"]


def test_report_ignored_column_tells_why() -> None:
    html, _ = page(
        {**numbers(1), "t": ["u"] * N}, {"t": {"role": Role.IGNORED, "reason": "it has no name"}}
    )
    assert "it has no name" in html


def test_report_tells_what_changed() -> None:
    _, before = page({**numbers(1), "gone": [1.0] * N, "city": ["Bern"] * N})
    html, _ = page({**numbers(1), "fresh": [1.0] * N, "city": ["Rom"] * N}, previous=before)
    words = re.sub(r"\s+", " ", " ".join(Page(html).words))
    assert "300 rows after 300" in words
    assert "New columns : fresh" in words
    assert "Columns that are gone : gone" in words
    assert "too few rows to judge" in words
    assert "<bdi>Rom</bdi>" in html.split('id="outcome"')[0]


def test_report_of_10000_columns_stays_usable() -> None:
    names = [f"n{i:05}" for i in range(10_000)]
    values = np.random.default_rng(0).normal(size=(N, 10_000))
    html, _ = page({name: values[:, i] for i, name in enumerate(names)})
    assert html.count("<article") == 1 + 200 + 60
    assert "so that the page stays usable; 9,801 more are in the list" in html
    assert all(f"{name}</bdi>" in html for name in names[::97])
    assert len(html) < 10_000_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"), (0.0, "0"), (-3.0, "−3"), (1234.0, "1,234"), (0.12345, "0.1235"),
        (1234567.0, "1.23e6"), (99.999, "100"), (-1e300, "−1e300"), (1e-9, "1e−9"),
    ],
)  # fmt: skip
def test_number_is_short(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0.0%"), (1e-9, "&lt;0.1%"), (0.5, "50.0%"), (0.99999, "&gt;99.9%"), (1, "100.0%")],
)
def test_percent_of_a_little_is_never_0(share: float, said: str) -> None:
    assert percent(share) == said


def test_text_clips_the_middle_and_shows_what_is_invisible() -> None:
    clipped = text("begin-" + "x" * 500 + "-end")
    assert re.search(r">begin-x+…x+-end</bdi>", clipped)
    assert len(clipped) < 400
    assert text("a\x00b") == "<bdi>a\\x00b</bdi>"
    assert plain('"<') == "&quot;&lt;"
