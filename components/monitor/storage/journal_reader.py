"""Reads what was judged, alerted and decided.

The newest of a series come oldest first, as charts and windows want them; alerts and retrainings
newest first, as a list of news.
"""

from typing import Final, Literal, get_args, overload

from components.monitor.storage.connection import Row
from components.monitor.storage.pool import Pool
from components.monitor.storage.records import (
    QUALITY,
    AlertRecord,
    Chunk,
    DriftKind,
    Retraining,
    RetrainingTotal,
    VerdictKind,
)
from components.monitor.verdicts import DriftVerdict, QualityVerdict, read_drift, read_quality

VERSIONS_AND_KINDS: Final = "versions v CROSS JOIN ({}) k".format(
    " UNION ALL ".join(f"SELECT '{kind}' AS kind" for kind in get_args(VerdictKind))
)
"""All series that there may be: only registered versions are judged."""

SAME_SERIES: Final = "d.model = v.model AND d.version = v.version AND d.kind = k.kind"

# One look into the primary key for each series, however many verdicts it holds.
LATEST: Final = (
    "SELECT v.model, v.version, k.kind, (SELECT d.document FROM verdicts d"  # noqa: S608
    f" WHERE {SAME_SERIES} ORDER BY d.judged DESC LIMIT 1) FROM {VERSIONS_AND_KINDS}"
)

_DECISIONS: Final = (
    "SELECT id, model, reason, decided, outcome, why, evidence, run, started, ended, version"
    " FROM retrainings"
)


class JournalReader:
    """What `journal` wrote; a part of `Reader`."""

    def __init__(self, pool: Pool) -> None:
        """Opens nothing yet.

        Args:
            pool: lends the connections.
        """
        self._pool = pool

    def chunks(self, model: str, version: int, *, newest: int) -> list[Chunk]:
        """Reads the newest chunks, by growing number."""
        rows = self._query(
            'SELECT model, version, number, first_event, last_event, start, "end", rows, counts'
            " FROM chunks WHERE model = ? AND version = ? ORDER BY number DESC LIMIT ?",
            (model, version, newest),
        )
        return [Chunk(*row) for row in reversed(rows)]

    @overload
    def verdicts(
        self, model: str, version: int, kind: DriftKind, *, newest: int
    ) -> list[DriftVerdict]: ...
    @overload
    def verdicts(
        self, model: str, version: int, kind: Literal["quality"], *, newest: int
    ) -> list[QualityVerdict]: ...
    def verdicts(
        self, model: str, version: int, kind: VerdictKind, *, newest: int
    ) -> list[DriftVerdict] | list[QualityVerdict]:
        """Reads the newest verdicts of a kind, the earliest judged first."""
        rows = self._query(
            "SELECT document FROM verdicts WHERE model = ? AND version = ? AND kind = ?"
            " ORDER BY judged DESC LIMIT ?",
            (model, version, kind, newest),
        )
        texts = [row[0] for row in reversed(rows)]
        return list(map(read_quality, texts)) if kind == QUALITY else list(map(read_drift, texts))

    def latest_verdicts(self) -> dict[tuple[str, int, VerdictKind], DriftVerdict | QualityVerdict]:
        """Reads the latest verdict of each registered version and kind."""
        return {
            (row[0], row[1], row[2]): (read_quality if row[2] == QUALITY else read_drift)(row[3])
            for row in self._query(LATEST)
            if row[3] is not None
        }

    def alerts(self, model: str | None = None, *, newest: int = 100) -> list[AlertRecord]:
        """Reads the alerts that were received last, of one model or of all."""
        rows = self._query(
            "SELECT fingerprint, starts_at, model, name, severity, status, ends_at, received,"
            " document FROM alerts WHERE ? IN ('', model) ORDER BY received DESC LIMIT ?",
            (model or "", newest),
        )
        return [AlertRecord(*row) for row in rows]

    def retrainings(self, model: str | None = None, *, newest: int = 100) -> list[Retraining]:
        """Reads the decisions on retraining that were made last, of one model or of all."""
        rows = self._query(
            f"{_DECISIONS} WHERE ? IN ('', model) ORDER BY decided DESC, id DESC LIMIT ?",
            (model or "", newest),
        )
        return [Retraining(*row) for row in rows]

    def retrainings_since(self, model: str, since: int) -> list[Retraining]:
        """Reads the decisions on a model from a moment on, microseconds since 1970."""
        rows = self._query(
            f"{_DECISIONS} WHERE model = ? AND decided >= ? ORDER BY decided", (model, since)
        )
        return [Retraining(*row) for row in rows]

    def retrainings_under_way(self) -> list[Retraining]:
        """Reads the decisions whose run has not ended, as far as anybody took note."""
        rows = self._query(f"{_DECISIONS} WHERE outcome = 'started' ORDER BY decided")
        return [Retraining(*row) for row in rows]

    def retraining_totals(self) -> list[RetrainingTotal]:
        """Counts the decisions on retraining by model, reason and outcome."""
        rows = self._query(
            "SELECT model, reason, outcome, count(*), min(decided), max(coalesce(ended, decided))"
            " FROM retrainings GROUP BY model, reason, outcome"
        )
        return [RetrainingTotal(*row) for row in rows]

    def _query(self, sql: str, values: tuple[str | int, ...] = ()) -> list[Row]:
        with self._pool.connection() as connection:
            return connection.query(sql, values)
