"""The pages as HTML: closed tags, working links, nothing of a name as markup, bounded size."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from components.monitor.page.frame import Asked, render_problem
from components.monitor.page.gathering import SPANS
from components.monitor.page.page import render_model, render_overview
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from tests.judged import HOSTILE, MINUTE, NOON, alert, column, decision, drift, event, fill, version

NOW = Asked("all", NOON)
VOID = {"meta", "br"}
ALLOWED = {"a", "article", "b", "bdi", "body", "br", "circle", "code", "dd", "desc", "details",
           "div", "dl", "dt", "footer", "g", "h1", "h2", "h3", "h4", "head", "header", "html", "li",
           "line", "main", "meta", "nav", "p", "path", "section", "small", "span", "strong",
           "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time",
           "title", "tr", "ul"}  # fmt: skip


class Page(HTMLParser):
    """Checks that tags are closed in order and known, and keeps ids, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))
        missing = {link[1:] for link in self.links if link.startswith("#")} - set(self.ids)
        assert not missing

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "src"
            if name == "id":
                self.ids.append(str(value))
            if name == "href":
                self.links.append(str(value))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        assert self.open.pop() == tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "monitor.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def read(filled: Store) -> Iterator[Reader]:
    opened = Reader(filled.address)
    yield opened
    opened.close()


def overview(reader: Reader, asked: Asked = NOW) -> str:
    return render_overview(reader, reader.content(), reader.versions(), asked)


def model(reader: Reader, name: str = "churn") -> str | None:
    return render_model(reader, reader.content(), reader.versions(), name, NOW)


def test_overview_of_an_empty_store_says_how_a_model_comes(filled: Store, read: Reader) -> None:
    page = Page(overview(read))
    assert "No model is registered yet" in page.words
    assert "A model appears here when its first version is deployed" in page.words


def test_overview_of_a_model_without_events_says_that_none_came(
    filled: Store, read: Reader
) -> None:
    filled.begin()
    filled.register(version("churn", 1, ["age"]), NOON)
    filled.commit()
    page = Page(overview(read))
    assert "churn is not judged yet" in page.words
    assert "No event of a registered version has come." in page.words
    assert "no event yet" in page.words


@pytest.mark.parametrize("span", list(SPANS))
def test_overview_of_a_bad_model_shows_all_there_is(filled: Store, read: Reader, span: str) -> None:
    fill(filled)
    html = overview(read, Asked(span, NOON))
    page = Page(html)
    for words in (
        "churn is critical",
        "is 0.6 (0.57 to 0.63), its limit 0.75",
        "1 alert fires: KubeloopFeatureDrift",
        "A run has been under way for 10 min",
        "age has drifted <img src=x onerror=alert(1)>",
        "verdict metrics roc_auc value0.61",
        "with <i>2041</i> new labelled rows",
        "not started",
    ):
        assert words in page.words
    assert "aria-current=page" in html
    assert HOSTILE[0] in page.words
    assert "<script" not in html
    assert 'class="estimate"' in html
    assert html.count("<svg") == html.count('role="img"') == html.count("<title") - 1 - tips(html)


def tips(html: str) -> int:
    """Titles that are no drawing's own, but what a part of it says."""
    return html.count("<g><title>") + html.count('r="4"><title>') + html.count('l-4 6h8z"><title>')


def test_overview_of_many_models_links_to_their_pages_worst_first(
    filled: Store, read: Reader
) -> None:
    for name in ("a-good", "churn", "b-good", "c-good"):
        fill(filled, name, features=3, verdicts=1 if name != "churn" else 9)
    filled.begin()
    for name in ("a-good", "b-good", "c-good"):
        filled.add_alert(alert(model=name, fingerprint=f"f{name}", status="resolved", ends_at=NOON))
        filled.update_retraining(f"r-{name}", outcome="kept", ended=NOON)
    filled.commit()
    page = Page(overview(read))
    assert "1 of 4 models is critical" in page.words
    cards = [link for link in page.links if link.startswith("models/") and "#" not in link]
    assert cards[0] == "models/churn"
    assert set(cards) == {"models/churn", "models/a-good", "models/b-good", "models/c-good"}
    assert "models/churn#quality" in page.links


