"""Joins ground truth with predictions by id, whichever comes first.

`<request id>:<row>` is a prediction's id; a bare request id means the row of a one-row request.
Where both readings fit, the id with its row wins.

Each label that joins a prediction, or replaces another, gets the next number and a time that never
falls, so that readers can ask for what is new and get everything once.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from components.monitor.feedback import Entry
from components.monitor.ledger import Ledger, Request, Target
from components.monitor.predictions import Record
from components.monitor.refusal import Problem, invalid
from components.monitor.storage.connection import Connection
from components.monitor.storage.lookup import look_up
from components.monitor.totals import Totals
from components.monitor.versions import Version

Known = Callable[[str, int], Version | None]
"""Finds a registered version."""

_FIND: Final = (
    "SELECT id, key, model, version, registered, rows FROM events"
    " WHERE kind = 'prediction' AND id IN ({})"
)
_WAITING: Final = (
    "SELECT id, request, row, label, time FROM pending WHERE request IN ({}) OR id IN ({})"
)


class _Waiting(NamedTuple):
    """A label that waits for its prediction."""

    id: str
    request: str | None
    row: int | None
    label: str
    time: int


class Truth:
    """The labels of an open store; every method runs in the caller's transaction."""

    def __init__(self, connection: Connection, known: Known) -> None:
        """Takes what the labels are joined with.

        Args:
            connection: of the open store.
            known: finds a registered version.
        """
        self._connection = connection
        self._known = known

    def add(
        self, entries: Sequence[Entry], problems: Sequence[Problem], received: int
    ) -> Counter[str]:
        """Joins the labels of one request with their predictions, or keeps them waiting.

        Args:
            entries: what could be read.
            problems: of the entries that could not.
            received: microseconds since 1970, UTC.

        Returns:
            Entries by result: joined, pending, duplicate, corrected.

        Raises:
            RefusedError: 400; an entry is wrong. All problems are reported and nothing is stored.
        """
        found = list(problems)
        requests = self._find(entries)
        aimed: list[tuple[Entry, Target | None]] = []
        for entry in entries:
            target, expected = self._aim(entry, requests)
            aimed.append((entry, target))
            if expected is not None:
                field = "label" if target else "id"
                found.append(Problem(field, expected, entry.index, entry.id))
        if found:
            raise invalid(sorted(found, key=lambda problem: problem.index), what="feedback")
        totals, results = Totals(), Counter[str]()
        ledger = Ledger(self._connection, received, totals)
        ledger.load(
            [target for _, target in aimed if target],
            [entry.id for entry, target in aimed if not target],
        )
        for entry, target in aimed:
            result = self._join(entry, target, ledger) if target else ledger.wait(entry)
            results[result] += 1
        ledger.write()
        totals.write(self._connection)
        return results

    def join_waiting(self, events: Sequence[tuple[int, Record]], totals: Totals) -> Counter[int]:
        """Joins the labels that came before their predictions.

        Args:
            events: predictions with their keys, stored in this transaction.
            totals: takes the joined rows.

        Returns:
            By an event's key, how many labels were no class of its version after all, and were
            dropped.
        """
        mismatched = Counter[int]()
        waiting = self._waiting([record.id for _, record in events])
        if not waiting:
            return mismatched
        received = max(record.received for _, record in events)
        ledger = Ledger(self._connection, received, totals)
        gone: set[str] = set()
        for key, record in events:
            registered = int(record.registered)
            request = Request(key, record.model, record.version, registered, record.rows)
            for label in sorted(waiting.get(record.id, ()), key=lambda found: found.time):
                row = _row(label, record)
                if row is None or label.id in gone:
                    continue
                gone.add(label.id)
                entry = Entry(0, label.id, json.loads(label.label), label.time)
                if self._judge(entry, Target(request, row)) is None:
                    self._join(entry, Target(request, row), ledger)
                else:
                    mismatched[key] += 1
        self._connection.execute_many("DELETE FROM pending WHERE id = ?", [(i,) for i in gone])
        ledger.write()
        return mismatched

    def _waiting(self, identities: Sequence[str]) -> dict[str, list[_Waiting]]:
        """The labels that wait, by the event's id that theirs may mean."""
        found: dict[str, list[_Waiting]] = defaultdict(list)
        for row in look_up(self._connection, _WAITING, [(identity,) for identity in identities]):
            label = _Waiting(*row)
            found[label.id].append(label)
            if label.request is not None:
                found[label.request].append(label)
        return found

    def _find(self, entries: Sequence[Entry]) -> dict[str, Request]:
        named = [entry.request_and_row for entry in entries]
        keys = [(entry.id,) for entry in entries] + [(name[0],) for name in named if name]
        return {row[0]: Request(*row[1:]) for row in look_up(self._connection, _FIND, keys)}

    def _aim(self, entry: Entry, requests: dict[str, Request]) -> tuple[Target | None, str | None]:
        """Finds an entry's prediction, and what was expected where id or label cannot be right."""
        named = entry.request_and_row
        request = requests.get(named[0]) if named else None
        if named and request and named[1] < request.rows:
            target = Target(request, named[1])
            return target, self._judge(entry, target)
        bare = requests.get(entry.id)
        if bare and bare.rows == 1:
            return Target(bare, 0), self._judge(entry, Target(bare, 0))
        if bare:
            return None, f"an id with its row, from ':0' to ':{bare.rows - 1}', for this request"
        return None, f"a row from 0 to {request.rows - 1} of this request" if request else None

    def _judge(self, entry: Entry, target: Target) -> str | None:
        """What was expected, where a label is none of its version."""
        version = self._known(target.request.model, target.request.version)
        if version is None or version.match(entry.label) is not None:
            return None
        return version.expectation

    def _join(self, entry: Entry, target: Target, ledger: Ledger) -> str:
        version = self._known(target.request.model, target.request.version)
        label = version.match(entry.label) if version else None
        return ledger.join(target, entry.label if label is None else label, entry.time)


def _row(label: _Waiting, record: Record) -> int | None:
    """The row of an event that a label means; None where it means none of them."""
    if label.id == record.id:
        return 0 if record.rows == 1 else None
    return label.row if label.row is not None and label.row < record.rows else None
