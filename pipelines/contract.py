"""`kubeloop contract`: writes the inferred contract into a file, or compares the data with it."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.contract import Role
from components.ingest.opening import opened
from components.spec import Column, Spec, load
from components.spec.document import read_document, read_file
from components.validate.failure import Failure
from pipelines.check import Examined, examine
from pipelines.contract_text import render_contract
from pipelines.local.result import Exit

SUFFIX = ".contract.yaml"


def run_contract(path: Path, output: Path | None, *, update: bool) -> int:
    """Writes a contract where there is none, else compares the data with it.

    Args:
        path: the spec's file.
        output: the contract's file; None for the one that the spec names, else the spec's own
            name with `.contract.yaml`.
        update: whether to write the file anew although it is there.

    Returns:
        The exit status: 0, or 1 where the data breaks the contract or cannot have one.

    Raises:
        SpecError: the spec or the file is wrong.
        DataError: the data cannot be read.
    """
    named = load(path, ["contract=null"])
    file = output or _stated(path) or path.with_name(path.stem + SUFFIX)
    if not file.exists():
        return _write(named, file, path)
    relative = os.path.relpath(file, path.parent)
    under = load(path, [f"contract={json.dumps(relative)}"])
    if update:
        return _write(_loosened(under, named), file, path)
    return _compare(under, named, file)


def _stated(path: Path) -> Path | None:
    """The file that a spec names, which need not be there yet."""
    document, _ = read_document(read_file(path), str(path))
    name = document.get("contract")
    return path.parent / Path(name).expanduser() if isinstance(name, str) else None


def _loosened(under: Spec, own: Spec) -> Spec:
    """Keeps of a contract what the data cannot show, and lets the data show the rest anew."""
    kept = ("missing", "decimal", "thousands", "clip", "protected", "privacy", "unique")
    columns = {}
    for name, column in _present(under).columns.items():
        if name in own.columns:
            columns[name] = column
            continue
        said = {key: getattr(column, key) for key in kept}
        columns[name] = Column.model_validate(said)
    return under.model_copy(update={"columns": columns, "contract": None})


def _present(spec: Spec, gone: Sequence[str] | None = None) -> Spec:
    """The spec without the columns of a contract that the data does not have."""
    missing = set(_gone(spec) if gone is None else gone)
    columns = {n: c for n, c in spec.columns.items() if n not in missing}
    return spec.model_copy(update={"columns": columns})


def _gone(spec: Spec) -> list[str]:
    with (
        tempfile.TemporaryDirectory(prefix="kubeloop-") as scratch,
        opened(spec.source, spec.csv, Path(scratch, "table")) as tables,
    ):
        names = {name for table in tables for name in table.rows.collect_schema().names()}
    return [name for name in spec.columns if name not in names]


def _write(spec: Spec, file: Path, path: Path) -> int:
    console = Console(highlight=False, soft_wrap=True)
    examined = examine(spec, observing=True)
    if refused := examined.checked.refused:
        for failure in refused:
            console.print(f"{failure.severity}: {failure}", markup=False)
        console.print("no contract is written: first mend the data, or what the spec says of it")
        return Exit.FAILED
    file.parent.mkdir(parents=True, exist_ok=True)
    text = render_contract(spec, examined)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
    relative = os.path.relpath(file, path.parent)
    console.print(f"wrote {file}; edit it, then add to {path}: contract: {relative}", markup=False)
    return Exit.DONE


@dataclass(frozen=True)
class _Difference:
    column: str
    what: str
    count: int | None
    breaks: bool


def _compare(under: Spec, own: Spec, file: Path) -> int:
    console = Console(highlight=False, soft_wrap=True)
    gone = [name for name in _gone(under) if name not in own.columns]
    spec = _present(under, gone)
    examined = examine(spec, observing=True)
    found = [_Difference(name, "gone: the data lacks it", None, True) for name in gone]
    found += [_broken(failure) for failure in examined.checked.failures]
    found += _drifted(spec, examined)
    rows = examined.checked.contract.lineage.rows
    if not found:
        console.print(f"{rows:,} rows keep {file}", markup=False)
        return Exit.DONE
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("column", "rows", "breaks", "difference"):
        shown.add_column(title, justify="right" if title == "rows" else "left")
    for entry in found:
        count = "" if entry.count is None else f"{entry.count:,}"
        breaks = "yes" if entry.breaks else ""
        shown.add_row(*map(Text, (entry.column, count, breaks, entry.what)))
    console.print(shown)
    broken = sum(entry.breaks for entry in found)
    if broken:
        ways = "one way" if broken == 1 else f"{broken} ways"
        console.print(f"{rows:,} rows break {file} in {ways}", markup=False)
        return Exit.FAILED
    console.print(f"{rows:,} rows keep {file}", markup=False)
    return Exit.DONE


def _broken(failure: Failure) -> _Difference:
    breaks = str(failure.severity) == "refuse"
    return _Difference(
        failure.column, f"{failure.code}: expected {failure.expected}", failure.count, breaks
    )


def _drifted(spec: Spec, examined: Examined) -> list[_Difference]:
    """Differences that break nothing: categories that no longer occur, formats that are new."""
    found = []
    columns = {c.name: c for c in examined.checked.contract.columns}
    for name, declared in spec.columns.items():
        column, seen = columns.get(name), examined.checked.observed.get(name)
        if column is None or seen is None or declared.private:
            continue
        if column.values is not None and seen.values is not None:
            unused = [value for value in column.values if value not in seen.texts]
            if unused:
                said = f"{len(unused)} of {len(column.values)} values do not occur"
                found.append(_Difference(name, said, None, False))
        if declared.nullable is True and not seen.missing and column.role is not Role.TARGET:
            found.append(_Difference(name, "nullable, and no value is missing", None, False))
    return found
