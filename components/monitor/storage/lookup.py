"""Looks many values up in few statements."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from components.monitor.storage.connection import Connection, Row, Value

_SIZES: Final = (1, 20, 200)
"""Of a list of values, so that there are few statements to prepare."""


def look_up(connection: Connection, sql: str, keys: Sequence[Sequence[Value]]) -> Iterator[Row]:
    """Yields what is found for each of the keys.

    Args:
        connection: to the store.
        sql: with one `{}` or several inside `IN (…)`, where the keys belong.
        keys: of one value or several; a repeated one is looked up once.

    Raises:
        StoreError: the store cannot be read.
    """
    left = list(dict.fromkeys(map(tuple, keys)))
    times = sql.count("{}")
    while left:
        size = next((size for size in _SIZES if size >= len(left)), _SIZES[-1])
        some, left = left[:size], left[size:]
        some += some[-1:] * (size - len(some))
        values = [value for key in some for value in key]
        places = [_places(size, len(some[0]))] * times
        yield from connection.query(sql.format(*places), values * times)


@cache
def _places(keys: int, values: int) -> str:
    if values == 1:
        return ", ".join("?" * keys)
    one = f"({', '.join('?' * values)})"
    return f"VALUES {', '.join([one] * keys)}"
