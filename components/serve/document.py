"""JSON bodies: parsed as KServe parses them, refused in a sentence that begins as KServe's does."""

import json
from typing import Any

import orjson

from components.serve.refusal import RefusalError, shown

# What a large body may hold: 10,000 rows of 100 columns. Parsed values take up to 50 times the
# bytes of their JSON (measured: 16 MiB of empty objects take 400 MiB), and that, not the body, is
# what could end a small server. A MiB can do no harm and is not counted.
MAX_VALUES = 1_000_000
MAX_GROUPS = 200_000
_SMALL = 1024 * 1024


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses a body that has to be a JSON object.

    Args:
        body: UTF-8.

    Returns:
        The object.

    Raises:
        RefusalError: it is no JSON (NaN and Infinity are none either, nor is a number beyond
            float64), no object, or (413) holds too many values.
    """
    check_values(body)
    try:
        return as_object(orjson.loads(body))
    except orjson.JSONDecodeError as exc:
        raise RefusalError(_no_json(body, exc)) from exc


def parse_loosely(body: bytes) -> tuple[dict[str, Any], bool]:
    """Parses a V2 body, which KServe reads with Python's own parser.

    That one takes more than JSON: NaN, whole numbers of any length, UTF-16, lone surrogates. Only a
    body that orjson refuses is given to it.

    Args:
        body: the document.

    Returns:
        The object, and whether its text may hold what is no Unicode.

    Raises:
        RefusalError: it is no JSON for either parser, no object, or (413) holds too many values.
    """
    check_values(body)
    try:
        return as_object(orjson.loads(body)), False
    except orjson.JSONDecodeError as exc:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusalError(_no_json(body, exc)) from exc
    return as_object(document), True


def check_values(body: bytes) -> None:
    """Refuses (413) JSON that would grow out of proportion once it is parsed.

    Args:
        body: the JSON; commas and brackets inside of its texts count too.
    """
    if len(body) <= _SMALL:
        return
    values, groups = body.count(b","), body.count(b"{") + body.count(b"[")
    if values > MAX_VALUES or groups > MAX_GROUPS:
        msg = f"the body holds {values} values in {groups} lists and objects, at most {MAX_VALUES} "
        msg += f"in {MAX_GROUPS} are read at once; send the rows in parts"
        raise RefusalError(msg, status=413)


def as_object(document: Any) -> dict[str, Any]:
    """Returns a parsed document that is an object; refuses any other."""
    if not isinstance(document, dict):
        msg = f"the body must be a JSON object, got {shown(document)}"
        raise RefusalError(msg)
    return document


def _no_json(body: bytes, exc: Exception) -> str:
    hint = ""
    if b"NaN" in body or b"Infinity" in body:
        hint = "; JSON knows no NaN or Infinity, send null for a missing value"
    elif body[:2] == b"\x1f\x8b":
        hint = "; compressed bodies are not read, send it as it is"
    return f"Unrecognized request format: {exc}{hint}"
