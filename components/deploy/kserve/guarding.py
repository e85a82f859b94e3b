"""What holds around every step of a deployment: a failure puts the last good version back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import LeaseLostError
from components.deploy.kserve.newcomer import Newcomer
from components.deploy.kserve.reasons import clean, kept
from components.deploy.kserve.restoring import put_back
from components.deploy.kserve.site import Site
from components.deploy.kserve.telling import Say
from components.deploy.kserve.variants import candidate_of, stable_of
from components.errors import DeployError, KubeloopError
from components.termination import STOPPED, undisturbed

Document = dict[str, Any]


@contextmanager
def or_back(site: Site, new: Newcomer) -> Iterator[None]:
    """Puts the last good version back where what is done within fails, or is stopped.

    Raises:
        DeployError: always then: what failed, and what is served now.
    """
    try:
        yield
    except LeaseLostError:
        # Somebody else decides what is served.
        raise
    except BaseException as exc:
        if not site.lease.journal.phase:
            # Nothing is changed yet, and nothing says what to put back.
            raise
        reason, back = _reason(exc), _way_back(site, new)
        still = f"still {back}; ended now it would be left half done"
        try:
            # Whoever is told to end in the middle of it would leave it half done.
            with undisturbed(lambda: site.say(still)):
                site.say(f"{back}: {clean(reason)}")
                good = put_back(site, reason)
        except KubeloopError as failed:
            msg = (
                f"{reason}; and what was served before could not be put back: {failed}. Run the "
                "deployment again: it begins with that"
            )
            raise DeployError(msg) from exc
        if not isinstance(exc, Exception):
            raise
        now = f"version {good.version} is served" if good else "nothing is served"
        msg = f"version {new.version} of {new.spec.name!r} was put back, {now}: {exc}"
        raise DeployError(msg) from exc


@contextmanager
def or_told(service: KServeService, before: Document | None, say: Say) -> Iterator[None]:
    """Tells what is served where somebody ends the deployment: no error says it then.

    Args:
        service: the model's, its Lease held.
        before: how it was read before the deployment; None where there was none.
        say: is told.
    """
    try:
        yield
    except STOPPED:
        with undisturbed():
            say(_served(service, before))
        raise


def _served(service: KServeService, before: Document | None) -> str:
    try:
        now = service.read()
    except DeployError as exc:
        return f"what is served now cannot be read: {exc}"
    if now is None:
        return "nothing is served"
    stable, candidate = stable_of(now), candidate_of(now)
    version = stable.version
    if candidate is not None:
        return (
            f"version {version} has {stable.percent} % of the traffic and version "
            f"{candidate.version} has {candidate.percent} %: a deployment of {stable.model!r} was "
            "ended half done; the next one, or a rollback, completes it or takes it back"
        )
    if before is not None and stable_of(before).version == version:
        return f"version {version} is served still"
    return f"version {version} is served now; bring it into service once more to complete that"


def _way_back(site: Site, new: Newcomer) -> str:
    good = site.lease.journal.good
    return f"putting version {good.version} back" if good else f"taking version {new.version} away"


def _reason(exc: BaseException) -> str:
    """Why a deployment ended early, with all that its error quotes of the cluster."""
    if isinstance(exc, KeyboardInterrupt):
        return "it was interrupted"
    return kept(str(exc)) or type(exc).__name__
