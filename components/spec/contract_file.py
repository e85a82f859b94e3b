"""Reads a checked-in contract into the spec that names it, so that one document travels.

A contract's file speaks of columns in the spec's own words, under its key `columns`; what the spec
says of a column itself wins, key by key.
"""

from pathlib import Path
from typing import Any

from components.errors import SpecError
from components.spec.document import read_file, read_value
from components.spec.problems import Problem, SpecProblemsError, dotted, one_of

_KEYS = ("format", "columns")
FORMAT = 1


def inline(document: dict[str, Any], folder: Path | None) -> list[Problem]:
    """Merges the contract that a document names into its `columns`.

    Args:
        document: a spec as read, changed in place; one without a contract stays as it is.
        folder: what the contract's path is relative to; None where there is no file system to
            look at, and the document is whole already.

    Returns:
        What is wrong with the contract's file.
    """
    name = document.get("contract")
    if not isinstance(name, str) or folder is None:
        return []
    path = folder / Path(name).expanduser()
    try:
        columns = read_contract(path)
    except SpecProblemsError as exc:
        return [
            Problem(f"contract, {problem.path}", problem.value, problem.expected, problem.hint)
            for problem in exc.problems
        ]
    except SpecError as exc:
        hint = "`kubeloop contract SPEC` writes one"
        return [Problem("contract", name, f"a contract's file; {exc}", hint)]
    stated = document.get("columns")
    if stated is None or isinstance(stated, dict):
        document["columns"] = _merged(columns, stated or {})
    return []


def read_contract(path: Path) -> dict[str, Any]:
    """Reads the columns of a contract's file.

    Args:
        path: a YAML file with the keys `format` and `columns`.

    Returns:
        What it says of each column, unchecked: the spec's own check is to come.

    Raises:
        SpecError: the file cannot be read.
        SpecProblemsError: it is no contract.
    """
    document, problems = read_value(read_file(path), str(path))
    if not isinstance(document, dict):
        problem = Problem("the document", document, "a contract, with the key 'columns'")
        raise SpecProblemsError([problem], str(path))
    for key in document.keys() - set(_KEYS):
        problems.append(Problem(dotted((key,)), document[key], f"a key: {one_of(_KEYS)}"))
    stated = document.get("format", FORMAT)
    if stated != FORMAT:
        hint = "use a newer Kubeloop" if isinstance(stated, int) and stated > FORMAT else ""
        problems.append(Problem("format", stated, f"{FORMAT}", hint))
    columns = document.get("columns")
    if not isinstance(columns, dict):
        problems.append(Problem("columns", columns, "columns by name"))
    if problems:
        raise SpecProblemsError(problems, str(path))
    return columns or {}


def _merged(columns: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    merged = dict(columns)
    for name, own in stated.items():
        base = columns.get(name)
        if isinstance(base, dict) and isinstance(own, dict):
            merged[name] = {**base, **own}
        elif own is not None:
            merged[name] = own
    return merged
