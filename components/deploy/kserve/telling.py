"""What is waited for, told to whoever asked: once each, and only what takes longer than a moment.

A person at a terminal reads it on the screen, a task's log keeps it.
"""

import logging
import time
from collections.abc import Callable

from components.deploy.kserve.pace import Pace

logger = logging.getLogger(__name__)

Say = Callable[[str], None]


def note(text: str) -> None:
    """Tells it to the log, where nobody looks on."""
    logger.info("%s", text)


class Spell:
    """One thing that is waited for, from its beginning on.

    Args:
        say: is told.
        pace: how long is no longer a moment.
    """

    def __init__(self, say: Say, pace: Pace) -> None:
        """Takes the time."""
        self._say, self._due = say, time.monotonic() + pace.told_s
        self._told: set[str] = set()

    def goes_on(self, what: str, *, about: str = "") -> None:
        """Tells it, where it has lasted for long.

        Args:
            what: that is waited for.
            about: of which that is told once, however often others are waited for in between.
        """
        if about not in self._told and time.monotonic() >= self._due:
            self._told.add(about)
            self._say(f"waiting for {what}")
