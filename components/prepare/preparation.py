"""The stage's one call: split the typed rows, choose the features, write three parts."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ROWS, Contract
from components.errors import DataError
from components.examples import ExampleSchema, write_schema
from components.prepare.features import build_signature
from components.prepare.split import PARTS, TRAIN, part_of
from components.signature import Label

if TYPE_CHECKING:
    from components.spec import Spec


def prepare_examples(
    spec: "Spec", data: Path, folders: tuple[Path, Path, Path]
) -> tuple[int, int, int]:
    """Writes the training, validation and test examples.

    Args:
        spec: names the split.
        data: the folder that `validate` wrote.
        folders: receive `rows.parquet` and `examples.json`, in the order of `PARTS`.

    Returns:
        The rows of each part.

    Raises:
        DataError: a part is empty or lacks a class, or no feature is left.
    """
    contract = Contract.read(data)
    rows = pl.scan_parquet(data / ROWS, glob=False)
    marked = rows.with_columns(part_of(rows, contract, spec.split).alias("\0part"))
    parts = {part: marked.filter(pl.col("\0part") == part).drop("\0part") for part in PARTS}
    _require_classes(marked, contract)
    signature = build_signature(contract, parts[TRAIN])
    schema = ExampleSchema(
        signature=signature,
        target=contract.target,
        classes=contract.classes,
        lineage=contract.lineage,
    )
    wanted = [*signature.numbers, *signature.strings, contract.target]
    for part, folder in zip(PARTS, folders, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        parts[part].select(wanted).sink_parquet(folder / ROWS)
        write_schema(folder, schema)
    train, validation, test = (
        pl.scan_parquet(folder / ROWS, glob=False).select(pl.len()).collect().item()
        for folder in folders
    )
    return train, validation, test


def _require_classes(marked: pl.LazyFrame, contract: Contract) -> None:
    """Refuses a part that is empty, or in which a class never occurs and cannot be judged."""
    target = pl.col(contract.target)
    found = marked.group_by("\0part").agg(pl.len(), target.unique().alias("classes"))
    seen = {row["\0part"]: row for row in found.collect(engine="streaming").to_dicts()}
    problems = []
    for part in PARTS:
        if part not in seen:
            problems.append(f"{part} has no rows")
            continue
        present = set(seen[part]["classes"])
        absent: list[Label] = [
            label for i, label in enumerate(contract.classes or ()) if i not in present
        ]
        if absent:
            rows = seen[part]["len"]
            problems.append(f"{part} ({rows} rows) has no row of {', '.join(map(repr, absent))}")
    if problems:
        msg = (
            f"the split leaves too little to learn or judge from: {'; '.join(problems)}. "
            "Use more rows, larger split.test and split.validation, or another split.seed"
        )
        raise DataError(msg)
