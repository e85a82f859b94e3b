"""Reads ground truth: what turned out to be true of a prediction, one entry or many.

Whether a label is a class of the model is known only once the prediction is found, and so decided
in `store`. A request is taken whole or not at all: a label is never lost because another was wrong.
"""

import re
from dataclasses import dataclass
from typing import Final

from components.monitor.refusal import MALFORMED, Problem, RefusedError, Review
from components.monitor.versions import Label, is_label
from components.monitor.wire import is_name, parse_time

_WITH_ROW: Final = re.compile(r"(.+):(0|[1-9][0-9]{0,8})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """Ground truth for one prediction.

    Attributes:
        index: its place in the request, from 0.
        id: the prediction's id, `<request id>:<row>` or the bare request id.
        label: as sent.
        time: when the truth was known, microseconds since 1970, UTC.
    """

    index: int
    id: str
    label: Label
    time: int

    @property
    def request_and_row(self) -> tuple[str, int] | None:
        """The request's id and the row from 0; None where the id names no row."""
        found = _WITH_ROW.fullmatch(self.id)
        return (found[1], int(found[2])) if found else None


def read_feedback(document: object, received: int) -> tuple[list[Entry], list[Problem]]:
    """Reads the body of `POST /v1/feedback`.

    Args:
        document: one `{"id", "label", "time"}` or a list of them; `time` may be left out.
        received: microseconds since 1970, UTC; stands in for a missing time.

    Returns:
        The entries that can be read, and the problems of the others.

    Raises:
        RefusedError: 400; the body is neither.
    """
    items = [document] if isinstance(document, dict) else document
    if not isinstance(items, list):
        message = 'feedback must be an object {"id", "label", "time"} or a list of them'
        raise RefusedError(message, status=400, reason=MALFORMED)
    entries: list[Entry] = []
    problems: list[Problem] = []
    for index, item in enumerate(items):
        review = Review(index)
        entry = _read_entry(item, received, review)
        if entry is None:
            problems.extend(review.problems)
        else:
            entries.append(entry)
    return entries, problems


def _read_entry(item: object, received: int, review: Review) -> Entry | None:
    if not isinstance(item, dict):
        review.note("entry", 'an object {"id", "label", "time"}')
        return None
    identity, label, stated = item.get("id"), item.get("label"), item.get("time")
    if is_name(identity):
        review.id = identity
    else:
        review.note("id", "a prediction's id, 1 to 512 printable characters")
    if not is_label(label):
        review.note("label", "a boolean, a finite number, or text of at most 512 characters")
    time = received if stated is None else parse_time(stated)
    if time is None:
        review.note("time", "an RFC 3339 time with its zone")
    if review.problems or time is None or not is_label(label):
        return None
    return Entry(index=review.index, id=str(identity), label=label, time=time)
