"""Numbers as people write them, with their own decimal mark and marks between thousands."""

import re

import polars as pl

# Typography has several characters for one mark.
_ALIKE = {" ": "[\u00a0\u202f\u2009]", "'": "\u2019"}


def read_numbers(text: pl.Expr, decimal: str = ".", thousands: str = "") -> pl.Expr:
    """Reads trimmed text as numbers.

    Args:
        text: the texts.
        decimal: their decimal mark.
        thousands: their mark between thousands, empty for none. Thousands are grouped by three, but
            for the later groups by two or three, as in India; a mark in any other place makes a
            text no number, and so does a group of zeros before it: 0,123 is a fraction that
            somebody wrote with a comma.

    Returns:
        float64; null for what is no number, infinite for "inf".
    """
    if decimal == "." and not thousands:
        return text.cast(pl.Float64, strict=False)
    whole = r"\d+"
    if thousands:
        if alike := _ALIKE.get(thousands):
            text = text.str.replace_all(alike, thousands)
        mark = re.escape(thousands)
        whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}|\d+)"
    point = re.escape(decimal)
    number = rf"(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
    shape = rf"^[+-]?(?:{number}|(?i:inf|infinity))$"
    plain = text.str.replace_all(thousands, "", literal=True) if thousands else text
    plain = plain.str.replace(decimal, ".", literal=True)
    return pl.when(text.str.contains(shape)).then(plain).cast(pl.Float64, strict=False)
