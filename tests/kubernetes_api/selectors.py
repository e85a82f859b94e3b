"""Label and field selectors, in the two forms that Kubernetes has: text and document."""

import re
from typing import Any

from tests.kubernetes_api.refusals import RefusalError

_TERM = re.compile(
    r"\s*(?P<no>!)?(?P<key>[\w./-]+)\s*"
    r"(?:(?P<op>==|!=|=)\s*(?P<value>[\w.-]*)|(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?\s*(?:,|$)"
)


def labels_match(text: str, document: dict[str, Any]) -> bool:
    """Tells whether `a=b,c!=d,e in (f,g),!h` chooses a document."""
    labels = document["metadata"].get("labels") or {}
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if not term or term.end() == at:
            msg = f"unable to parse requirement: found {text[at:]!r}, expected: label selector"
            raise RefusalError(400, msg)
        at = term.end()
        if not _holds(term.groupdict(), labels):
            return False
    return True


def _holds(term: dict[str, Any], labels: dict[str, str]) -> bool:
    key = term["key"]
    if term["op"]:
        same = labels.get(key) == term["value"]
        return bool(same != (term["op"] == "!="))
    if term["set"]:
        among = labels.get(key) in {value.strip() for value in term["values"].split(",")}
        return bool(among == (term["set"] == "in"))
    return (key in labels) != bool(term["no"])


def fields_match(text: str, document: dict[str, Any]) -> bool:
    """Tells whether `metadata.name=a,status.phase!=Running` chooses a document."""
    for term in filter(None, text.split(",")):
        path, unequal, value = term.partition("!=")
        if not unequal:
            path, _, value = term.replace("==", "=").partition("=")
        found: Any = document
        for part in path.strip().split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if (str(found or "") == value.strip()) == bool(unequal):
            return False
    return True


def chosen(selector: dict[str, Any] | None, labels: dict[str, str] | None) -> bool:
    """Tells whether a document's `matchLabels`, or a Service's plain map, choose labels."""
    if not selector:
        return False
    wanted = selector.get("matchLabels", selector)
    return all((labels or {}).get(key) == value for key, value in wanted.items())
