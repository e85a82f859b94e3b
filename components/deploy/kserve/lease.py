"""The Lease of a model: two deployments of it never interleave, and the next one can go on.

Who holds it renews it in a thread. One that is not renewed for its duration is taken over, as
client-go's leader election does it: by the own clock, from when it was last seen to change. Who has
not renewed in two thirds of it renews before the next write, or stops.
"""

import logging
import secrets
import socket
import threading
import time
from typing import Any, Self

from components.deploy.kserve.cluster_api import ClusterApi, Document
from components.deploy.kserve.cluster_errors import ALREADY_EXISTS, CONFLICT, ApiError
from components.deploy.kserve.cluster_resources import LEASES
from components.deploy.kserve.journal import ANNOTATION, Journal, read_journal
from components.deploy.kserve.lease_document import is_free, lease_name, moment, occupied, taken
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.telling import Say, Spell, note
from components.errors import DeployError, KubeloopError
from components.termination import STOPPED

logger = logging.getLogger(__name__)

# The part of its duration within which a Lease must have been renewed: client-go's 10 s of 15 s.
_DEADLINE = 2 / 3
# A renewal counts from before its call; one whose call was repeated for long may be too old again.
_RENEWALS = 3
_LATE = "it could not be renewed in time"


class LeaseLostError(DeployError):
    """Another deployment may have taken over; nothing may be written any more."""


