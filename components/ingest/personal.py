"""Looks for personal data in the columns that a spec declares neither private nor public.

It looks at up to 20,000 rows in blocks spread evenly over the table, because looking at every value
of every row would take longer than all the rest of ingest; what is in one row of a million may
therefore be missed, and the finding says how many rows were looked at. The same table gives the
same findings.
"""

from collections.abc import Collection

import polars as pl

from components.findings import Finding, Kind
from components.ingest.patterns import DECIMAL, SUSPICIOUS, cards, recognise
from components.ingest.telling import told_by

_ROWS, _CELLS, _LEAST_ROWS = 20_000, 4_000_000, 400
_BLOCKS, _LEAST_BLOCKS, _OPENINGS = 40, 4, 8_000
_PLACES = 5
# The least number of 13 digits, as short cards have; beyond 2^53 a float's digits are invented.
_CARD, _EXACT = 10**12, 2**53
# Below so many different values, a column holds classes and no persons.
_LEAST_DISTINCT, _MANY_DISTINCT, _SHARE_DISTINCT = 5, 50, 0.05


def find_personal(rows: pl.LazyFrame, declared: Collection[str]) -> tuple[Finding, ...]:
    """Looks a table over.

    Args:
        rows: the protected table, in a file of which parts can be read.
        declared: the columns that the spec calls private or public.

    Returns:
        At most one finding a column and kind, in the order of the columns.
    """
    schema = rows.collect_schema()
    names = [n for n, d in schema.items() if n not in declared and _is_looked_at(d)]
    if not names:
        return ()
    sample, places = _sample(rows, names)
    suspects = _suspects(sample)
    findings = []
    for name in names:
        found = _content(sample[name]) if name in suspects else {}
        if not found and (count := _by_name(name, sample[name])):
            findings.append(Finding(column=name, kind="name", count=count, looked_at=len(places)))
        findings += [
            Finding(
                column=name,
                kind=kind,
                count=len(positions),
                looked_at=len(places),
                places=tuple(places[p] for p in positions[:_PLACES]),
            )
            for kind, positions in found.items()
        ]
    return tuple(findings)


def _is_looked_at(dtype: pl.DataType) -> bool:
    return dtype == pl.String or dtype.is_numeric() or isinstance(dtype, pl.Date | pl.Datetime)


def _sample(rows: pl.LazyFrame, names: list[str]) -> tuple[pl.DataFrame, list[int]]:
    """Reads blocks of rows, and tells the position of each row; texts without blanks around."""
    total = rows.select(pl.len()).collect().item()
    limit = min(_ROWS, max(_LEAST_ROWS, _CELLS // len(names)))
    if total <= limit:
        blocks = [(0, total)]
    else:
        # Each block opens every column anew, which costs with 10,000 of them.
        count = max(_LEAST_BLOCKS, min(_BLOCKS, _OPENINGS // len(names)))
        size = limit // count
        blocks = [(i * (total - size) // (count - 1), size) for i in range(count)]
    chosen = rows.select(names)
    # One after the other: side by side, Polars holds the pages of all of them.
    parts = [chosen.slice(start, size).collect(engine="streaming") for start, size in blocks]
    text = pl.col(pl.String).str.strip_chars()
    sample = pl.concat(parts).with_columns(pl.when(text != "").then(text))
    return sample, [start + i for start, size in blocks for i in range(size)]


def _suspects(sample: pl.DataFrame) -> set[str]:
    """Names the columns that are worth a thorough look, in one pass over all of them."""
    texts = [n for n, d in sample.schema.items() if d == pl.String]
    numbers = [n for n, d in sample.schema.items() if d.is_integer() or d.is_float()]
    flags = sample.select(
        *(
            (pl.col(n).str.contains(SUSPICIOUS) & ~pl.col(n).str.contains(DECIMAL)).any()
            for n in texts
        ),
        *((pl.col(n) >= _CARD).any() for n in numbers),
    )
    return {n for n in flags.columns if flags[n].item()} if flags.width else set()


def _content(values: pl.Series) -> dict[Kind, list[int]]:
    if values.dtype == pl.String:
        return recognise(values)
    if values.dtype.is_float():
        whole = (values == values.round()) & values.is_between(_CARD, _EXACT)
        values = values.zip_with(whole, pl.Series([None], dtype=values.dtype))
        values = values.cast(pl.Int64)
    places = cards(values)
    return {"card": places} if places else {}


def _by_name(name: str, values: pl.Series) -> int:
    """Counts the values of a column whose name tells, if they are like what it tells."""
    like = told_by(name)
    if not like:
        return 0
    there = values.drop_nulls()
    distinct = there.n_unique()
    varied = distinct >= min(_LEAST_DISTINCT, len(there)) and (
        distinct >= _MANY_DISTINCT or distinct >= _SHARE_DISTINCT * len(there)
    )
    if not len(there) or not varied:
        return 0
    text = there.cast(pl.String)
    if like == "text":
        numbers = text.cast(pl.Float64, strict=False).is_not_null().mean()
        fits = values.dtype == pl.String and isinstance(numbers, float) and numbers < 0.5
    else:
        digits = text.str.count_matches(r"\d").median()
        fits = not values.dtype.is_float() and isinstance(digits, float) and digits >= 6
    return len(there) if fits else 0
