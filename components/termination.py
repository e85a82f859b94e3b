"""A task that is told to end: SIGTERM becomes an exception, so that what was begun is put back.

Argo ends a task's pod with it, by hand or at its deadline. Python itself would stop at once, and
leave half done whatever stands behind an `except` or a `finally`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from components.errors import DeployError


class _Terminated(BaseException):
    """SIGTERM came. No `Exception`, since what waits and tries again must not outlive it."""


STOPPED: Final = (KeyboardInterrupt, _Terminated)
"""What is raised where somebody ends the work: Ctrl-C, and SIGTERM within `terminable`."""


@contextmanager
def terminable() -> Iterator[None]:
    """Has the first SIGTERM raise within, in the main thread; what was set for it is set again.

    A second one is ignored, since it would disturb the putting back. In any other thread, where
    Python handles no signals, nothing is done.

    Raises:
        DeployError: SIGTERM came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    except _Terminated as exc:
        raise DeployError(str(exc)) from exc
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignores SIGTERM within; for what has to come to its end, where that is bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    msg = "the task was told to end (SIGTERM) before its work was done: by hand, or at its deadline"
    raise _Terminated(msg)
