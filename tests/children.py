"""A process that a test ends, or stops, in the middle of what it does."""

import os
from collections.abc import Callable
from typing import Final

FAILED: Final = 2
"""The status of one whose act raised."""


class Child:
    """A fork of the test that waits until it is let begin, so that the test knows it before.

    Args:
        act: what it does; returns its status.
    """

    def __init__(self, act: Callable[[], int]) -> None:
        self._held, self._hold = os.pipe()
        self._process = os.fork()
        if not self._process:
            status = FAILED
            try:
                os.close(self._hold)
                # Nothing comes where the test is gone.
                if os.read(self._held, 1):
                    status = act()
            finally:
                # Whatever comes, it runs nothing of the test's.
                os._exit(status)

    def begin(self) -> None:
        """Lets it begin."""
        os.write(self._hold, b".")

    def send(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self._process, number)

    def await_stop(self) -> None:
        """Waits until it stands still by SIGSTOP."""
        os.waitpid(self._process, os.WUNTRACED)

    def end(self) -> int:
        """Waits for its end; returns its status, or less than 0 where a signal ended it."""
        _, status = os.waitpid(self._process, 0)
        os.close(self._held)
        os.close(self._hold)
        return os.waitstatus_to_exitcode(status)
