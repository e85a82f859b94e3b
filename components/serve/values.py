"""The strict reading of one value of a request, and what is said of a wrong one."""

import math

import numpy as np

from components.dates.formats import UNIX
from components.serve.refusal import Problems, shown
from components.signature import Feature

FLOAT32_MAX = float(np.finfo(np.float32).max)


def number(feature: Feature, value: object, row: int, problems: Problems) -> float:
    """Reads one number; NaN, which JSON cannot hold, is how binary tensors say null."""
    if isinstance(value, str) and value.strip() in {t.strip() for t in feature.missing}:
        value = None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if not feature.nullable:
            refuse(feature, row, None, "null", problems)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        refuse(feature, row, value, "type", problems)
    elif abs(value) > FLOAT32_MAX:
        reason = "overflow" if isinstance(value, int) or math.isfinite(value) else "not_finite"
        refuse(feature, row, value, reason, problems)
    else:
        return float(value)
    return math.nan


def absent(feature: Feature, value: object, row: int, problems: Problems) -> str:
    """Reads what is no category's text: null or a token for it, or a value of another type."""
    if value is not None and not isinstance(value, str):
        refuse(feature, row, value, "type", problems)
    elif not feature.nullable:
        refuse(feature, row, value, "null", problems)
    return ""


def as_text(value: object, feature: Feature) -> object:
    """Returns the text that a value of another type stands for; the value where there is none."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    if isinstance(value, bool) and feature.boolean:
        return str(value)
    counts = isinstance(value, int | float) and not isinstance(value, bool)
    # A moment that is counted from 1970 is a number to most clients.
    return str(value) if counts and not UNIX.keys().isdisjoint(feature.formats) else value


def strange(feature: Feature, value: object, row: int, problems: Problems) -> str:
    """Refuses text that is no truth value or no date."""
    refuse(feature, row, value, "type", problems)
    return ""


def refuse(feature: Feature, row: int, value: object, reason: str, problems: Problems) -> None:
    """Adds what is wrong with a value: its row and field, what was expected, and what came."""
    if problems.full:
        problems.add("", feature=feature.name, reason=reason)
        return
    wanted = "a number" if feature.dtype == "float32" else "text"
    if feature.boolean:
        wanted = "true or false"
    if feature.dtype == "date":
        wanted = f"a date such as {' or '.join(feature.formats[:3])}"
    if feature.nullable:
        wanted += " or null"
    if reason in ("overflow", "not_finite"):
        wanted += f" within ±{FLOAT32_MAX:.3g}"
    got = "bytes that are no UTF-8" if isinstance(value, bytes) else shown(value)
    if isinstance(value, int) and abs(value) > FLOAT32_MAX:
        got = "an integer too large"
    text = f"row {row}, field {feature.name!r}: expected {wanted}, got {got}"
    if feature.dtype == "string" and isinstance(value, int):
        text += "; send its text"
    problems.add(text, feature=feature.name, reason=reason)
