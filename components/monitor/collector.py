"""Takes events, ground truth and registrations, and answers when they are on the disk.

The monitor's core between the HTTP face in `service` and the writing thread: it reads what came,
refuses or queues it, waits for the commit, and counts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeVar

from components.monitor import agent, predictions
from components.monitor.events import Event, read_events
from components.monitor.feedback import read_feedback
from components.monitor.intake import Intake, Limits
from components.monitor.metrics import MISMATCHED, REFUSED, Metrics
from components.monitor.predictions import Record
from components.monitor.refusal import Problem, RefusedError, Review, invalid, store_unavailable
from components.monitor.storage.addresses import Address
from components.monitor.storage.leader import Leader
from components.monitor.storage.reader import Reader
from components.monitor.store import Store, Stored
from components.monitor.thinning import Thinner
from components.monitor.totals import Content
from components.monitor.upkeep import Retention, Upkeep
from components.monitor.versions import read_registration
from components.monitor.wire import decode_json, require_json
from components.monitor.writer import Writer

PROBE_SECONDS: Final = 2.0
"""A probe that is not written within this time means not ready; kubelet's own default is 1."""

FENCE_SECONDS: Final = 30.0
"""How long a reading of the labels waits for the writer, behind a whole queue of requests."""

_TYPES: Final = (predictions.TYPE, *agent.KINDS)

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Collector:
    """The monitor of one process, from an open store to its metrics."""

    def __init__(self, address: Address, limits: Limits, retention: Retention) -> None:
        """Opens the store; `start` starts writing.

        Args:
            address: a file of SQLite, or a PostgreSQL database by URL.
            limits: what is taken on at one time.
            retention: how long and how much is kept.

        Raises:
            StateError: the store is in use, cannot be opened, is none, or is of a newer format.
        """
        store = Store(address)
        self._shared = store.shared
        self.versions = store.versions
        self.reader = Reader(address, fence=self._fence)
        self.leader = Leader(address)
        self.metrics = Metrics()
        self.intake = Intake(limits)
        self._writer = Writer(
            store,
            capacity=limits.queue_requests,
            observe_commit=self.metrics.commit_seconds.observe,
        )
        self._upkeep = Upkeep(
            self.submit, retention, Thinner(self.reader), leads=self.leader.try_lead
        )
        self.metrics.observe_process(
            waiting=lambda: self._writer.waiting, held=lambda: self.intake.held
        )
        self.metrics.observe_store(self.content, self.versions)

    def start(self) -> None:
        """Starts the writer."""
        self._writer.start()
        self._upkeep.start()

    def close(self) -> None:
        """Writes what is queued and closes the store."""
        self._upkeep.close()
        self.leader.close()
        self.reader.close()
        self._writer.close()

    def submit(self, work: Callable[[Store], T]) -> "Future[T]":
        """Queues work on the store, as `Writer.submit` describes."""
        return self._writer.submit(work)

    def content(self) -> Content:
        """What the store holds as of the last commit.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._shared:
            self.versions |= self.reader.versions()
        return self.reader.content()

    async def take_events(self, headers: Mapping[str, str], body: bytes) -> dict[str, int]:
        """Stores the events of one request, all or none.

        Args:
            headers: by lower-case name.
            body: CloudEvents in binary, structured or batched form.

        Returns:
            How many were stored, how many known before; all of them are on the disk.

        Raises:
            RefusedError: the request is wrong, or cannot be taken now.
        """
        events = read_events(headers, body)
        await self._learn_versions(event for event, _ in events if event)
        records = self._read_records(events)
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._writer.submit_events(records, future)
        done = await future
        if done.mismatched:
            self.metrics.count_feedback({MISMATCHED: done.mismatched})
            _log.warning("waiting labels were no class of their version count=%d", done.mismatched)
        return {"stored": done.stored, "duplicate": done.duplicate}

    async def take_feedback(self, headers: Mapping[str, str], body: bytes) -> dict[str, int]:
        """Stores the ground truth of one request, all or nothing.

        Args:
            headers: by lower-case name.
            body: one entry or a list of them.

        Returns:
            How many were accepted, and how many of these joined, pending, duplicate, corrected.

        Raises:
            RefusedError: the request is wrong, with every problem; or it cannot be taken now.
        """
        require_json(headers)
        received = _now()
        entries, problems = read_feedback(decode_json(body), received)
        future = self._writer.submit(lambda store: store.add_feedback(entries, problems, received))
        try:
            results = await asyncio.wrap_future(future)
        except RefusedError:
            self.metrics.count_feedback({REFUSED: len(entries) + len({p.index for p in problems})})
            raise
        self.metrics.count_feedback(results)
        kinds = ("joined", "pending", "duplicate", "corrected")
        return {"accepted": len(entries)} | {kind: results[kind] for kind in kinds}

    async def register(
        self, name: str, number: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Registers a version.

        Args:
            name: the model.
            number: the version.
            headers: by lower-case name.
            body: `{"bundle": …, "reference": …}`.

        Returns:
            True when it is new, False when the same content was registered before.

        Raises:
            RefusedError: the request is wrong, contradicts what is registered, or cannot be taken.
        """
        require_json(headers)
        version = read_registration(name, number, decode_json(body))
        received = _now()
        future = self.submit(lambda store: store.register(version, received))
        new = await asyncio.wrap_future(future)
        if new:
            # Only now: an event must not count as registered before the registration is durable.
            self.versions[version.model, version.number] = version
            _log.info("registered model_name=%s model_version=%d", version.model, version.number)
        return new

    async def probe(self) -> None:
        """Writes to the store and waits for the commit.

        Raises:
            RefusedError: the store cannot be written now.
        """
        future = self._writer.submit(lambda store: store.probe())
        try:
            await asyncio.wait_for(asyncio.wrap_future(future), PROBE_SECONDS)
        except TimeoutError as exc:
            raise store_unavailable() from exc

    async def _learn_versions(self, events: Iterable[Event]) -> None:
        """Asks the store for versions that another replica may have registered."""
        if not self._shared:
            return
        named = {subject for event in events if (subject := predictions.subject(event))}
        for model, number in named - self.versions.keys():
            await asyncio.wrap_future(self.submit(partial(Store.known, model=model, number=number)))

    def _fence(self, until: int) -> None:
        try:
            self.submit(lambda store: store.fence_labels(until)).result(FENCE_SECONDS)
        except TimeoutError as exc:
            raise store_unavailable() from exc

    def _read_records(self, found: Sequence[tuple[Event | None, Review]]) -> list[Record]:
        received = _now()
        records: list[Record] = []
        problems: list[Problem] = []
        for event, review in found:
            record = self._read_record(event, received, review) if event else None
            if record is None:
                problems.extend(review.problems)
            else:
                records.append(record)
        if problems:
            raise invalid(problems, what="events")
        return records

    def _read_record(self, event: Event, received: int, review: Review) -> Record | None:
        if event.type == predictions.TYPE:
            return predictions.read_prediction(event, self.versions, received, review)
        if event.type in agent.KINDS:
            return agent.read_exchange(event, received, review)
        review.note("type", f"one of {', '.join(_TYPES)}")
        return None


def _now() -> int:
    return time.time_ns() // 1000