class Lease:
    """The Lease of one model, held from `with` to its end.

    Args:
        api: the cluster.
        namespace: of the model.
        model: its name.
        pace: its duration, and how long another holder is waited for.
        say: is told who is waited for.

    Attributes:
        name: of the Lease.
        journal: what it holds on record.
    """

    def __init__(
        self, api: ClusterApi, namespace: str, model: str, pace: Pace, *, say: Say = note
    ) -> None:
        """Prepares; nothing is asked yet."""
        self.name = lease_name(model)
        self.journal = Journal()
        self._api, self._namespace, self._model, self._pace = api, namespace, model, pace
        self._say = say
        self._holder = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self._document: Document = {}
        self._renewed = 0.0
        self._lost = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_ended, daemon=True)

    def __enter__(self) -> Self:
        """Takes the Lease, once it is free.

        Raises:
            DeployError: another deployment holds it for longer than `queue_s`.
        """
        try:
            self._acquire()
            found = self._document["metadata"].get("annotations") or {}
            self.journal = read_journal(found, self.name, self._namespace)
            self._thread.start()
        except BaseException as exc:
            self.__exit__()
            if isinstance(exc, STOPPED):
                self._say("nothing was changed")
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Gives it back, where it may have been taken; where that fails it runs out by itself."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lost or not self._renewed:
            return
        try:
            if not self._document:
                # The answer to taking it has not come, or said that somebody was quicker.
                self._look_again()
            self._write(holder="")
        except LeaseLostError:
            return
        except KubeloopError as failed:
            logger.warning("lease not given back, it runs out by itself: %s", failed)

    def check(self) -> None:
        """Says whether there may be written still; where a renewal is overdue, renews first.

        A renewal replaces the Lease as this one left it: where that succeeds, nobody took over,
        however long it took.

        Raises:
            LeaseLostError: another deployment has, or may have, taken over.
        """
        if self._lost:
            raise self._loss(self._lost)
        try:
            for _ in range(_RENEWALS):
                if not self._is_overdue():
                    return
                self._write()
        except LeaseLostError:
            raise
        except DeployError as exc:
            raise self._loss(_LATE, exc) from exc
        if self._is_overdue():
            raise self._loss(_LATE)

    def renew(self) -> None:
        """Renews now, so that what is written next is written by the holder.

        Raises:
            LeaseLostError: as `check`.
        """
        self.check()
        self._write()

    def keep(self, journal: Journal) -> None:
        """Puts something else on record, in one write.

        Raises:
            LeaseLostError: as `check`.
        """
        self.check()
        self._write(journal=journal)
        self.journal = journal

    def _is_overdue(self) -> bool:
        return time.monotonic() - self._renewed > self._pace.lease_s * _DEADLINE

    def _loss(self, why: str, cause: Exception | None = None) -> LeaseLostError:
        details = f": {cause}" if cause else ""
        return LeaseLostError(
            f"the Lease {self.name!r} in namespace {self._namespace!r} was lost ({why}{details}): "
            f"another deployment of {self._model!r} may go on from here; nothing more is "
            "written. Run this one again"
        )

    def _acquire(self) -> None:
        until = time.monotonic() + self._pace.queue_s
        seen, since = "", time.monotonic()
        spell = Spell(self._say, self._pace)
        while True:
            found = self._api.get(LEASES, self._namespace, self.name)
            if self._take(found, since, seen):
                return
            spec = (found or {}).get("spec") or {}
            mark = f"{spec.get('holderIdentity')} {spec.get('renewTime')}"
            if mark != seen:
                seen, since = mark, time.monotonic()
            other = f"another deployment of {self._model!r}"
            spell.goes_on(f"{other} to end: {occupied(found)}", about=mark.split()[0])
            if time.monotonic() > until:
                msg = f"{other} goes on: {occupied(found)}; wait for its end and run this one again"
                raise DeployError(msg)
            time.sleep(min(self._pace.poll_s, self._pace.lease_s))

    def _take(self, found: Document | None, since: float, seen: str) -> bool:
        """Tries to become the holder; False where somebody else is, or was quicker."""
        if found is not None and not is_free(found, since, seen):
            return False
        self._renewed = time.monotonic()
        fresh = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self._namespace},
        }
        document = taken(found or fresh, self._holder, self._pace.lease_s)
        try:
            self._document = (
                self._api.replace(LEASES, self._namespace, self.name, document)
                if found
                else self._api.create(LEASES, self._namespace, document)
            )
        except ApiError as exc:
            if exc.reason not in (ALREADY_EXISTS, CONFLICT):
                raise
            # Somebody was quicker; or an answer was lost, and it was this one itself.
            there = self._api.get(LEASES, self._namespace, self.name)
            if not there or (there.get("spec") or {}).get("holderIdentity") != self._holder:
                return False
            self._document = there
        return True

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._pace.lease_s / 3):
            try:
                self._write()
            except LeaseLostError:
                return
            except KubeloopError as exc:
                # `check` stops the deployment where this goes on for too long.
                logger.warning("lease not renewed: %s", exc)

    def _write(self, *, holder: str | None = None, journal: Journal | None = None) -> None:
        """Renews, and changes holder or record; from both threads."""
        with self._lock:
            for _ in range(5):
                begun = time.monotonic()
                try:
                    self._document = self._api.replace(
                        LEASES, self._namespace, self.name, self._next(holder, journal)
                    )
                except ApiError as exc:
                    if exc.reason != CONFLICT:
                        raise
                    self._look_again()
                else:
                    self._renewed = begun
                    return
            msg = f"the Lease {self.name!r} changes faster than it can be renewed"
            raise DeployError(msg)

    def _next(self, holder: str | None, journal: Journal | None) -> Document:
        metadata = dict(self._document["metadata"])
        metadata.pop("managedFields", None)
        if journal is not None:
            annotations = dict(metadata.get("annotations") or {})
            metadata["annotations"] = annotations | {ANNOTATION: journal.write()}
        spec: dict[str, Any] = self._document["spec"] | {"renewTime": moment()}
        if holder is not None:
            spec["holderIdentity"] = holder
        return self._document | {"metadata": metadata, "spec": spec}

    def _look_again(self) -> None:
        """Reads the Lease after a conflict, which an own write whose answer was lost makes too."""
        there = self._api.get(LEASES, self._namespace, self.name)
        holder = ((there or {}).get("spec") or {}).get("holderIdentity", "")
        if there is None or holder != self._holder:
            self._lost = f"its holder is {holder!r} now" if there else "it was deleted"
            raise self._loss(self._lost)
        self._document = there
