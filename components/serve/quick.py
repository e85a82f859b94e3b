"""The quick reading of values in which nothing is wrong, missing or unseen, as most are.

Whatever it does not take for granted it leaves to the strict reading of `contract`, which says what
is wrong; where both read, they give the same tensors.
"""

import struct
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serve.values import FLOAT32_MAX
from components.signature import Feature, Numbers
from components.truth import TRUTH

_PLAIN = frozenset((float, int))


def may_hold_booleans(body: bytes) -> bool:
    """Returns whether JSON may hold a truth value: it has one spelling, but in other encodings."""
    # A search for one byte takes a tenth of one for a word, and numbers hold neither u nor l.
    return (
        (b"u" in body and b"true" in body) or (b"l" in body and b"false" in body) or b"\0" in body
    )


def plain_numbers(
    values: Sequence[object] | NDArray[Any], rows: int, *, by_column: bool, booleans: bool
) -> Numbers | None:
    """Reads numbers of which none is missing or out of range.

    Args:
        values: of all float32 inputs one after another, or an array of them.
        rows: n.
        by_column: whether they come column by column; else row by row.
        booleans: whether a truth value may be among them, which no later step would tell.

    Returns:
        float32 (n, inputs); None where a value is anything else.
    """
    if isinstance(values, np.ndarray):
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32, copy=False)
    elif booleans and not _PLAIN.issuperset(map(type, values)):
        return None
    else:
        try:
            # A third of what numpy takes to read a list; text, null and what float32 cannot hold
            # are errors here.
            narrow = np.frombuffer(struct.pack(f"{len(values)}f", *values), np.float32)
        except (struct.error, OverflowError):
            return None
    # Where the sum of squares is finite, so is every value; it is for all but astronomic ones.
    if not narrow.dot(narrow) <= FLOAT32_MAX:
        return None
    if by_column:
        return np.ascontiguousarray(narrow.reshape(-1, rows).T)
    return narrow.reshape(rows, -1)


def text_table(feature: Feature, missing: Collection[str]) -> dict[object, str]:
    """Maps what a text input may be, as text, as bytes or null, to what the model is given.

    Args:
        feature: the input.
        missing: its texts for a missing value.
    """
    known = feature.categories or ()
    texts = {text: text for text in known if text == text.strip() and text not in missing}
    if feature.boolean:
        texts = dict(TRUTH)
    if feature.nullable:
        texts |= dict.fromkeys(missing, "")
    table: dict[object, str] = {}
    for text, value in texts.items():
        table[text] = table[text.encode()] = value
    return table | {None: ""} if feature.nullable else table
