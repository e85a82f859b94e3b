"""The content's fingerprint: the same rows give the same text, whatever their order and files."""

import hashlib

import polars as pl


def fingerprint(rows: pl.LazyFrame) -> str:
    """Digests a table by the sums of its rows' hashes.

    Addition makes it independent of order; two seeds, each summed in two halves so that no sum
    overflows, make it 128 bits wide; the schema and the count of rows are part of it. Polars keeps
    its hash stable within one of its versions, which lineage names.

    Args:
        rows: columns of any type.

    Returns:
        `sha256:` and 64 hex digits.
    """
    schema = rows.collect_schema()
    names = sorted(schema.names())
    row = pl.struct(pl.col(names))
    sums = []
    for seed in (1, 2):
        hashed = row.hash(seed=seed)
        sums.append((hashed % 2**32).sum().alias(f"low_{seed}"))
        sums.append((hashed // 2**32).sum().alias(f"high_{seed}"))
    totals = rows.select(pl.len().alias("rows"), *sums).collect(engine="streaming").row(0)
    text = repr((totals, [(name, str(schema[name])) for name in names]))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
