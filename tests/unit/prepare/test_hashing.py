import hashlib
import math
import struct
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.prepare.hashing import hash_rows, hash_texts, mix, shares

WORD = 2**64
GAMMA = 0x9E3779B97F4A7C15
Value = float | str | datetime | None


def plain_mix(word: int) -> int:
    """SplitMix64's finalizer, as its paper has it, one number at a time."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
    return word ^ (word >> 31)


def plain_text(text: str) -> int:
    data = text.encode()
    if len(data) > 256:
        return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    hashed = plain_mix((len(data) + GAMMA) % WORD)
    for at in range(0, len(data), 8):
        word = data[at : at + 8]
        hashed = plain_mix(hashed ^ (int.from_bytes(word, "little") << 8 * (8 - len(word)) % WORD))
    return hashed


def plain_row(row: dict[str, Value], seed: int) -> int:
    total = plain_mix((seed + GAMMA) % WORD)
    for name, value in row.items():
        if value is None or value != value:
            continue
        if isinstance(value, str):
            word = plain_text(value)
        elif isinstance(value, datetime):
            word = (value - datetime(1970, 1, 1)) // timedelta(microseconds=1) % WORD
        else:
            word = struct.unpack("<Q", struct.pack("<d", value + 0.0))[0]
        total += plain_mix(word ^ plain_text(name))
    return plain_mix(total % WORD)


TEXTS = st.text(max_size=40) | st.text("añ", min_size=100, max_size=200) | st.text("\0", max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=12), st.integers(0, 3))
def test_hash_texts_is_the_written_algorithm(texts: list[str], skipped: int) -> None:
    # A slice's buffers begin elsewhere.
    series = pl.Series(["é" * 5] * skipped + texts, dtype=pl.String)[skipped:]
    assert hash_texts(series).tolist() == [plain_text(text) for text in texts]


ROW = st.tuples(
    st.none() | st.floats(),
    st.none() | st.text(max_size=20),
    st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=10), st.integers(0, 2**64 - 1))
def test_hash_rows_is_the_written_algorithm(rows: list[tuple[Value, ...]], seed: int) -> None:
    kinds = {"n": pl.Float64, "text": pl.String, "when": pl.Datetime("us")}
    columns = [
        pl.Series(name, [row[i] for row in rows], dtype=kind)
        for i, (name, kind) in enumerate(kinds.items())
    ]
    found = hash_rows(columns, seed).tolist()
    assert found == [plain_row(dict(zip(kinds, row, strict=True)), seed) for row in rows]
    assert hash_rows(columns[::-1], seed).tolist() == found


def test_hash_rows_is_fixed_for_ever() -> None:
    # A change here moves every user's hold-out rows into training.
    columns = [
        pl.Series("id", ["", "a", "é\0", "long " * 60, None]),
        pl.Series("n", [0.0, -1.5, None, 1e300, math.nan]),
    ]
    assert hash_rows(columns, 7).tolist() == GOLDEN


GOLDEN = [
    13609945937582755308,
    5619353597178057654,
    4909088077723361679,
    5793686407802770625,
    8409816773569330625,
]


def test_hash_rows_of_a_later_column_without_values_is_the_same() -> None:
    a, b = pl.Series("a", [1.0, 2.0]), pl.Series("b", [None, "x"], dtype=pl.String)
    assert (hash_rows([a]) == hash_rows([a, b])).tolist() == [True, False]


def test_hash_rows_of_minus_zero_integers_and_floats_is_one() -> None:
    zero, minus = pl.Series("a", [0.0, 3.0]), pl.Series("a", [-0.0, 3.0])
    assert (hash_rows([zero]) == hash_rows([minus])).all()
    assert (hash_rows([zero]) == hash_rows([pl.Series("a", [0, 3])])).all()


def test_hash_rows_tells_columns_and_texts_apart() -> None:
    values = ["", "a", "a\0", "b", "ab", "aaaaaaaa", "aaaaaaaa\0", "aaaaaaaab", "1", "1.0"]
    hashes = [hash_rows([pl.Series(name, values)], seed) for name in "xy" for seed in (0, 1)]
    assert len(np.unique(np.concatenate(hashes))) == 4 * len(values)


def test_mix_is_splitmix64s() -> None:
    # The first outputs of SplitMix64 from seed 0 (prng.di.unimi.it/splitmix64.c).
    states = np.array([GAMMA, 2 * GAMMA % WORD], dtype=np.uint64)
    assert [hex(word) for word in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
    ]


@pytest.mark.parametrize("column", [pl.Series("i", range(100_000)).cast(pl.Float64)])
def test_shares_of_counting_numbers_are_uniform(column: pl.Series) -> None:
    found = shares(hash_rows([column], 7))
    counts = np.bincount((found * 50).astype(int), minlength=50)
    assert found.min() >= 0
    assert found.max() < 1
    # Chi-squared with 49 degrees of freedom is above 85.4 once in a thousand seeds.
    assert ((counts - 2000) ** 2 / 2000).sum() < 85.4
