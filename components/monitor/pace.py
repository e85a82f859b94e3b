"""Lets others have the interpreter while something long is read or made."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

SLICE: Final = 0.001
"""Seconds of work after which there is a pause: as long as a step of the judge."""

PAUSE: Final = 0.0001
"""Seconds. A thread that lets go for none takes the interpreter back before the one that waits for
it has woken, and that one waits 5 ms, several times a request."""

T = TypeVar("T")

_paused = threading.local()


def paced(items: Iterable[T]) -> Iterator[T]:
    """Yields items, each some tenths of a millisecond of work, with a pause where it is due.

    What is paced within an item, and what was paced before, counts too: a page is many short lists.
    """
    for item in items:
        yield item
        if time.monotonic() - getattr(_paused, "at", 0.0) >= SLICE:
            time.sleep(PAUSE)
            _paused.at = time.monotonic()
