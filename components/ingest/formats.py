"""Tells by a source's name what it holds and how it is packed."""

from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from components.errors import DataError


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


PACKED = (".gz", ".bz2", ".xz", ".zst")
_FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".txt": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
}


def format_of(source: str) -> tuple[Format, str]:
    """Reads the format off a name.

    Args:
        source: a path or an address; what follows an address's path does not count.

    Returns:
        The format, and the suffix of its packing, empty for none. Parquet is packed within.

    Raises:
        DataError: the name ends in nothing that is known.
    """
    suffixes = [s.lower() for s in PurePosixPath(path_of(source)).suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKED else ""
    known = _FORMATS.get(suffixes[-1]) if suffixes else None
    if known is None or (packing and known is Format.PARQUET):
        msg = (
            f"source {shown(source)!r} is of no known format: expected a name that ends in .csv, "
            f".tsv, .txt or .jsonl, plain or with {', '.join(PACKED)} behind it, or in .parquet"
        )
        raise DataError(msg)
    return known, packing


def path_of(source: str) -> str:
    """Returns a path as it is, and of an address its path alone."""
    # In an object's key a question mark or a hash is a letter as any other.
    return urlsplit(source).path if source.startswith(("https://", "http://")) else source


def shown(source: str) -> str:
    """Returns a source as a message may show it: without a user, a password or a token."""
    if not source.startswith(("https://", "http://")):
        return source
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    query = "…" if parts.query else ""
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
