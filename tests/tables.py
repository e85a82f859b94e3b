"""Small parts of a split as `prepare` writes them, for the tests of the stages after it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components.contract import ROWS, Lineage
from components.examples import Examples, ExampleSchema, read_examples, write_schema
from components.signature import Feature, Label, Output, Signature
from components.spec import Spec, from_json, parse

CLASSES: dict[str, tuple[Label, ...] | None] = {
    "binary": ("No", "Yes"),
    "multiclass": (0, 1, 2),
    "regression": None,
}
PARTS = ("train", "validation", "test")


def spec_of(task: str, **sections: Any) -> Spec:
    """A spec for `write_part`'s rows; sections as in the YAML."""
    head = {"name": "toy", "task": task, "source": ["toy.csv"], "target": "target"}
    return from_json(parse(json.dumps(head | sections)).to_json())


def write_part(
    folder: Path,
    numbers: Mapping[str, Any],
    strings: Mapping[str, Sequence[str | None]],
    target: Any,
    classes: tuple[Label, ...] | None,
) -> Examples:
    """Writes one part of a split and reads it back."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs: tuple[Output, ...] = (Output(name="prediction", dtype="float64"),)
    if classes is not None:
        kind: Any = "string" if isinstance(classes[0], str) else "int64"
        label = Output(name="label", dtype=kind)
        outputs = (label, Output(name="probabilities", dtype="float32"))
    inputs = [Feature(name=name, dtype="float32") for name in numbers]
    inputs += [
        Feature(name=n, dtype="string", categories=tuple(sorted({v for v in s if v})))
        for n, s in strings.items()
    ]
    lineage = Lineage(run_id="run-1", rows=len(target), columns=5, fingerprint="sha256:aa")
    schema = ExampleSchema(
        signature=Signature(inputs=tuple(inputs), outputs=outputs, ignored=("id",)),
        target="target",
        classes=classes,
        lineage=lineage,
    )
    columns = {n: pl.Series(v, dtype=pl.Float64) for n, v in numbers.items()}
    columns |= {n: pl.Series(v, dtype=pl.String) for n, v in strings.items()}
    columns["target"] = pl.Series(target, dtype=pl.Int64 if classes else pl.Float64)
    pl.DataFrame(columns).write_parquet(folder / ROWS)
    write_schema(folder, schema)
    return read_examples(folder)


def write_split(root: Path, task: str, rows: int = 240, seed: int = 0) -> dict[str, Examples]:
    """Writes train, validation and test parts of two numbers and two texts, with missing values."""
    return {
        part: write_part(root / part, *_rows(task, rows, seed + i), CLASSES[task])
        for i, part in enumerate(PARTS)
    }


def _rows(task: str, rows: int, seed: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40, 10, rows), rng.lognormal(8, 1, rows)
    city = rng.choice(["Bern", "Lyon", "Turin"], rows)
    plan = rng.choice(["it's", 'a "b"', "naïve\nline"], rows)
    signal = (age - 40) / 10 + (city == "Bern") + rng.normal(0, 0.4, rows)
    age[rng.random(rows) < 0.1] = np.nan
    cities = [
        None if gone else str(c) for c, gone in zip(city, rng.random(rows) < 0.1, strict=True)
    ]
    target = signal if task == "regression" else np.digitize(signal, [0.3, 1.2][: _cuts(task)])
    return {"age": age, "income": income}, {"city": cities, "plan": plan.tolist()}, target


def _cuts(task: str) -> int:
    return 1 if task == "binary" else 2
