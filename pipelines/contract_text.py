"""Writes an inferred contract as a file that a person edits.

It speaks of columns in the words of the spec's own `columns`; `components.spec.contract_file`
reads it back into the spec that names it.
"""

import json
from typing import Any

from components.contract import ColumnContract, ColumnType, Role
from components.spec import Column, Spec
from components.spec.contract_file import FORMAT
from components.validate.observation import Observed
from pipelines.check import Examined


def render_contract(spec: Spec, examined: Examined) -> str:
    """Writes a contract as YAML.

    Args:
        spec: what it was inferred under.
        examined: the data's contract, and what its columns hold.

    Returns:
        A commented document with the keys `format` and `columns`; the same data gives the same
        text. Nothing but `privacy` is said of the values of a private column.
    """
    lines = [
        f"# What the columns of {spec.name} hold, inferred from {examined.lineage.rows:,} rows.",
        "# Edit it: what is said here is checked in every run of a spec that has a line",
        "# `contract: FILE`. min and max are the extremes that were seen, so widen them to what",
        "# is valid; remove what need not hold. The words are those of the spec's own `columns`",
        "# (`kubeloop schema` describes them).",
        f"format: {FORMAT}",
        "columns:",
    ]
    for name in _names(spec, examined):
        column = _said_of(name, spec, examined)
        lines.append(f"  {_flow(name)}:" if column else f"  {_flow(name)}: {{}}")
        lines += [f"    {key}: {_flow(value)}" for key, value in column.items()]
    return "\n".join(lines) + "\n"


def _names(spec: Spec, examined: Examined) -> list[str]:
    seen = [column.name for column in examined.checked.contract.columns]
    return [*seen, *(n for n, c in spec.columns.items() if n not in seen and c.private)]


def _flow(value: object) -> str:
    """JSON is YAML, and quotes whatever YAML would misread."""
    return json.dumps(value, ensure_ascii=False)


def _said_of(name: str, spec: Spec, examined: Examined) -> dict[str, Any]:
    declared = spec.columns.get(name, Column())
    contract = {c.name: c for c in examined.checked.contract.columns}.get(name)
    if contract is None or declared.private:
        hidden: dict[str, Any] = {"privacy": declared.privacy}
        return {**hidden, "unique": True} if declared.unique else hidden
    seen = examined.checked.observed[name]
    said: dict[str, Any] = {"type": str(contract.type)} if _is_typed(contract, spec) else {}
    # Nothing is learned from an ignored column, so nothing is asked of it either.
    if contract.role is not Role.IGNORED:
        said["nullable"] = bool(seen.missing) or contract.role is Role.TARGET
    said |= {"missing": list(declared.missing)} if declared.missing else {}
    said |= _limits(contract, seen)
    said |= _reading(contract, seen, spec)
    said |= {"clip": declared.clip} if declared.clip is not None else {}
    is_unique = contract.unique or (contract.role is Role.ID and seen.unique)
    said |= {"unique": True} if is_unique else {}
    said |= {"protected": True} if contract.protected else {}
    return {**said, "privacy": "public"} if declared.privacy == "public" else said


def _reading(contract: ColumnContract, seen: Observed, spec: Spec) -> dict[str, Any]:
    """How the column's text is read, where it is not as everywhere."""
    if contract.type is ColumnType.DATE:
        return {} if seen.stored or not contract.formats else {"formats": list(contract.formats)}
    if contract.type is not ColumnType.NUMBER:
        return {}
    said = {}
    if contract.decimal != spec.csv.decimal:
        said["decimal"] = contract.decimal
    if contract.thousands and contract.thousands != spec.csv.thousands:
        said["thousands"] = contract.thousands
    return said


def _is_typed(contract: ColumnContract, spec: Spec) -> bool:
    """Whether to state the type: of a column that tells no person, `type` would make a feature."""
    if contract.role is Role.IGNORED:
        return not contract.inferred
    return contract.role is not Role.TARGET or spec.task == "regression"


def _limits(contract: ColumnContract, seen: Observed) -> dict[str, Any]:
    if contract.role in (Role.ID, Role.GROUP, Role.IGNORED):
        return {}
    if contract.type is ColumnType.NUMBER and seen.minimum is not None and seen.values is None:
        return {"min": _plain(seen.minimum), "max": _plain(seen.maximum)}
    is_text = contract.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN)
    if seen.values and (is_text or contract.role is Role.TARGET):
        return {"values": list(seen.values)}
    return {}


def _plain(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number
