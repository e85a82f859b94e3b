"""What came last, and verdicts over a long time: found by the indexes, never by reading all.

A busy version gets a verdict a second, so that a chart of a week must not read those it cannot
show.
"""

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

    def _one(self, sql: str, values: tuple[str | int, ...]) -> int | None:
        with self._pool.connection() as connection:
            rows = connection.query(sql, values)
        return rows[0][0] if rows else None


_OF_SERIES = "verdicts WHERE model = ? AND version = ? AND kind = ?"
