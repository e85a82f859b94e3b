"""Lets others have the interpreter while a page is made."""

import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

PAUSE: Final = 0.0001
"""Seconds. A thread that lets go for none takes the interpreter back before the one that waits for
it has woken, and that one waits 5 ms, several times a request."""

T = TypeVar("T")


def paced(items: Iterable[T]) -> Iterator[T]:
    """Yields items, each some tenths of a millisecond of work, with a pause after each."""
    for item in items:
        yield item
        time.sleep(PAUSE)
