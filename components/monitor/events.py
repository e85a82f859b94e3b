"""Reads CloudEvents 1.0 over HTTP in binary, structured and batched form.

The envelope alone: `predictions` and `agent` read the payloads. What a batch holds is judged event
by event, so that every problem of a request is reported at once.
Source: CloudEvents HTTP protocol binding 1.0.2, sections 3.1 to 3.3; JSON format 1.0.2, section 3.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from components.monitor.refusal import CONTENT_TYPE, MALFORMED, RefusedError, Review
from components.monitor.wire import decode_json, is_name, media_type, parse_time

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent.

    Attributes:
        id: unique together with the type.
        type: the event's type.
        time: microseconds since 1970, UTC; None when the event carries none.
        data: the payload, any JSON value.
        attributes: all context attributes, extensions included, by name.
    """

    id: str
    type: str
    time: int | None
    data: Any
    attributes: Mapping[str, object]


def read_events(headers: Mapping[str, str], body: bytes) -> list[tuple[Event | None, Review]]:
    """Reads the events of one request.

    Args:
        headers: by lower-case name.
        body: as received.

    Returns:
        The events in their order; None where a review says why there is none.

    Raises:
        RefusedError: 415, no form of CloudEvents; 400, the body as a whole is malformed.
    """
    found = media_type(headers.get("content-type", ""))
    if found == BATCHED:
        batch = decode_json(body)
        if not isinstance(batch, list):
            message = f"a body of type {BATCHED} must be a JSON array of events"
            raise RefusedError(message, status=400, reason=MALFORMED)
        return _read_batch(batch)
    if found == STRUCTURED:
        return _read_batch([decode_json(body)])
    if "ce-specversion" in headers and (found == BINARY or found.endswith("+json")):
        review = Review(0)
        attributes = _binary_attributes(headers, review)
        return [(_read_event(attributes, decode_json(body), review), review)]
    message = (
        f"content type {found!r} without a ce-specversion header is no CloudEvent"
        if found == BINARY
        else f"content type {found!r} is not supported"
    )
    message += f": expected {BATCHED!r}, {STRUCTURED!r}, or {BINARY!r} with ce- headers"
    raise RefusedError(message, status=415, reason=CONTENT_TYPE)


def _read_batch(batch: Sequence[object]) -> list[tuple[Event | None, Review]]:
    events: list[tuple[Event | None, Review]] = []
    for index, item in enumerate(batch):
        review = Review(index)
        if isinstance(item, dict):
            events.append((_read_event(item, _structured_data(item, review), review), review))
        else:
            review.note("event", "a JSON object")
            events.append((None, review))
    return events


def _binary_attributes(headers: Mapping[str, str], review: Review) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for name, value in headers.items():
        if name.startswith("ce-"):
            try:
                attributes[name[3:]] = unquote(value, errors="strict")
            except UnicodeDecodeError:
                review.note(name, "percent-encoded UTF-8")
    return attributes


def _structured_data(item: Mapping[str, Any], review: Review) -> object:
    media = item.get("datacontenttype")
    if media is not None and not _is_json(media):
        review.note("datacontenttype", "a JSON media type")
        return None
    encoded = item.get("data_base64")
    if encoded is None:
        return item.get("data")
    try:
        return decode_json(base64.b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError, RefusedError):
        review.note("data_base64", "JSON in Base64")
        return None


def _is_json(media: object) -> bool:
    if not isinstance(media, str):
        return False
    found = media_type(media)
    return found == BINARY or found.endswith("+json")


def _read_event(attributes: Mapping[str, object], data: object, review: Review) -> Event | None:
    if attributes.get("specversion") != "1.0":
        review.note("specversion", "'1.0'")
    identity, kind, source = (attributes.get(name) for name in ("id", "type", "source"))
    if not is_name(identity):
        review.note("id", "1 to 512 printable characters")
    else:
        review.id = identity
    if not is_name(kind):
        review.note("type", "1 to 512 printable characters")
    if not is_name(source):
        review.note("source", "1 to 512 printable characters")
    stated = attributes.get("time")
    time = parse_time(stated)
    if stated is not None and time is None:
        review.note("time", "an RFC 3339 time with its zone")
    if review.problems or not is_name(identity) or not is_name(kind):
        return None
    return Event(id=identity, type=kind, time=time, data=data, attributes=attributes)
