"""What lies in the object store: a bundle's golden rows with their answers, as a pod gives them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answers:
    """A table of rows and answers.

    Attributes:
        names: the columns in the signature's order; empty where any row is answered alike.
        table: the answer and, for classes, the probabilities of each row.
        default: for a row that is in no table.
    """

    names: tuple[str, ...]
    table: Mapping[str, tuple[Any, tuple[float, ...] | None]]
    default: Any

    def give(self, rows: Sequence[Any]) -> list[tuple[Any, tuple[float, ...] | None]]:
        """Returns the answer to each row, which is an object or a list."""
        return [self.table.get(self._key(row), (self.default, None)) for row in rows]

    def _key(self, row: Any) -> str:
        named = row if isinstance(row, dict) else dict(zip(self.names, row, strict=False))
        return _written({name: named.get(name) for name in self.names or named})


def _written(row: Row) -> str:
    """A row in one form, whether its numbers were written as 1 or as 1.0."""
    plain = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in row.items()
    }
    return json.dumps(plain, sort_keys=True)


def of_table(rows: Iterable[Row], answers: Iterable[Any]) -> Answers:
    """Makes answers of rows and what is answered to them."""
    pairs = list(zip(rows, answers, strict=True))
    names = tuple(pairs[0][0]) if pairs else ()
    table = {_written(row): (answer, None) for row, answer in pairs}
    return Answers(names, table, pairs[0][1] if pairs else None)


def of_bundle(folder: Path) -> Answers:
    """Reads a bundle's golden rows."""
    from components.bundle import read

    manifest = read(folder)
    golden = manifest.golden
    given = golden.labels if golden.labels is not None else golden.predictions or ()
    likely = golden.probabilities or (None,) * len(given)
    names = tuple(feature.name for feature in manifest.signature.inputs)
    table = {
        _written({name: row.get(name) for name in names}): (answer, chances)
        for row, answer, chances in zip(golden.rows, given, likely, strict=True)
    }
    return Answers(names, table, given[0] if given else None)


def other(answer: Any) -> Any:
    """Returns an answer that is not the given one, of the same type."""
    if isinstance(answer, bool):
        return not answer
    return answer + 1 if isinstance(answer, int | float) else f"not {answer}"
