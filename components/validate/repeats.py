"""Finds what occurs twice, exactly and in bounded memory.

A 64-bit hash of each key is appended to a file, in the rows' order, and looked at in partitions of
about two million hashes, so that memory does not grow with the table. Among ten million rows the
chance that any two different keys share a hash is 3 in a million (the birthday bound, n^2 / 2^65).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.validate.failure import PLACES

_Hashes: TypeAlias = NDArray[np.uint64]
_Rows: TypeAlias = NDArray[np.int64]

_PARTITION = 2**21
# So many hashes are read at a time: 8 MB.
_READ = 2**20
# Stands for a null; a key with this hash, of which there is one in 2^64, is overlooked.
_NULL = 0


@dataclass
class Repeats:
    """What occurs more than once.

    Attributes:
        shared: rows whose key another row has too.
        again: rows whose key an earlier row has.
        places: positions of the first rows that share.
        places_again: positions of the first rows that come again.
    """

    shared: int = 0
    again: int = 0
    places: tuple[int, ...] = ()
    places_again: tuple[int, ...] = ()


class KeyHashes:
    """The hashes of keys, row by row, in files; to be closed."""

    def __init__(self, keys: Mapping[str, pl.Expr], folder: Path) -> None:
        """Opens the files.

        Args:
            keys: by name, the hash (uint64) of what may occur twice; a null never does.
            folder: an empty folder for them.
        """
        self._keys = [key.fill_null(_NULL).alias(str(at)) for at, key in enumerate(keys.values())]
        self._paths = {name: folder / str(at) for at, name in enumerate(keys)}
        self._files: list[BinaryIO] = [path.open("wb") for path in self._paths.values()]

    def add(self, batch: pl.DataFrame) -> None:
        """Appends rows, which follow those before them."""
        hashes = batch.select(self._keys)
        for file, column in zip(self._files, hashes, strict=True):
            file.write(column.to_numpy().astype(np.uint64, copy=False).data)

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()

    def repeats(self) -> dict[str, Repeats]:
        """Returns what repeats, by key, once all rows are there and the files closed."""
        return {name: _repeats(path) for name, path in self._paths.items()}


def _repeats(path: Path) -> Repeats:
    bits = (path.stat().st_size // 8 // _PARTITION).bit_length()
    total = Repeats()
    for index in range(2**bits):
        found = pl.Series(np.concatenate([hashes for hashes, _ in _parts(path, bits, index)]))
        if found.n_unique() == len(found):
            continue
        shared = found.filter(found.is_duplicated())
        twice = shared.unique().to_numpy()
        total.shared += len(shared)
        total.again += len(shared) - len(twice)
        _add_places(total, _parts(path, bits, index), twice)
    return total


def _parts(path: Path, bits: int, index: int) -> Iterator[tuple[_Hashes, _Rows]]:
    """The hashes that begin with some bits, and their rows, as they stand in the file."""
    start = 0
    with path.open("rb") as file:
        while len(read := np.fromfile(file, dtype=np.uint64, count=_READ)):
            wanted = read != _NULL
            if bits:
                wanted &= read >> np.uint64(64 - bits) == index
            places = np.flatnonzero(wanted)
            yield read[places], places + start
            start += len(read)
    yield np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)


def _add_places(total: Repeats, parts: Iterator[tuple[_Hashes, _Rows]], twice: _Hashes) -> None:
    """Adds the first rows whose hashes occur twice, reading no farther than they stand."""
    seen = np.empty(0, dtype=np.uint64)
    places: list[int] = []
    again: list[int] = []
    for hashes, rows in parts:
        is_shared = np.isin(hashes, twice)
        hashes, rows = hashes[is_shared], rows[is_shared]
        firsts, first = np.unique(hashes, return_index=True)
        comes_again = np.ones(len(hashes), dtype=bool)
        comes_again[first[~np.isin(firsts, seen)]] = False
        places += rows[:PLACES].tolist()
        again += rows[comes_again][:PLACES].tolist()
        if len(again) >= PLACES:
            break
        seen = np.union1d(seen, firsts)
    total.places = tuple(sorted((*total.places, *places))[:PLACES])
    total.places_again = tuple(sorted((*total.places_again, *again))[:PLACES])
