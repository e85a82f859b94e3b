"""The stage's one call: split the typed rows, choose the features, write three parts."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import polars as pl

from components.contract import ROW_GROUP, ROWS, Contract, Role, write_rows
from components.errors import DataError
from components.examples import SCHEMA, ExampleSchema, write_schema
from components.fresh import TIME
from components.landing import landing, room_in
from components.prepare import proof
from components.prepare.features import TrainingRows, build_signature, candidates
from components.prepare.fresh import SOURCE, mark_fresh
from components.prepare.fresh_proof import require_newest, require_unlearned
from components.prepare.split import entity_of, part_of
from components.spec import REASONS

if TYPE_CHECKING:
    from components.spec import Spec

logger = logging.getLogger(__name__)

# What is learned of the features' shape is learned of so many training rows, and of fewer where
# the table is wide: 20 million values are 160 MB.
_SAMPLE_ROWS = 100_000
_SAMPLE_VALUES = 20_000_000
_INDEX: Final = "\0index"


def prepare_examples(
    spec: "Spec", data: Path, folders: tuple[Path, Path, Path]
) -> tuple[int, int, int]:
    """Writes the training, validation and test examples.

    Args:
        spec: names the split, and the limits of a feature's use.
        data: the folder that `validate` wrote.
        folders: receive `rows.parquet` and `examples.json`, in the order of `PARTS`; nothing is
            left in them on an error.

    Returns:
        The rows of each part.

    Raises:
        DataError: a part is empty or lacks a class, no feature is left, the parts are not
            disjoint, or they share rows and `checks.severity` refuses that.
    """
    contract = Contract.read(data)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with (
        room_in(folders[0].parent),
        _whole_or_nothing(folders),
        TemporaryDirectory(dir=folders[0]) as scratch,
    ):
        split = _mark(spec, contract, data / ROWS, Path(scratch) / "marks.parquet")
        shared = _prove(spec, contract, split)
        _write(split, contract, folders)
        train = _training_rows(folders[0], split.counts.rows[0])
        signature, dropped = build_signature(contract, spec.features, train)
        signature = signature.model_copy(update={"ignored": (*signature.ignored, *_absent(spec))})
        for feature in dropped:
            logger.info("feature dropped name=%r reason=%r", feature.name, feature.reason)
        schema = ExampleSchema(
            signature=signature,
            target=contract.target,
            classes=contract.classes,
            lineage=contract.lineage,
            dropped=dropped,
            shared_rows=shared,
            set_aside=split.rows - sum(split.counts.rows),
        )
        for folder in folders:
            write_schema(folder, schema)
    rows = split.counts.rows
    if rows[0] < len(signature.number_columns) + len(signature.strings):
        logger.warning("fewer training rows than features rows=%d", rows[0])
    return rows[0], rows[1], rows[2]


def _absent(spec: "Spec") -> list[str]:
    """Lists the source's columns that ingest left out: clients may send them all the same."""
    private = (name for name, column in spec.columns.items() if column.privacy == "drop")
    return list(dict.fromkeys([*spec.drop, *private]))


@dataclass(frozen=True)
class _Split:
    """The rows with their parts, and what was counted of them.

    Attributes:
        rows: how many there are, those in no part among them.
        counts: of each part.
        marked: the rows with PART.
        marks: the file of PART and the hashes that the proof needs.
        hashes: which of those it holds.
    """

    rows: int
    counts: proof.Tally
    marked: pl.LazyFrame
    marks: Path
    hashes: frozenset[str]


def _mark(spec: "Spec", contract: Contract, source: Path, marks: Path) -> _Split:
    """Decides every row's part, once, and keeps it in a file of its own."""
    rows = pl.scan_parquet(source, glob=False)
    if contract.lineage.fresh is not None:
        mark_fresh(rows, contract, spec.split, marks)
        return _marked(rows, contract, marks, frozenset({proof.ROW}))
    hashes = _hashes(spec, contract)
    rows.select(
        part_of(rows, contract, spec.split).alias(proof.PART),
        pl.col(contract.target).alias(proof.CLASS),
        **hashes,
    ).sink_parquet(marks, compression="uncompressed", row_group_size=ROW_GROUP, engine="streaming")
    return _marked(rows, contract, marks, frozenset(hashes))


