"""The content's fingerprint: the same rows give the same text, whatever their order and files."""

import hashlib

import polars as pl


def fingerprint(rows: pl.LazyFrame) -> str:
    """Digests a table in one pass, by the sums of its rows' hashes.

    A row's hash is the sum of its values' hashes, each under a seed of its column's own, so that
    values that change places count; hashing single columns takes half the time of hashing structs.
    Adding the rows makes the digest independent of their order. They are hashed twice more before,
    under two seeds, or else exchanging two rows' values in a column would leave the sum as it is;
    each is summed in two halves, so that no sum overflows. The schema and the count of rows are
    part of it. Two different rows meet in one hash with a chance of 2^-64: it is safe against
    accident, not against intent. Polars keeps its hash stable within one of its versions, which
    lineage names.

    Args:
        rows: columns of any type.

    Returns:
        `sha256:` and 64 hex digits.
    """
    schema = rows.collect_schema()
    names = sorted(schema.names())
    values = [_hash(name, schema[name], seed) for seed, name in enumerate(names)]
    row = pl.col("row")
    sums = []
    for seed in (1, 2):
        hashed = row.hash(seed=seed)
        sums.append((hashed % 2**32).sum().alias(f"low_{seed}"))
        sums.append((hashed // 2**32).sum().alias(f"high_{seed}"))
    # Integers wrap around, which is as good.
    hashes = rows.select(pl.sum_horizontal(values).alias("row"))
    totals = hashes.select(pl.len().alias("rows"), *sums).collect(engine="streaming").row(0)
    text = repr((totals, [(name, str(schema[name])) for name in names]))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _hash(name: str, dtype: pl.DataType, seed: int) -> pl.Expr:
    column = pl.col(name)
    # Polars hashes lists within a struct only.
    return (pl.struct(column) if dtype.is_nested() else column).hash(seed=seed)
