"""Protects private columns before anything is written.

A dropped column never leaves this stage; a hashed one can still join and group, because equal
values stay equal under one key; a masked one keeps only the shape of its values for reports.
"""

import hmac
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import canonical_text, has_text
from components.errors import DataError

if TYPE_CHECKING:
    from components.spec import Spec

_LOG = logging.getLogger(__name__)
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
        DataError: a column is to be hashed and there is no key, or holds lists or bytes.
    """
    schema = rows.collect_schema()
    ways = {name: str(c.privacy) for name, c in spec.columns.items() if c.private}
    dropped = {name for name, way in ways.items() if way == "drop"} | set(spec.drop)
    kept = {name: way for name, way in ways.items() if name not in dropped}
    _require_text(kept, schema)
    hashed = [name for name, way in kept.items() if way == "hash"]
    texts = {name: _text(name, schema[name], spec.columns[name].missing) for name in kept}
    changes = [_mask(texts[name]).alias(name) for name, way in kept.items() if way == "mask"]
    if hashed:
        key = _read_key()
        changes += [_keyed_hash(texts[name], key).alias(name) for name in hashed]
    return rows.with_columns(changes).drop(dropped)


def _require_text(ways: Mapping[str, str], schema: pl.Schema) -> None:
    for name, way in ways.items():
        if not has_text(schema[name]):
            msg = (
                f"column {name!r} is declared `privacy: {way}` and holds {schema[name]}, expected "
                "single values; declare `privacy: drop`"
            )
            raise DataError(msg)


def _text(name: str, dtype: pl.DataType, missing: Sequence[str]) -> pl.Expr:
    """The values that count as such: a blank is no person, and must not be hashed into one."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        # One moment has one text, in whatever unit a file stores it.
        column = column.cast(pl.Datetime("us", dtype.time_zone))
    text = canonical_text(column, dtype).str.strip_chars()
    return pl.when(~text.is_in(["", *(token.strip() for token in missing)])).then(text)


def _mask(text: pl.Expr) -> pl.Expr:
    # Marks are parts of letters in many scripts, and symbols and unassigned code points may tell.
    letters = text.str.replace_all(r"[\p{L}\p{M}\p{So}\p{C}]", "x")
    return letters.str.replace_all(r"\p{N}", "0")


def _keyed_hash(text: pl.Expr, key: bytes) -> pl.Expr:
    """HMAC-SHA-256 (RFC 2104), cut to 128 bits: enough that no two of 10^15 entities collide.

    In Unicode's form NFC, because systems write one name in several ways.
    """

    def hashed(values: pl.Series) -> pl.Series:
        return pl.Series(
            [
                None if v is None else hmac.digest(key, v.encode(), "sha256").hex()[:32]
                for v in values
            ],
            dtype=pl.String,
        )

    return text.str.normalize("NFC").map_batches(
        hashed, return_dtype=pl.String, is_elementwise=True
    )


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
        mode = Path(path).stat().st_mode
    except OSError as exc:
        msg = f"the privacy key file {path!r} cannot be read: {exc.strerror}"
        raise DataError(msg) from exc
    if len(key) < _MINIMUM_KEY_BYTES:
        msg = f"the privacy key file {path!r} is too short, needs {_MINIMUM_KEY_BYTES} bytes"
        raise DataError(msg)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        # No reason to refuse: Kubernetes mounts secrets readable for a pod's every user.
        _LOG.warning("others may read the privacy key file %r; allow it to its owner alone", path)
    return key
