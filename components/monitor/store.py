"""Writes the monitor's store: events, ground truth, versions and verdicts, each idempotent.

Every method here runs inside a transaction that `writer` opened, on the writer's thread; nothing is
acknowledged before that transaction is on the disk.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from components.monitor import predictions
from components.monitor.feedback import Entry
from components.monitor.predictions import Record
from components.monitor.refusal import Problem
from components.monitor.storage import journal, retention
from components.monitor.storage.addresses import Address, open_owner
from components.monitor.storage.history import Series
from components.monitor.storage.label_clock import LabelClock
from components.monitor.storage.records import (
    AlertRecord,
    Chunk,
    Deleted,
    Retraining,
    VerdictKind,
)
from components.monitor.totals import Totals
from components.monitor.truth import Truth
from components.monitor.verdicts import DriftVerdict, QualityVerdict
from components.monitor.versions import Version, Versions, known_versions, same_content


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one request's events.

    Attributes:
        stored: events that are new.
        duplicate: events whose id and type were known.
        mismatched: waiting labels that turned out to be no class of the version, and were dropped.
    """

    stored: int
    duplicate: int
    mismatched: int


class Store:
    """The open store of one process."""

    def __init__(self, address: Address) -> None:
        """Opens, and creates or migrates where needed.

        Args:
            address: a file of SQLite, or a PostgreSQL database by URL.

        Raises:
            StateError: it is in use, cannot be opened, is no store, or is of a newer format.
        """
        self.address = address
        self._connection = open_owner(address)
        self.shared = self._connection.shared
        self.versions: Versions = known_versions(self._connection)
        self._truth = Truth(self._connection, self.known)

    def close(self) -> None:
        """Closes the database and releases the store."""
        self._connection.close()

    def begin(self) -> None:
        """Opens the transaction of one group of requests."""
        self._connection.begin()

    def commit(self) -> None:
        """Returns once the group is on the disk."""
        self._connection.commit()

    def rollback(self) -> None:
        """Undoes the group; a no-op where the database has done so already."""
        self._connection.rollback()

    def mark(self) -> None:
        """Marks the start of one request within the group."""
        self._connection.mark()

    def undo(self) -> None:
        """Undoes what has been written since the mark."""
        self._connection.undo()

    def probe(self) -> None:
        """Writes without changing anything: the commit fails where the store cannot be written."""
        self._connection.probe()

    def known(self, model: str, number: int) -> Version | None:
        """Finds a registered version, also one that another replica registered."""
        version = self.versions.get((model, number))
        if version is None and self.shared and number:
            self.versions |= known_versions(self._connection, (model, number))
            version = self.versions.get((model, number))
        return version

    def add_events(self, records: Sequence[Record]) -> Stored:
        """Stores the events of one request and joins the labels that waited for them.

        Args:
            records: already without private and unknown columns.

        Returns:
            How many were new, how many known.
        """
        [done] = self.add_requests([records])
        return done

    def add_requests(self, requests: Sequence[Sequence[Record]]) -> list[Stored]:
        """Stores the events of several requests at once.

        Args:
            requests: the events of each, as for `add_events`.

        Returns:
            What became of each request's events.
        """
        totals = Totals()
        records = [record for request in requests for record in request]
        keys = self._connection.insert_events([_values(record) for record in records])
        answered: list[tuple[int, Record]] = []
        for record, event in zip(records, keys, strict=True):
            key = (record.model, record.version, int(record.registered))
            if event is None:
                totals.count(key, "duplicates")
                continue
            totals.count(key, "events")
            totals.count(key, "bytes", retention.size(record))
            totals.see(key, record.time)
            if record.kind == predictions.KIND:
                totals.count(key, "predictions", record.rows)
                answered.append((event, record))
        mismatched = self._truth.join_waiting(answered, totals)
        totals.write(self._connection)
        rest = iter(keys)
        return [_stored(list(islice(rest, len(request))), mismatched) for request in requests]

    def add_feedback(
        self, entries: Sequence[Entry], problems: Sequence[Problem], received: int
    ) -> Counter[str]:
        """Stores the labels of one request, as `Truth.add` describes."""
        return self._truth.add(entries, problems, received)

    def fence_labels(self, until: int) -> None:
        """Lets no label count as received before a moment any more.

        Whoever has read the labels up to `until` after this has all of them, whatever the clocks
        of this and of other replicas do.

        Args:
            until: microseconds since 1970, UTC; not after now.
        """
        LabelClock(self._connection, until).fence()

    def register(self, version: Version, received: int) -> bool:
        """Stores a version.

        Args:
            version: validated.
            received: microseconds since 1970, UTC.

        Returns:
            True when it is new, False when the same content was registered before.

        Raises:
            RefusedError: 409; the version is registered with other content.
        """
        for stored in known_versions(self._connection, (version.model, version.number)).values():
            return not same_content(stored, version)
        texts = (version.digest, version.bundle, version.reference)
        self._connection.execute(
            "INSERT INTO versions (model, version, digest, bundle, reference, registered_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (version.model, version.number, *texts, received),
        )
        return True

    def add_chunk(self, chunk: Chunk) -> bool:
        """Stores a chunk; returns False where its number is taken, by this or another replica."""
        return journal.add_chunk(self._connection, chunk)

    def add_verdict(self, kind: VerdictKind, verdict: DriftVerdict | QualityVerdict) -> bool:
        """Stores a verdict; returns False where one of the same kind and moment is there."""
        return journal.add_verdict(self._connection, kind, verdict)

    def add_alert(self, alert: AlertRecord) -> bool:
        """Stores the state of an alert; returns whether it was not known before."""
        return journal.add_alert(self._connection, alert)

    def add_retraining(self, retraining: Retraining) -> bool:
        """Stores a decision on retraining; returns False where its id is known."""
        return journal.add_retraining(self._connection, retraining)

    def update_retraining(self, identity: str, **changes: Any) -> bool:
        """Changes what became of a decision, as `journal.update_retraining` describes."""
        return journal.update_retraining(self._connection, identity, changes)

    def delete_verdicts(self, series: Series, moments: Sequence[int]) -> None:
        """Deletes verdicts of one series, by when they were judged."""
        self._connection.execute_many(
            "DELETE FROM verdicts WHERE model = ? AND version = ? AND kind = ? AND judged = ?",
            [(*series, moment) for moment in moments],
        )

    def delete_old(self, *, before: int | None = None, max_bytes: int | None = None) -> Deleted:
        """Takes one step of retention, as `retention.delete_old` describes."""
        return retention.delete_old(self._connection, before=before, max_bytes=max_bytes)


def _stored(keys: Sequence[int | None], mismatched: Counter[int]) -> Stored:
    new = [key for key in keys if key is not None]
    return Stored(len(new), len(keys) - len(new), sum(mismatched[key] for key in new))


def _values(record: Record) -> tuple[str | int | float | None, ...]:
    # A float: neither database takes an integer of any size, and a client may send one.
    duration = None if record.duration is None else float(record.duration)
    who = (record.id, record.kind, record.model, record.version, int(record.registered))
    measures = (record.time, record.received, record.rows, duration)
    return (*who, *measures, record.features, record.outputs)
