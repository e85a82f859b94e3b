"""Reads what our server packs where an event holds many rows: float32 in Base64.

`numbers` is `{"names": [...], "float32": "..."}`, the little-endian values of one column after
another, NaN for a missing one; packed probabilities are `{"float32": "..."}`, row after row. Both
leave here as the lists that an event of few rows holds, so that nothing behind tells them apart.
"""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Mapping
from typing import Any

from components.monitor.refusal import Review

Columns = dict[str, list[float | None]]


def unpack(data: Mapping[str, Any], review: Review) -> Mapping[str, Any]:
    """Puts lists in the place of what is packed.

    Args:
        data: the payload of a prediction event.
        review: notes every problem.

    Returns:
        The payload with `features` and `probabilities` as lists; what is malformed is left out.
    """
    answers = data.get("labels") or data.get("predictions")
    rows = len(answers) if isinstance(answers, list) else 0
    plain = dict(data)
    if "numbers" in plain:
        found = _columns(plain.pop("numbers"), rows, review)
        features = plain.get("features") or {}
        if isinstance(features, dict):
            if not features.keys().isdisjoint(found):
                review.note("data.numbers", "columns that features does not hold")
            plain["features"] = features | found
    if isinstance(plain.get("probabilities"), dict):
        values = _decoded(plain.pop("probabilities"))
        fits = values and rows and len(values) % rows == 0 and all(map(math.isfinite, values))
        if not values or not fits:
            review.note("data.probabilities", f"Base64 of {rows} rows of finite float32")
        else:
            width = len(values) // rows
            plain["probabilities"] = [
                values[at : at + width] for at in range(0, len(values), width)
            ]
    return plain


def _columns(numbers: object, rows: int, review: Review) -> Columns:
    names = numbers.get("names") if isinstance(numbers, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        review.note("data.numbers", "an object with names and float32")
        return {}
    values = _decoded(numbers)
    if values is None or len(values) != rows * len(names) or any(map(math.isinf, values)):
        review.note("data.numbers.float32", f"Base64 of {rows} finite float32 a column, or NaN")
        return {}
    if len(set(names)) != len(names):
        review.note("data.numbers.names", "each column once")
    known = [None if math.isnan(value) else value for value in values]
    return {name: known[at * rows : (at + 1) * rows] for at, name in enumerate(names)}


def _decoded(packed: object) -> list[float] | None:
    """Returns the values of an object with `float32`; None where it holds no such text."""
    text = packed.get("float32") if isinstance(packed, dict) else None
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) % 4:
        return None
    values = array("f", raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
