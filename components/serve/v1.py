"""KServe's V1 protocol: `{"instances": rows}` in, `{"predictions": answers}` out.

A row is a list in the signature's order (numbers first) or an object by column name.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import orjson

from components.bundle import Prediction
from components.serve.contract import Contract, Tensors
from components.serve.limits import Limits
from components.serve.refusal import Problems, RefusalError, shown

# By these members KServe knows a CloudEvent, whose data is the request.
_EVENT = frozenset(("specversion", "id", "source", "type", "time", "data"))


def unwrapped(document: dict[str, Any]) -> Any:
    """Returns the data of a CloudEvent that holds a V1 request; anything else as it is."""
    if "specversion" in document and document.keys() >= _EVENT:
        return document["data"]
    return document


def read(
    document: dict[str, Any], contract: Contract, limits: Limits, *, booleans: bool = True
) -> Tensors:
    """Reads the rows of a V1 request.

    Args:
        document: the parsed body; keys other than `instances` are left alone, as KServe does.
        contract: the model's signature.
        limits: bounds the number of rows.
        booleans: whether a truth value may be anywhere in the document.

    Returns:
        The model's input tensors.

    Raises:
        RefusalError: `instances` is no list of rows, or rows break the signature.
    """
    if "instances" not in document:
        msg = 'the body has no "instances"; expected {"instances": [row, …]}'
        raise RefusalError(msg)
    rows = document["instances"]
    if not isinstance(rows, list):
        msg = f'"instances" must be a list of rows, got {shown(rows)}'
        raise RefusalError(msg)
    if not rows:
        msg = '"instances" holds no row'
        raise RefusalError(msg)
    limits.check_rows(len(rows))
    ordered = _ordered(rows, contract)
    cut = len(contract.numbers)
    whole = cut == len(contract.names)
    parts = ordered if whole else [row[:cut] for row in ordered]
    texts = () if whole else list(zip(*ordered, strict=True))[cut:]
    numbers = parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
    found = contract.quick(numbers, texts, len(rows), by_column=False, booleans=booleans)
    if found is not None:
        return found
    return contract.read([row[:cut] for row in ordered], [row[cut:] for row in ordered])


def write(prediction: Prediction) -> bytes:
    """Returns the body of a V1 answer: labels in the source's type, or numbers."""
    return orjson.dumps({"predictions": answers(prediction)})


def answers(prediction: Prediction) -> Sequence[object]:
    """Returns one plain value a row: the label, or the number."""
    if prediction.labels is not None:
        return prediction.labels
    values: list[object] = [] if prediction.values is None else prediction.values.tolist()
    return values


def _ordered(rows: list[Any], contract: Contract) -> list[Sequence[object]]:
    """Brings every row into the signature's order, or refuses them all at once."""
    width = len(contract.names)
    if set(map(type, rows)) == {list} and set(map(len, rows)) == {width}:
        return rows
    problems = Problems()
    ordered: list[Sequence[object]] = []
    for index, row in enumerate(rows):
        if isinstance(row, list):
            if len(row) != width and not problems.full:
                order = ", ".join(contract.names)
                problems.add(f"row {index}: expected {width} values ({order}), got {len(row)}")
            elif len(row) != width:
                problems.add("")
            ordered.append(row)
        elif isinstance(row, dict):
            ordered.append([row.get(name) for name in contract.names])
            if row.keys() != contract.known:
                _check_fields(row, index, contract, problems)
        else:
            problems.add(f"row {index}: expected a list or an object, got {shown(row)}")
    problems.refuse()
    return ordered


def _check_fields(row: dict[str, Any], index: int, contract: Contract, problems: Problems) -> None:
    for name in contract.names:
        if name not in row:
            problems.add(
                f"row {index}: field {name!r} is missing", feature=name, reason="missing_field"
            )
    for name in row:
        if name not in contract.known and name not in contract.ignored:
            problems.add("" if problems.full else f"row {index}: {contract.unknown(name)}")
