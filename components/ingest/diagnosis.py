"""Says what is wrong with a file that Polars could not read: which line, and what to do.

Polars' own texts name neither file nor line and may quote a row, so none of them is passed on. The
file is read a second time here, in Python, only after it has failed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from components.ingest.formats import Format

_SAMPLE_BYTES = 2**16


def explain(name: str, exc: Exception, path: Path | None, form: Format) -> str:
    """Finds the reason why a source cannot be read.

    Args:
        name: the source, as a message may show it.
        exc: what was raised.
        path: the local file, unpacked; None for a table that is no file.
        form: how it is written.

    Returns:
        One sentence without any value of a row.
    """
    if path is None:
        return f"source {name!r} cannot be read: {type(exc).__name__}"
    try:
        reason = _reason(path, form)
    except OSError as own:
        reason = f"{own.strerror}; check the path"
    return f"source {name!r} cannot be read: {reason}"


def _reason(path: Path, form: Format) -> str:
    with path.open("rb") as stream:
        sample = stream.read(_SAMPLE_BYTES)
    if not sample.strip():
        return "it is empty; expected a header and rows"
    if form is Format.PARQUET:
        return "it is no whole Parquet file; write or fetch it again"
    if form is Format.CSV:
        return "its rows do not fit its header; write it again with a library for CSV"
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8; save the file as UTF-8"
    with path.open(encoding="utf-8-sig", newline="") as text:
        return _json_reason(text)


def _json_reason(lines: Iterator[str]) -> str:
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError:
            return f"line {number} is no JSON; expected one object a line"
        if not isinstance(row, dict):
            return f"line {number} is no JSON object; expected one object a line"
    return "its lines do not fit together; expected objects with the same keys and types"
