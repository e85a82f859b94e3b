"""What holds around every step of a deployment: a failure puts the last good version back."""

from collections.abc import Iterator
from contextlib import contextmanager

from components.deploy.kserve.lease import LeaseLostError
from components.deploy.kserve.newcomer import Newcomer
from components.deploy.kserve.reasons import clean
from components.deploy.kserve.restoring import put_back
from components.deploy.kserve.site import Site
from components.errors import DeployError
from components.termination import undisturbed


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
        reason = clean(str(exc)) or type(exc).__name__
        try:
            # Whoever is told to end in the middle of it would leave it half done.
            with undisturbed():
                good = put_back(site, reason)
        except DeployError as failed:
            msg = (
                f"{exc}; and what was served before could not be put back: {failed}. Run the "
                "deployment again: it begins with that"
            )
            raise DeployError(msg) from exc
        if not isinstance(exc, Exception):
            raise
        now = f"version {good.version} is served" if good else "nothing is served"
        msg = f"version {new.version} of {new.spec.name!r} was put back, {now}: {exc}"
        raise DeployError(msg) from exc
