"""What came last, and verdicts over a long time: found by the indexes, never by reading all.

A busy version gets a verdict a second, so that a chart of a week must not read those it cannot
show.
"""

from collections.abc import Iterator

from components.monitor.storage.journal_reader import SAME_SERIES, VERSIONS_AND_KINDS
from components.monitor.storage.pool import Pool
from components.monitor.storage.records import VerdictKind

Series = tuple[str, int, VerdictKind]
"""The verdicts of a model, a version and a kind."""


class History:
    """Reads the past of one store, by the connections of its `Reader`."""

    def __init__(self, pool: Pool) -> None:
        """Opens nothing yet.

        Args:
            pool: of the reader.
        """
        self._pool = pool

    def last_event(self, model: str, version: int) -> int | None:
        """Returns when a version's prediction came last, by this clock; None where none did."""
        return self._one(
            "SELECT received FROM events WHERE model = ? AND version = ? AND kind = 'prediction'"
            " ORDER BY key DESC LIMIT 1",
            (model, version),
        )

    def last_label(self, model: str) -> int | None:
        """Returns when a label joined a prediction of the model last; None where none did."""
        return self._one("SELECT max(received) FROM labels WHERE model = ?", (model,))

    def first_judged(self, series: Series) -> int | None:
        """Returns when a series began; None where nothing was judged."""
        return self._one(f"SELECT min(judged) FROM {_OF_SERIES}", series)  # noqa: S608

    def documents(self, series: Series, since: int, until: int, points: int) -> list[str]:
        """Reads verdicts of a time, the last one of each of its equal parts.

        Args:
            series: which.
            since: microseconds since 1970.
            until: the same, included.
            points: parts of the time, 1 to 200.

        Returns:
            Their JSON, the earliest first; parts without a verdict are left out.

        Raises:
            StoreError: the store cannot be read, as from every method here.
        """
        edges = [since - 1 + (until - since + 1) * at // points for at in range(points + 1)]
        parts = list(zip(edges, edges[1:], strict=False))
        # In one statement, as PostgreSQL may be a network away.
        grid = ", ".join(["(?, ?)"] * points)
        sql = (
            f"WITH grid (low, high) AS (VALUES {grid}) SELECT (SELECT document FROM {_OF_SERIES}"  # noqa: S608
            " AND judged > low AND judged <= high ORDER BY judged DESC LIMIT 1) FROM grid"
            " ORDER BY low"
        )
        values = (*(edge for part in parts for edge in part), *series)
        with self._pool.connection() as connection:
            return [row[0] for row in connection.query(sql, values) if row[0] is not None]

    def series(self) -> list[Series]:
        """Returns the series that hold a verdict; only registered versions are judged."""
        with self._pool.connection() as connection:
            return [(row[0], row[1], row[2]) for row in connection.query(_SERIES)]

    def moments(self, series: Series, since: int, until: int, most: int) -> list[int]:
        """Returns when a series was judged within [since, until), the earliest first.

        Args:
            series: which.
            since: microseconds since 1970.
            until: the same.
            most: how many at most.
        """
        sql = f"SELECT judged FROM {_OF_SERIES} AND judged >= ? AND judged < ? ORDER BY judged"  # noqa: S608
        with self._pool.connection() as connection:
            rows = connection.query(f"{sql} LIMIT ?", (*series, since, until, most))
        return [row[0] for row in rows]

    def from_before(self, series: Series, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Reads verdicts from the one before a moment on, and ends before another.

        Args:
            series: which.
            first: the moment; where nothing was judged before it, reading begins with it.
            last: the moment before which it ends.

        Yields:
            When each was judged, and its JSON; the earliest first.
        """
        sql = (
            f"SELECT judged, document FROM {_OF_SERIES} AND judged < ? AND judged >= coalesce("  # noqa: S608
            f"(SELECT max(judged) FROM {_OF_SERIES} AND judged < ?), ?) ORDER BY judged"
        )
        values = (*series, last, *series, first, first)
        with self._pool.connection() as connection, connection.snapshot():
            yield from ((row[0], row[1]) for row in connection.stream(sql, values))

    def _one(self, sql: str, values: tuple[str | int, ...]) -> int | None:
        with self._pool.connection() as connection:
            rows = connection.query(sql, values)
        return rows[0][0] if rows else None


_OF_SERIES = "verdicts WHERE model = ? AND version = ? AND kind = ?"
_SERIES = (
    f"SELECT v.model, v.version, k.kind FROM {VERSIONS_AND_KINDS} WHERE EXISTS ("  # noqa: S608
    f"SELECT 1 FROM verdicts d WHERE {SAME_SERIES}) ORDER BY v.model, v.version, k.kind"
)
