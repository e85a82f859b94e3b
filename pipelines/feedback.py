"""Ground truth from a file to the running monitor: `kubeloop feedback`.

The monitor takes a request whole or not at all. Here an entry that it refuses is told by its row
and left out, and the others of its batch are sent again: one wrong label holds no other back.
Sending a file again changes nothing, so a sending that broke off is simply repeated.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import requests

from components.errors import DataError, DeployError, StateError
from pipelines.label_file import LabelRow, Unlabelled, number_in, read_labels
from pipelines.local.state import read_state
from pipelines.screen import open_console, show_progress
from pipelines.watch import find_watch

BATCH: Final = 1000
"""Entries of one request: a few hundred kilobytes."""

RESULTS: Final = ("joined", "pending", "duplicate", "corrected")
_TIMEOUT_S: Final = 60.0
_PATIENCE_S: Final = 60.0
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that the monitor does not take.

    Attributes:
        row: of the file, from 1.
        field: of the entry.
        expected: what should be there, in the monitor's words.
    """

    row: int
    field: str
    expected: str


class Sender:
    """Sends entries to one monitor, and counts what became of them."""

    def __init__(self, monitor: str, patience_s: float = _PATIENCE_S) -> None:
        """Connects to nothing yet.

        Args:
            monitor: its base URL.
            patience_s: seconds that a monitor which answers 503, or not at all, is asked again.
        """
        self.results = Counter[str]()
        self.refused: list[Refused] = []
        self._url = f"{monitor.rstrip('/')}/v1/feedback"
        self._patience_s = patience_s
        self._session = requests.Session()

    def send(self, rows: list[LabelRow]) -> None:
        """Sends rows, at most a batch of them.

        Args:
            rows: with their labels.

        Raises:
            DeployError: the monitor does not answer, or refuses for another reason than a row's.
        """
        while rows:
            answer = self._post([row.entry for row in rows])
            body = _document(answer)
            if answer.status_code == requests.codes.ok:
                self.results.update({name: int(body.get(name, 0)) for name in RESULTS})
                return
            problems = body.get("problems") or []
            if answer.status_code != requests.codes.bad_request or not problems:
                msg = f"POST {self._url} answered {answer.status_code}: {body.get('error', '')}"
                raise DeployError(msg)
            rows = list(self._without(rows, problems))

    def _without(
        self, rows: list[LabelRow], problems: Iterable[dict[str, Any]]
    ) -> Iterator[LabelRow]:
        """The rows but the refused ones; a label that may be a number in words is tried as such."""
        first: dict[int, dict[str, Any]] = {}
        for problem in problems:
            first.setdefault(problem["index"], problem)
        for index, row in enumerate(rows):
            if index not in first:
                yield row
                continue
            problem = first[index]
            number = _as_number(row) if problem["field"] == "label" else None
            if number is not None:
                yield replace(row, entry=row.entry | {"label": number})
            else:
                self.refused.append(Refused(row.number, problem["field"], problem["expected"]))

    def _post(self, entries: list[dict[str, Any]]) -> requests.Response:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                answer = self._session.post(self._url, json=entries, timeout=_TIMEOUT_S)
            except requests.RequestException as exc:
                if time.monotonic() >= deadline or not isinstance(exc, requests.ConnectionError):
                    msg = (
                        f"the monitor at {self._url!r} cannot be reached: {type(exc).__name__}; "
                        "see that it runs, then send the file again"
                    )
                    raise DeployError(msg) from exc
                wait = 1.0
            else:
                busy = answer.status_code == requests.codes.service_unavailable
                if not busy or time.monotonic() >= deadline:
                    return answer
                wait = min(5.0, number_in(answer.headers.get("Retry-After", "")) or 1.0)
            time.sleep(wait)


def send_feedback(path: Path, monitor: str | None, folder: Path) -> None:
    """Sends a file of ground truth, and says what became of it.

    Args:
        path: of id, label and perhaps time, as `label_file.read_labels` takes it.
        monitor: base URL of the monitor; None for the one that runs for the state folder.
        folder: the state folder.

    Raises:
        DataError: the file cannot be read, or entries of it were refused; all others were taken.
        DeployError: the monitor cannot be reached, or takes nothing.
        StateError: no monitor runs for the state folder.
    """
    sender = Sender(monitor or _running(folder))
    unlabelled = total = 0
    batch: list[LabelRow] = []
    with show_progress(open_console(stderr=True)) as report:
        for row in read_labels(path):
            total += 1
            if isinstance(row, Unlabelled):
                unlabelled += 1
                continue
            batch.append(row)
            if len(batch) == BATCH:
                sender.send(batch)
                batch = []
                # What is read may be ahead of what is sent, above all where it is packed.
                report(total, min(row.share, 0.99))
        sender.send(batch)
        report(total, 1.0)
    _say(path, total, unlabelled, sender)


def _running(folder: Path) -> str:
    address = find_watch(read_state(folder)).address
    if not address:
        msg = (
            f"no monitor runs for {str(folder)!r}: name one with --monitor URL, or keep one "
            "running with kubeloop run SPEC --keep"
        )
        raise StateError(msg)
    return address


def _say(path: Path, total: int, unlabelled: int, sender: Sender) -> None:
    found = ", ".join(f"{sender.results[name]:,} {name}" for name in RESULTS)
    print(f"sent {path}: {total:,} rows; {found}")
    if unlabelled:
        print(f"{unlabelled:,} rows without an id or a label were left out")
    for refused in sender.refused[:_SHOWN]:
        print(f"row {refused.row:,}: {refused.field}: expected {refused.expected}")
    if sender.refused:
        msg = f"{len(sender.refused):,} of {total:,} rows were refused; all others were taken"
        raise DataError(msg)


def _as_number(row: LabelRow) -> float | None:
    label = row.entry["label"]
    return number_in(label) if isinstance(label, str) else None


def _document(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"error": answer.text[:200]}
    return body if isinstance(body, dict) else {}
