"""Recognises numbers that are written in a way which the spec does not speak of, for a hint."""

import polars as pl

# By what most often stands in tables; each with what to do. Text of the first two may look alike
# ("1,234"): the one that more of the texts fit is named.
_WAYS: dict[str, tuple[str, str]] = {
    "thousands comma": (
        r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$",
        "some look like 1,234.5: declare `thousands: ','`",
    ),
    "decimal comma": (r"^[+-]?\d+,\d+$", "some look like 1234,5: declare `decimal: ','`"),
    "both": (
        r"^[+-]?\d{1,3}(\.\d{3})+(,\d+)?$",
        "some look like 1.234,5: declare `decimal: ','` and `thousands: '.'`",
    ),
    "space": (
        "^[+-]?\\d{1,3}([ \u00a0\u202f]\\d{3})+([.,]\\d+)?$",
        "some look like 1 234: declare `thousands: ' '`, and `decimal` where it is no point",
    ),
    "percent": (
        r"^[+-]?\d+([.,]\d+)?\s*%$",
        "some look like 12%: write them without the sign, or declare `type: category`",
    ),
    "currency": (
        r"^[+-]?([$€£¥]\s*\d|\d[\d.,]*\s*[$€£¥]$)",
        "some look like $12: write them without the sign, or declare `type: category`",
    ),
}
# A number with both marks is of no other way; so is one that only groups could explain.
_PATTERNS = {way: pattern for way, (pattern, _) in _WAYS.items()}


def hint(way: str) -> str:
    """Returns what to do about numbers written in a way; empty for an unknown one."""
    return _WAYS[way][1] if way in _WAYS else ""


def likely_ways(sample: pl.DataFrame) -> dict[str, str]:
    """Finds the columns of text some of which is numbers in another writing.

    Args:
        sample: columns of trimmed text.

    Returns:
        The way that most texts fit, by column; columns without one are left out.
    """
    counts = sample.select(
        pl.col(name).str.contains(pattern).sum().alias(f"{name}\0{way}")
        for name in sample.columns
        for way, pattern in _PATTERNS.items()
    )
    found = {}
    row = counts.row(0, named=True) if counts.width else {}
    for name in sample.columns:
        way = max(_PATTERNS, key=lambda way: row[f"{name}\0{way}"])
        if row[f"{name}\0{way}"]:
            found[name] = way
    return found


def written(text: pl.Expr, way: str) -> pl.Expr:
    """Returns whether trimmed text is a number in a way of writing."""
    return text.str.contains(_PATTERNS[way])
