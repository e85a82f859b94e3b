"""How events are inserted: many in one statement, with the key of each.

A statement for each event gave the processor back and waited for it again, once an event, while the
thread that reads requests was at work; one for many leaves that thread alone meanwhile (measured:
50 and 20 microseconds an event on SQLite).
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from components.monitor.storage.connection import Row, Value

_COLUMNS: Final = (
    *("id", "kind", "model", "version", "registered", "time", "received", "rows", "duration"),
    *("features", "outputs"),
)
_LARGEST: Final = 128
"""Events in one statement; their number is always a power of two, so that few statements are
prepared and kept."""


def parts(rows: Sequence[Sequence[Value]]) -> Iterator[Sequence[Sequence[Value]]]:
    """Divides rows into parts of powers of two, in their order."""
    at, size = 0, _LARGEST
    while at < len(rows):
        while size > len(rows) - at:
            size //= 2
        yield rows[at : at + size]
        at += size


@cache
def statement(count: int) -> str:
    """Returns the SQL that inserts so many events, and leaves out those whose id is known."""
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return (
        f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"  # noqa: S608
        " ON CONFLICT (id, kind) DO NOTHING"
    )


def keys_of(rows: Sequence[Sequence[Value]], stored: Iterable[Row]) -> list[int | None]:
    """Finds the key of each row.

    Args:
        rows: of one statement; id and kind come first.
        stored: id, kind and key of what it stored.

    Returns:
        The keys; None where the event was known, also by a row before it.
    """
    keys: dict[tuple[Value, Value], int] = {(row[0], row[1]): row[2] for row in stored}
    return [keys.pop((row[0], row[1]), None) for row in rows]
