"""Fresh rows: what served models were asked and how it turned out, labelled since the last run.

The monitor writes them as Parquet (GET /v1/models/NAME/labelled.parquet), `ingest` reads them
beside the sources, and every stage after it tells them from the sources' rows by their time.
"""

from pathlib import Path
from typing import Final

from components.signature import Frozen

TIME: Final = "kubeloop_time"
"""When a row was predicted, UTC; null for a row of the sources."""

ID: Final = "kubeloop_id"
"""The prediction's id, `<request id>:<row>`; one id is one row."""

CHECK_ID: Final = "kubeloop-check-"
"""What the ids begin with of the requests by which a run checks its endpoint: they carry hold-out
rows and their truth, and so are no fresh rows, though the monitor knows their labels."""

FRESH_ROWS: Final = "fresh.parquet"
_FRESH: Final = "fresh.json"


class Fresh(Frozen):
    """Where fresh rows came from.

    Attributes:
        rows: how many there are.
        columns: those of the sources' columns that they hold; a column that is not among them can
            be no feature, since the hold-out could not tell what it is worth.
        first: when the first of them was predicted, UTC, ISO 8601.
        last: when the last of them was.
        since: from when on labels were asked for, as the address says it; empty where it does not.
        until: before when.
        left_out: rows of the file that repeat a prediction's id, or with which a run checked its
            endpoint.
        sources: fingerprint of the sources' rows alone.
    """

    rows: int
    columns: tuple[str, ...]
    first: str
    last: str
    since: str = ""
    until: str = ""
    left_out: int = 0
    sources: str

    def write(self, folder: Path) -> None:
        """Writes `fresh.json` into a folder."""
        (folder / _FRESH).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Fresh | None":
        """Reads `fresh.json` from a folder; None where a run had no fresh rows."""
        try:
            return cls.model_validate_json((folder / _FRESH).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    @classmethod
    def remove(cls, folder: Path) -> None:
        """Removes from a folder what tells of fresh rows, and the rows themselves."""
        for name in (_FRESH, FRESH_ROWS):
            (folder / name).unlink(missing_ok=True)
