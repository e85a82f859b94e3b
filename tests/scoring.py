"""Bundles and tables that the tests of scoring share."""

from pathlib import Path
from typing import Any

import polars as pl

from components.bundle import Golden
from components.signature import Feature, Signature
from tests.bundles import build, reseal, signature

DATED_INPUTS = (
    Feature(name="age", dtype="float32", missing=("?", "-999")),
    Feature(name="city", dtype="string", categories=("Bern", "Lyon", "Turin"), missing=("?",)),
    Feature(name="member", dtype="string", boolean=True),
    Feature(name="joined", dtype="date", formats=("%d.%m.%Y", "unix_s"), parts=("days",)),
)


def dated_signature() -> Signature:
    """One number, a category, a truth value and a date: the two tensors have two columns each."""
    return signature("binary").model_copy(update={"inputs": DATED_INPUTS})


def dated_bundle(folder: Path, **changes: Any) -> Path:
    """A bundle with `dated_signature`."""
    fitted = build(folder / "plain", "binary")
    changes = {"signature": dated_signature(), "golden": Golden(rows=()), **changes}
    return reseal(fitted, folder / "dated", **changes)


def table(count: int = 100) -> pl.DataFrame:
    """Rows that keep the signature of `tests.bundles`, with an id and other columns."""
    cities = ["Bern", "Lyon", "Atlantis", None]
    return pl.DataFrame(
        {
            "customer": [f"c{i:06d}" for i in range(count)],
            "age": [18.0 + i % 60 for i in range(count)],
            "income": [None if i % 7 == 0 else 100.25 * (i % 90) for i in range(count)],
            "city": [cities[i % 4] for i in range(count)],
            "plan": ["plus" if i % 3 else "basic" for i in range(count)],
            "email": ["a@example.org"] * count,
            "note": ["new"] * count,
        }
    )
