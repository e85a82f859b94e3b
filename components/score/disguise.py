"""What a file is whose name says that it is a CSV file: told by its first bytes."""

_PACKED = "it is compressed; unpack it first"
_KINDS = {
    b"PAR1\x15": "it is a Parquet file; give it a name that ends in .parquet",
    b"PK\x03\x04": "it is an archive or a workbook; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "it is a workbook; save it as CSV",
    b"ARROW1\0": "it is an Arrow file; write it as Parquet",
    b"\x1f\x8b": _PACKED,
    **{b"BZh%d1AY&SY" % level: _PACKED for level in range(1, 10)},
    b"\xfd7zXZ": _PACKED,
    b"\x28\xb5\x2f\xfd": _PACKED,
}
# Of byte order marks; that of UTF-32 begins with that of UTF-16.
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def unmask(head: bytes, encoding: str | None) -> str:
    """Tells what a file is.

    Args:
        head: its first bytes, some ten of them.
        encoding: what the spec says that it is in; None for nothing.

    Returns:
        What it is instead of a CSV file and what to do; empty where nothing speaks against it.
    """
    for mark, said in _KINDS.items():
        if head.startswith(mark):
            return said
    if encoding is None and head.startswith(_WIDE):
        return "it is UTF-16; save it as UTF-8"
    return ""
