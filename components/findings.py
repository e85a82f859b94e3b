"""What the privacy scan of `ingest` found: columns that look personal and are declared neither way.

`ingest` writes it beside the rows, `validate` reports it. Counts and row positions are kept, values
never.
"""

from pathlib import Path
from typing import Literal

from components.errors import DataError
from components.signature import Frozen

FINDINGS = "findings.json"

Kind = Literal["mail", "phone", "card", "iban", "ip", "name"]

_SAID: dict[Kind, str] = {
    "mail": "mail addresses",
    "phone": "phone numbers",
    "card": "card numbers",
    "iban": "bank accounts (IBAN)",
    "ip": "IP addresses",
    "name": "personal data, by its name",
}


class Finding(Frozen):
    """One column that looks personal.

    Attributes:
        column: its name.
        kind: what it seems to hold; `name` where only the column's name tells.
        count: how many of the values looked at are of that kind; for `name`, how many are there.
        looked_at: how many rows were looked at.
        places: positions in `rows.parquet` of the first such values, from 0, at most 5; none for
            `name`.
    """

    column: str
    kind: Kind
    count: int
    looked_at: int
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Says it as a part of a sentence."""
        told = f"column {self.column!r} looks like {_SAID[self.kind]}"
        if self.kind == "name":
            return told
        return f"{told} ({self.count:,} in {self.looked_at:,} rows looked at)"


class Findings(Frozen):
    """The document `findings.json`.

    Attributes:
        format: version of the document.
        findings: in the order of the columns.
    """

    format: Literal[1] = 1
    findings: tuple[Finding, ...] = ()


def write_findings(folder: Path, findings: tuple[Finding, ...]) -> None:
    """Writes `findings.json` into a folder."""
    text = Findings(findings=findings).model_dump_json(indent=1)
    (folder / FINDINGS).write_text(text, encoding="utf-8")


def read_findings(folder: Path) -> tuple[Finding, ...]:
    """Reads `findings.json` from a folder.

    Args:
        folder: what `ingest` wrote.

    Returns:
        The findings; none where the folder was written before there was a scan.

    Raises:
        DataError: the file is there and damaged, or of a newer format.
    """
    path = folder / FINDINGS
    if not path.exists():
        return ()
    try:
        return Findings.model_validate_json(path.read_text(encoding="utf-8")).findings
    except ValueError as exc:
        msg = f"{str(path)!r} is damaged or of a newer format, expected format 1; run ingest again"
        raise DataError(msg) from exc
