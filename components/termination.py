"""A task that is told to end: SIGTERM becomes an exception, so that what was begun is put back.

Argo ends a task's pod with it, by hand or at its deadline. Python itself would stop at once, and
leave half done whatever stands behind an `except` or a `finally`.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn

from components.errors import DeployError


class _Terminated(BaseException):
    """SIGTERM came. No `Exception`, since what waits and tries again must not outlive it."""


STOPPED: Final = (KeyboardInterrupt, _Terminated)
"""What is raised where somebody ends the work: Ctrl-C, and SIGTERM within `terminable`."""

# Ctrl-C, a service manager's or Argo's stop, and a terminal that is closed.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
def undisturbed(tell: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Ends at no signal within; for what has to come to its end, where that is bounded.

    In any other thread than the main one nothing is done.

    Args:
        tell: called once, in a thread of its own, where one of the signals came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Handlers run between any two steps of the main thread, which may be printing just then; of
    # all that they could do, `put` alone may be called so.
    came: SimpleQueue[int] = SimpleQueue()
    teller = threading.Thread(target=lambda: tell() if came.get() else None, daemon=True)
    teller.start()
    before = {}
    try:
        for number in _ENDING:
            before[number] = signal.signal(number, lambda which, _: came.put(which))
        yield
    finally:
        came.put(0)
        teller.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    msg = "the task was told to end (SIGTERM) before its work was done: by hand, or at its deadline"
    raise _Terminated(msg)