def _marked(rows: pl.LazyFrame, contract: Contract, marks: Path, hashes: frozenset[str]) -> _Split:
    kept = pl.scan_parquet(marks, glob=False)
    count = kept.select(pl.len()).collect(engine="streaming").item()
    marked = pl.concat([rows, kept.select(proof.PART)], how="horizontal")
    return _Split(count, proof.tally(kept, contract), marked, marks, hashes)


def _hashes(spec: "Spec", contract: Contract) -> dict[str, pl.Expr]:
    hashes = {}
    entity = entity_of(contract, spec.split)
    if entity is not None:
        hashes[proof.ENTITY] = pl.col(entity).hash(spec.split.seed % 2**32)
    names = [*(column.name for column in candidates(contract)), contract.target]
    key = {column.name for column in contract.columns if not column.private}
    # Where every column decides on the part, equal rows are in one.
    if spec.split.method != "random" or entity is not None or not key <= set(names):
        # Each column by a seed of its own, so that equal values in two columns do not cancel out.
        columns = [pl.col(name).hash(seed) for seed, name in enumerate(names)]
        hashes[proof.ROW] = pl.sum_horizontal(columns)
    return hashes


def _write(split: _Split, contract: Contract, folders: tuple[Path, Path, Path]) -> None:
    """Writes each part in a pass of its own.

    One pass for all three is no faster, since writing takes the time, and holds twice the memory
    (measured: 4 million rows by 20 columns in 2.8 and 2.5 s, 313 and 471 MB).
    """
    columns = [*(column.name for column in candidates(contract)), contract.target]
    columns += [] if contract.lineage.fresh is None else [TIME]
    for part, folder in enumerate(folders):
        chosen = split.marked.filter(pl.col(proof.PART) == part).select(columns)
        with landing(folder / ROWS) as path:
            write_rows(chosen, path)
    written = [pl.scan_parquet(folder / ROWS, glob=False).select(pl.len()) for folder in folders]
    lengths = tuple(table.item() for table in pl.collect_all(written))
    proof.require_complete(sum(split.counts.rows), split.counts, lengths)


def _training_rows(folder: Path, count: int) -> TrainingRows:
    """Draws the sample: every k-th training row."""
    rows = pl.scan_parquet(folder / ROWS, glob=False)
    width = len(rows.collect_schema())
    limit = max(1, min(_SAMPLE_ROWS, _SAMPLE_VALUES // width))
    index = pl.col(_INDEX)
    drawn = rows.with_row_index(_INDEX).filter(index % math.ceil(count / limit) == 0).drop(_INDEX)
    return TrainingRows(all=rows, count=count, sample=drawn.collect(engine="streaming"))


def _prove(spec: "Spec", contract: Contract, split: _Split) -> int:
    """Refuses a split that is not what was asked, and returns the rows that its parts share."""
    proof.require_enough(split.counts, contract, spec.split)
    if contract.lineage.fresh is not None:
        require_newest(split.marks, by_time=spec.split.method == "time")
        require_unlearned(split.marks, SOURCE, split.rows)
        logger.info("rows set aside count=%d", split.rows - sum(split.counts.rows))
    elif spec.split.method == "time":
        proof.require_order(split.marked, contract.named(Role.TIMESTAMP)[0])
    if proof.ENTITY in split.hashes:
        entity = entity_of(contract, spec.split) or ""
        proof.require_apart(split.marks, split.rows, entity)
    shared = proof.count_shared(split.marks, split.rows) if proof.ROW in split.hashes else 0
    if shared:
        said = (
            f"{shared} of {sum(split.counts.rows[1:])} held-out rows equal a row of an earlier "
            "part in all features and the target, so scores on them flatter the model"
        )
        if spec.checks.severity.get("shared_rows", REASONS["shared_rows"]) == "refuse":
            msg = (
                f"shared_rows: {said}. Leave repeated rows out, use split.method group, or set "
                "checks.severity.shared_rows: warn"
            )
            raise DataError(msg)
        logger.warning("splits share rows count=%d", shared)
    return shared


@contextmanager
def _whole_or_nothing(folders: tuple[Path, Path, Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for folder in folders:
            for name in (ROWS, SCHEMA):
                (folder / name).unlink(missing_ok=True)
        raise