def test_overview_counts_what_nobody_registered(filled: Store, read: Reader) -> None:
    filled.begin()
    filled.add_events(
        [event(name, 7, NOON, registered=False) for name in (*HOSTILE, "../..", "a/b")]
    )
    filled.add_events([event("nameless", 0, NOON, registered=False)])
    filled.commit()
    page = Page(overview(read))
    assert "Models that nobody registered" in page.words
    assert HOSTILE[0] in page.words
    assert "not named" in page.words
    assert not [link for link in page.links if ".." in link]


def test_overview_lists_alerts_about_no_model(filled: Store, read: Reader) -> None:
    filled.begin()
    filled.add_alert(alert("KubeloopMonitorAbsent", ""))
    filled.commit()
    assert "Alerts about no model" in Page(overview(read)).words


def test_model_page_has_all_sections_and_its_way_back(filled: Store, read: Reader) -> None:
    fill(filled)
    html = model(read)
    assert html is not None
    page = Page(html)
    sections = ("quality", "drift", "predictions", "traffic", "alerts", "retraining", "versions")
    assert set(sections) <= set(page.ids)
    assert "../" in page.links
    assert "f0" in page.ids


def test_model_page_of_a_stranger_is_none(filled: Store, read: Reader) -> None:
    filled.begin()
    filled.add_events([event("stranger", 7, NOON, registered=False)])
    filled.commit()
    assert model(read, "stranger") is None


def test_model_page_without_verdicts_stands(filled: Store, read: Reader) -> None:
    filled.begin()
    filled.register(version("churn", 1, ["age"]), NOON)
    filled.add_events([event("churn", 1, NOON, rows=3), event("churn", 2, NOON, registered=False)])
    filled.commit()
    html = model(read)
    assert html is not None
    page = Page(html)
    assert "3 of the 1,000 rows that a window needs have come" in page.words
    assert "nobody registered it" in page.words
    assert "Drift is not judged yet" in page.words
    assert "Nothing has asked for a run yet" in page.words


def test_model_page_without_labels_shows_the_estimate_as_one(filled: Store, read: Reader) -> None:
    filled.begin()
    filled.register(version("churn", 1, ["age"]), NOON)
    filled.add_events([event("churn", 1, NOON)])
    filled.add_verdict("drift-rows", drift("churn", 1, NOON, {"age": column()}))
    filled.commit()
    html = model(read)
    assert html is not None
    assert "Estimated without labels: roc_auc 0.9" in Page(html).words
    assert "never clears an alert" in html


@pytest.mark.parametrize(("models", "features"), [(1, 500), (3, 60), (60, 3)])
def test_pages_of_much_stay_below_a_megabyte(
    filled: Store, read: Reader, models: int, features: int
) -> None:
    for at in range(models):
        fill(filled, f"model-{at}", features=features, verdicts=70 if models < 9 else 4)
    for html in (overview(read), model(read, "model-0")):
        assert html is not None
        Page(html)
        assert len(html.encode()) < 1_000_000


def test_model_page_of_many_decisions_and_alerts_lists_the_newest(
    filled: Store, read: Reader
) -> None:
    fill(filled, features=1, verdicts=1)
    filled.begin()
    for at in range(300):
        decided = NOON - 1000 * MINUTE - at * MINUTE
        filled.add_retraining(decision("failed", id=f"old-{at}", decided=decided, why=f"why {at}."))
        filled.add_alert(alert(fingerprint=f"old-{at}", received=decided, starts_at=decided))
    filled.commit()
    page = Page(model(read) or "")
    assert "why 3." in page.words
    assert "why 200." not in page.words
    few = Page(overview(read))
    assert "why 3." in few.words
    assert "why 30." not in few.words


def test_problem_is_a_page() -> None:
    assert "The store cannot be read" in Page(render_problem("The store cannot be read", "x")).words
