"""One model's InferenceService, read and written under the Lease."""

import logging
import time
from collections.abc import Callable
from typing import Any

from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_errors import CONFLICT, ApiError
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.telling import Say, Spell, note
from components.deploy.kserve.variants import is_ours, version_of
from components.errors import DeployError

logger = logging.getLogger(__name__)

Document = dict[str, Any]

# KServe writes the status several times a second while pods come up; each makes a new version.
_TRIES = 30


class _StandsError(Exception):
    """An InferenceService that was to be made is there."""

    def __init__(self, service: Document) -> None:
        """Keeps it."""
        super().__init__(service["metadata"]["name"])
        self.service = service


class KServeService:
    """The InferenceService of a model.

    Args:
        api: the cluster.
        namespace: of the model.
        name: of the model.
        lease: must be held for every write.
        pace: how often to look, and how long to wait until one that is deleted is gone.
        say: is told what is waited for.
    """

    def __init__(
        self,
        api: ClusterApi,
        namespace: str,
        name: str,
        *,
        lease: Lease,
        pace: Pace,
        say: Say = note,
    ) -> None:
        """Keeps what to read and write with."""
        self._api, self._namespace, self._name = api, namespace, name
        self._lease, self._pace, self._say = lease, pace, say

    def read(self) -> Document | None:
        """Reads it; None where the model has none. One that is being deleted is waited for.

        Raises:
            DeployError: it is somebody else's, or it is being deleted for too long.
        """
        until, spell = time.monotonic() + self._pace.ready_s, Spell(self._say, self._pace)
        while True:
            service = read_service(self._api, self._namespace, self._name)
            if service is None or not service["metadata"].get("deletionTimestamp"):
                return service
            if time.monotonic() > until:
                finalizers = service["metadata"].get("finalizers")
                msg = (
                    f"InferenceService {self._name!r} in namespace {self._namespace!r} was deleted "
                    f"and is not gone after {self._pace.ready_s:g} s: its finalizers are "
                    f"{finalizers}; is KServe's controller running?"
                )
                raise DeployError(msg)
            spell.goes_on(f"the deleted InferenceService {self._name!r} to be gone")
            time.sleep(self._pace.poll_s)

    def await_absent(self) -> None:
        """Waits until it is gone.

        Raises:
            DeployError: it is still there, or there again.
        """
        if self.read() is not None:
            msg = (
                f"InferenceService {self._name!r} in namespace {self._namespace!r} was deleted and "
                "is there again: somebody else makes it"
            )
            raise DeployError(msg)

    def create(self, document: Document) -> Document:
        """Makes it, where it is not there.

        Returns:
            It; where the answer to an own call was lost, as it is found then.

        Raises:
            LeaseLostError: another deployment may go on, or has made one meanwhile.
        """
        self._lease.renew()
        where = (INFERENCE_SERVICES, self._namespace, self._name)
        try:
            # Without a resourceVersion it would go over whatever is there by the time it arrives,
            # so a repetition looks first.
            return self._api.apply(*where, document, again=self._require_absent)
        except _StandsError as exc:
            found, own = exc.service, version_of(document["spec"]["predictor"])
            there = version_of(found["spec"]["predictor"])
            if there == own and not found["metadata"].get("deletionTimestamp"):
                return found
            msg = (
                f"InferenceService {self._name!r} in namespace {self._namespace!r} came to be "
                f"while version {own} was to be its first one, and serves version {there}: "
                "another deployment made it; nothing more is written. Run this one again"
            )
            raise LeaseLostError(msg) from exc

    def change(self, change: Callable[[Document], Document]) -> Document:
        """Applies a change to it as it is now.

        Args:
            change: makes the document to apply from the one that was read; applied to that one
                alone, and made anew where somebody else was quicker.

        Returns:
            It, as the server has it.

        Raises:
            LeaseLostError: another deployment may go on with it.
            DeployError: it is gone, KServe refused the change, or is too old for it.
        """
        for _ in range(_TRIES):
            self._lease.renew()
            service = self.read()
            if service is None:
                msg = (
                    f"InferenceService {self._name!r} in namespace {self._namespace!r} was deleted "
                    "while a version was rolled out; run the deployment again"
                )
                raise DeployError(msg)
            document = change(service)
            answer = self._apply(document)
            if answer is not None:
                return self._whole(document, answer)
            time.sleep(self._pace.poll_s)
        msg = (
            f"InferenceService {self._name!r} in namespace {self._namespace!r} changes faster than "
            "it can be written: see who else writes it with `kubectl get inferenceservice "
            f"{self._name} -o yaml --show-managed-fields`"
        )
        raise DeployError(msg)

    def delete(self, service: Document) -> None:
        """Deletes that very one, with its pods."""
        self._lease.renew()
        uid = service["metadata"]["uid"]
        where = (INFERENCE_SERVICES, self._namespace, self._name)
        self._api.delete(*where, uid, again=self._lease.check)

    def _require_absent(self) -> None:
        self._lease.check()
        there = read_service(self._api, self._namespace, self._name)
        if there is not None:
            raise _StandsError(there)

    def _apply(self, document: Document) -> Document | None:
        """Applies; None where it changed since it was read."""
        where = (INFERENCE_SERVICES, self._namespace, self._name, document)
        try:
            return self._api.apply(*where, again=self._lease.check)
        except ApiError as exc:
            if exc.reason != CONFLICT:
                raise
            if not exc.causes:
                return None
            # Deploy alone decides what a model's InferenceService says; but nobody's change goes
            # unseen.
            logger.warning("taking over fields model=%s %s", self._name, "; ".join(exc.causes))
        try:
            return self._api.apply(*where, force=True, again=self._lease.check)
        except ApiError as exc:
            if exc.reason != CONFLICT:
                raise
            return None

    def _whole(self, document: Document, answer: Document) -> Document:
        """Refuses where the server left out what it does not know, as it does without a word."""
        if document["spec"].get("canary") and not answer["spec"].get("canary"):
            msg = (
                f"this cluster's KServe knows no spec.canary: InferenceService {self._name!r} lost "
                "it on the way; KServe 0.21 or newer is needed"
            )
            raise DeployError(msg)
        return answer


def read_service(api: ClusterApi, namespace: str, name: str) -> Document | None:
    """Reads a model's InferenceService; None where it has none.

    Raises:
        DeployError: it is somebody else's, or this cluster has no KServe.
    """
    service = api.get(INFERENCE_SERVICES, namespace, name)
    if service is None:
        return None
    if not is_ours(service):
        msg = (
            f"an InferenceService {name!r} is in namespace {namespace!r} that Kubeloop did not "
            "make (its label app.kubernetes.io/part-of is not kubeloop): name the model otherwise, "
            "or delete it"
        )
        raise DeployError(msg)
    return service
