"""Protects private columns before anything is written.

A dropped column never leaves this stage; a hashed one can still join and group, because equal
values stay equal under one key; a masked one keeps only the shape of its values for reports.
"""

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.errors import DataError

if TYPE_CHECKING:
    from components.spec import Spec

KEY_FILE_VARIABLE = "KUBELOOP_PRIVACY_KEY_FILE"
_MINIMUM_KEY_BYTES = 16


def protect(rows: pl.LazyFrame, spec: "Spec") -> pl.LazyFrame:
    """Drops, hashes or masks what the spec declares private, and drops what it wants dropped.

    Args:
        rows: the source's columns.
        spec: names the private columns.

    Returns:
        The rows without any declared private value; hashed and masked columns are text.

    Raises:
        DataError: a column is to be hashed and there is no key.
    """
    present = set(rows.collect_schema().names())
    ways = {name: c.privacy for name, c in spec.columns.items() if c.privacy and name in present}
    dropped = [name for name, way in ways.items() if way == "drop"]
    dropped += [name for name in spec.drop if name in present]
    hashed = [name for name, way in ways.items() if way == "hash"]
    changes = [_mask(name) for name, way in ways.items() if way == "mask"]
    if hashed:
        key = _read_key()
        changes += [_keyed_hash(name, key) for name in hashed]
    return rows.with_columns(changes).drop(dropped)


def _mask(name: str) -> pl.Expr:
    letters = pl.col(name).cast(pl.String).str.replace_all(r"\p{L}", "x")
    return letters.str.replace_all(r"\p{N}", "0")


def _keyed_hash(name: str, key: bytes) -> pl.Expr:
    """HMAC-SHA-256 (RFC 2104), cut to 128 bits: enough that no two of 10^15 entities collide."""

    def hashed(values: pl.Series) -> pl.Series:
        return pl.Series(
            [
                None if v is None else hmac.new(key, v.encode(), hashlib.sha256).hexdigest()[:32]
                for v in values
            ],
            dtype=pl.String,
        )

    column = pl.col(name).cast(pl.String)
    return column.map_batches(hashed, return_dtype=pl.String, is_elementwise=True)


def _read_key() -> bytes:
    path = os.environ.get(KEY_FILE_VARIABLE, "")
    if not path:
        msg = (
            "a column is declared `privacy: hash`, which needs a key: set "
            f"{KEY_FILE_VARIABLE} to a file of at least {_MINIMUM_KEY_BYTES} random bytes"
        )
        raise DataError(msg)
    try:
        key = Path(path).read_bytes()
    except OSError as exc:
        msg = f"the privacy key file {path!r} cannot be read: {exc.strerror}"
        raise DataError(msg) from exc
    if len(key) < _MINIMUM_KEY_BYTES:
        msg = f"the privacy key file {path!r} is too short, needs {_MINIMUM_KEY_BYTES} bytes"
        raise DataError(msg)
    return key
