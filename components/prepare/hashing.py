"""A hash of values that is the same for ever: it alone decides on which side of a split a row is.

Polars, pandas and Python each hash faster or more securely, and none of them promises the same
number in its next version. So the few operations are written out here: words of 64 bits are mixed
by the finalizer of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number
Generators, 2014, with the constants of Stafford's variant 13), one array at a time. A row is the
sum of its columns' mixed values, each salted by the column's name (an incremental hash over a set:
Bellare and Micciancio, 1997), so that the columns' order does not count and a missing value adds
nothing: a column that turns up later moves none of the rows that lack it.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_WORD = 8
# Bytes of text up to which words are mixed one by one for all rows at once; a longer text costs
# less through BLAKE2 than through a pass of its own for each word.
_LONG = 256
# By how many bits a word with so many bytes left in its text is shifted.
_BEYOND = np.array([0, 56, 48, 40, 32, 24, 16, 8, 0], dtype=np.uint64)


def mix(words: Hashes) -> Hashes:
    """Mixes each word by SplitMix64's finalizer, a bijection.

    Args:
        words: uint64 (n,).

    Returns:
        uint64 (n,).
    """
    mixed = words ^ (words >> np.uint64(30))
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_texts(texts: pl.Series) -> Hashes:
    """Hashes the UTF-8 of texts, 8 bytes at a time, little end first, the length before them.

    Args:
        texts: n texts without null.

    Returns:
        uint64 (n,).
    """
    if len(texts) == 0:
        return np.zeros(0, dtype=np.uint64)
    raw, begins, lengths = _utf8(texts)
    hashed = mix(lengths.astype(np.uint64) + _GAMMA)
    # Every position as the begin of a word, without a copy.
    words = np.ndarray((len(raw) - _WORD + 1,), dtype="<u8", buffer=raw, strides=(1,))
    live: slice | NDArray[np.int64] = slice(None)
    begins_left, left = begins, lengths
    while len(left):
        # Of a text's last word, what is beyond it is shifted out; an empty text has no word.
        word = words[begins_left]
        word <<= _BEYOND[np.minimum(left, _WORD)]
        word ^= hashed[live]
        hashed[live] = np.where(left > 0, mix(word), hashed[live])
        more = np.flatnonzero((left > _WORD) & (left <= _LONG))
        live = more if isinstance(live, slice) else live[more]
        begins_left, left = begins_left[more] + _WORD, left[more] - _WORD
    for row in np.flatnonzero(lengths > _LONG).tolist():
        text = raw[begins[row] : begins[row] + lengths[row]].tobytes()
        digest = hashlib.blake2b(text, digest_size=_WORD).digest()
        hashed[row] = int.from_bytes(digest, "little")
    return hashed


def _utf8(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes of texts, with a word's length of zeros behind; where each begins; how long."""
    # A name with a NUL makes Polars panic here (measured with 2.1).
    array = texts.rechunk().alias("texts").to_arrow()
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(texts) + 1]
    first, last = int(ends[0]), int(ends[-1])
    raw = np.zeros(last - first + _WORD, dtype=np.uint8)
    if last > first:
        raw[:-_WORD] = np.frombuffer(data, dtype=np.uint8)[first:last]
    return raw, ends[:-1] - first, np.diff(ends)


def hash_rows(columns: Sequence[pl.Series], seed: int = 0) -> Hashes:
    """Hashes rows, whatever the order of their columns.

    Args:
        columns: named, n values each. Numbers count as float64 (-0 as 0, NaN as missing), dates
            as microseconds since 1970, all else as text; a missing value adds nothing.
        seed: chooses one of 2^64 independent mappings.

    Returns:
        uint64 (n,).
    """
    salts = hash_texts(pl.Series([column.name for column in columns], dtype=pl.String))
    begin = np.uint64((seed + int(_GAMMA)) % 2**64)
    total = mix(np.full(len(columns[0]), begin, dtype=np.uint64))
    for column, salt in zip(columns, salts, strict=True):
        values, missing = _words(column)
        values ^= salt
        values = mix(values)
        if missing is not None:
            values *= ~missing
        total += values
    return mix(total)


def _words(column: pl.Series) -> tuple[Hashes, NDArray[np.bool_] | None]:
    """One word for each value, and which values are missing, if any may be."""
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).cast(pl.Int64)
        missing = column.is_null().to_numpy() if column.null_count() else None
        return column.fill_null(0).to_numpy().astype(np.uint64), missing
    if column.dtype.is_numeric():
        # Null becomes NaN here, and adding 0 turns -0 into 0.
        numbers = column.cast(pl.Float64).to_numpy() + 0.0
        return numbers.view(np.uint64), np.isnan(numbers)
    column = column.cast(pl.String)
    if not column.null_count():
        return hash_texts(column), None
    return hash_texts(column.fill_null("")), column.is_null().to_numpy()


def shares(hashes: Hashes) -> NDArray[np.float64]:
    """Maps hashes to float64 (n,), uniform in [0, 1), by their upper 53 bits."""
    return (hashes >> np.uint64(11)).astype(np.float64) / 2**53
