"""The messages of gRPC, bounded before they become objects.

A message of a few MiB can hold millions of empty tensors, each of which becomes an object; they are
counted before protobuf builds any. What cannot be parsed is refused as malformed, not as a failure.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from components.serve.document import MAX_VALUES
from components.serve.refusal import RefusalError

# Tensors, outputs and parameters of one request together.
MAX_FIELDS = 10_000
# Messages below this cannot hold enough of them, or of elements, to matter: 2 bytes are the least
# that a field takes, 1 byte an element.
_SMALL, _LARGE = 64 * 1024, 1024 * 1024
_INPUTS = 5


def bounded(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Returns a parser that returns a refusal instead of raising, which gRPC calls a failure.

    Args:
        parse: of one method's requests.

    Returns:
        What makes the request, or a `RefusalError`, of a message.
    """

    def read(message: bytes) -> Any:
        try:
            if len(message) > _SMALL:
                check_fields(message)
            request = parse(message)
            if len(message) > _LARGE:
                check_values(request)
        except DecodeError:
            return RefusalError("the message is no protocol buffer of this method")
        except RefusalError as refusal:
            return refusal.released()
        return request

    return read


def check_fields(message: bytes) -> None:
    """Refuses (413) a message of too many tensors and parameters, before any is built.

    Args:
        message: a `ModelInferRequest` on the wire.
    """
    count = 0
    for number, start, end in fields(message, 0, len(message)):
        count += 1
        if number == _INPUTS:
            count += sum(1 for _ in islice(fields(message, start, end), MAX_FIELDS + 1))
        if count > MAX_FIELDS:
            msg = f"the message has more than {MAX_FIELDS} tensors and parameters; send fewer"
            raise RefusalError(msg, status=413)


def check_values(request: Any) -> None:
    """Refuses (413) a parsed request of too many elements, before each becomes an object."""
    count = 0
    for tensor in getattr(request, "inputs", ()):
        count += len(tensor.shape)
        count += sum(len(values) for _, values in tensor.contents.ListFields())
    if count > MAX_VALUES:
        msg = f"the message holds {count} values, at most {MAX_VALUES} are read at once; "
        msg += "send the rows in parts, or as raw contents"
        raise RefusalError(msg, status=413)


def fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Walks the fields of a protocol buffer (its encoding's "Message Structure").

    Args:
        message: what holds it.
        at: where it begins.
        end: where it ends.

    Yields:
        Each field's number, and where its value begins and ends, up to the first that is damaged,
        which the parser refuses anyway.
    """
    while at < end:
        key, at = _varint(message, at)
        start, kind = at, key & 7
        if kind == 2:
            length, start = _varint(message, at)
            at = start + length
        elif kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return
        yield key >> 3, start, min(at, end)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Reads a whole number of 7 bits a byte; returns it with the place behind it."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, at
