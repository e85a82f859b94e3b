"""JSON bodies: parsed strictly, refused in a sentence."""

from typing import Any

import orjson

from components.serve.refusal import RefusalError, shown


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses a body that has to be a JSON object.

    Args:
        body: UTF-8.

    Returns:
        The object.

    Raises:
        RefusalError: it is no JSON (NaN and Infinity are none either, nor is a number beyond
            float64), or no object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        hint = ""
        if b"NaN" in body or b"Infinity" in body:
            hint = "; JSON knows no NaN or Infinity, send null for a missing value"
        msg = f"the body is no JSON: {exc}{hint}"
        raise RefusalError(msg) from exc
    if not isinstance(document, dict):
        msg = f"the body must be a JSON object, got {shown(document)}"
        raise RefusalError(msg)
    return document
