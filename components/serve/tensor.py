"""One V2 tensor: its datatype, and its elements as plain values or as little-endian bytes.

HTTP's binary extension and gRPC's raw contents hold elements in the same form, so both end here.
"""

import math
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serve.refusal import RefusalError, clipped

INTEGERS = {f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)}
INTEGERS |= {f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)}
FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
NUMBERS = INTEGERS | FLOATS
_LENGTH = struct.Struct("<I").unpack_from
_DTYPES = {name: np.dtype(form) for name, form in NUMBERS.items()}
BYTES = "BYTES"


@dataclass(slots=True)
class Tensor:
    """An input tensor as a client sent it.

    Attributes:
        name: a column of the signature, or `numbers` or `strings`.
        datatype: V2's name, such as FP32 or BYTES.
        shape: [n], [n, 1] or [n, k].
        values: the elements, flat in row-major order or nested by rows; None where `raw` has them.
        raw: the elements as bytes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[object] | None = None
    raw: bytes | None = None

    def elements(self) -> Sequence[object]:
        """Returns the elements, flat in row-major order.

        Raises:
            RefusalError: their number or bytes do not fit shape and datatype.
        """
        count = math.prod(self.shape)
        if self.raw is not None:
            return self._decoded(self.raw, count)
        values = self._flat(self.values or ())
        if len(values) != count:
            msg = f"input {clipped(self.name)}: shape {list(self.shape)} needs {count} elements, "
            msg += f"got {len(values)}"
            raise RefusalError(msg)
        if self.datatype in INTEGERS and any(
            type(value) is float and not value.is_integer() for value in values
        ):
            msg = f"input {clipped(self.name)}: {self.datatype} holds whole numbers only"
            raise RefusalError(msg)
        return values

    def quick(self) -> Sequence[Any] | NDArray[Any] | None:
        """Returns the elements flat where they lie as they should; None where not, or perhaps not.

        Elements of numbers as an array where they are bytes, and texts then as bytes.
        """
        count = self.shape[0] if self.shape[1:] in ((), (1,)) else math.prod(self.shape)
        if self.raw is None:
            # Nested rows are found where the elements are read.
            return self.values if self.values is not None and len(self.values) == count else None
        if self.datatype == BYTES:
            return split_texts(self.raw, count)
        dtype = _DTYPES[self.datatype]
        return np.frombuffer(self.raw, dtype) if len(self.raw) == count * dtype.itemsize else None

    def check_text(self) -> None:
        """Refuses text that is no Unicode, which Python's JSON parser lets through.

        Raises:
            RefusalError: an element cannot be written as UTF-8.
        """
        try:
            "".join(value for value in self._flat(self.values or ()) if type(value) is str).encode()
        except UnicodeEncodeError as exc:
            msg = f"input {clipped(self.name)}: its text is no Unicode"
            raise RefusalError(msg) from exc

    def _flat(self, values: Sequence[object]) -> Sequence[object]:
        rows = [value for value in values if isinstance(value, list)]
        if not rows:
            return values
        width = self.shape[1] if len(self.shape) > 1 else -1
        if len(rows) != len(values) or any(len(row) != width for row in rows):
            msg = f"input {clipped(self.name)}: nested data does not have shape {list(self.shape)}"
            raise RefusalError(msg)
        return list(chain.from_iterable(rows))

    def _decoded(self, raw: bytes, count: int) -> Sequence[object]:
        if self.datatype == BYTES:
            found = split_texts(raw, count)
        else:
            dtype = np.dtype(NUMBERS[self.datatype])
            fits = len(raw) == count * dtype.itemsize
            found = np.frombuffer(raw, dtype).tolist() if fits else None
        if found is None:
            msg = f"input {clipped(self.name)}: {len(raw)} bytes are no {self.datatype} tensor of "
            msg += f"shape {list(self.shape)}"
            raise RefusalError(msg)
        return found


def split_texts(raw: bytes, count: int) -> list[object] | None:
    """Splits length-prefixed elements.

    Args:
        raw: each element's bytes behind their number, a little-endian uint32.
        count: how many there have to be.

    Returns:
        The elements as bytes; None unless they are exactly `count` and fill `raw`.
    """
    if count == 1 and len(raw) >= 4:
        return [raw[4:]] if _LENGTH(raw)[0] == len(raw) - 4 else None
    found: list[object] = []
    at, end = 0, len(raw)
    while at + 4 <= end and len(found) < count:
        begin = at + 4
        at = begin + _LENGTH(raw, at)[0]
        found.append(raw[begin:at])
    return found if at == len(raw) and len(found) == count else None


def encoded(array: NDArray[np.generic]) -> bytes:
    """Returns an output's elements as little-endian bytes; text is length-prefixed UTF-8."""
    if array.dtype != object:
        # Asking numpy for the order that the machine has anyway takes a microsecond.
        return (array if sys.byteorder == "little" else array.byteswap()).tobytes()
    texts = [text.encode("utf-8") for text in array.ravel().tolist()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
