"""Which file each row of a table came from: the sources' names and how many rows each gave.

`ingest` writes it beside the rows, so that `validate` can say "b.csv, row 5" where the table's row
is number 105.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from components.errors import DataError
from components.signature import Frozen

ORIGINS = "sources.json"


class Origin(Frozen):
    """One source.

    Attributes:
        name: as short as tells it from the others, without a user, a password or a query.
        rows: how many rows it gave; those of all sources stand in the order of the sources.
    """

    name: str
    rows: int


class Origins(Frozen):
    """The document `sources.json`.

    Attributes:
        format: version of the document.
        sources: in the order of the rows.
    """

    format: Literal[1] = 1
    sources: tuple[Origin, ...] = ()

    def said(self, places: Sequence[int]) -> str:
        """Says where rows stand in their sources.

        Args:
            places: positions in the table, from 0.

        Returns:
            Such as `a.csv, rows 5, 7; b.csv, row 0`, positions from 0 within each source's rows;
            without a name where nothing is known of the sources.
        """
        if not self.sources:
            return ", ".join(map(str, places))
        found: dict[int, list[int]] = {}
        for place in places:
            index, row = self._find(place)
            found.setdefault(index, []).append(row)
        return "; ".join(
            f"{self.sources[index].name}, row{'s' if len(rows) > 1 else ''} "
            f"{', '.join(map(str, rows))}"
            for index, rows in found.items()
        )

    def _find(self, place: int) -> tuple[int, int]:
        for index, source in enumerate(self.sources[:-1]):
            if place < source.rows:
                return index, place
            place -= source.rows
        return len(self.sources) - 1, place


def short_names(names: Sequence[str]) -> list[str]:
    """Shortens paths and addresses to their last parts.

    Args:
        names: different ones.

    Returns:
        As many of the last parts of each as it takes to tell all of them apart.
    """
    parts = [name.split("/") for name in names]
    for count in range(1, max(map(len, parts), default=1) + 1):
        short = ["/".join(own[-count:]) for own in parts]
        if len(set(short)) == len(short):
            return short
    return list(names)


def write_origins(folder: Path, sources: Iterable[Origin]) -> None:
    """Writes `sources.json` into a folder."""
    text = Origins(sources=tuple(sources)).model_dump_json(indent=1)
    (folder / ORIGINS).write_text(text, encoding="utf-8")


def read_origins(folder: Path) -> Origins:
    """Reads `sources.json` from a folder.

    Args:
        folder: what `ingest` wrote.

    Returns:
        The sources; none where the folder was written before they were kept.

    Raises:
        DataError: the file is there and damaged, or of a newer format.
    """
    path = folder / ORIGINS
    if not path.exists():
        return Origins()
    try:
        return Origins.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        msg = f"{str(path)!r} is damaged or of a newer format, expected format 1; run ingest again"
        raise DataError(msg) from exc
