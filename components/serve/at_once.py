"""V2 tensors that hold the columns as they should be, read without taking them apart."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serve.contract import Contract, Tensors
from components.serve.limits import Limits
from components.serve.tensor import BYTES, FLOATS, Tensor


def read_at_once(
    tensors: Sequence[Tensor], contract: Contract, limits: Limits, *, booleans: bool
) -> Tensors | None:
    """Reads a tensor for each column, or the matrix of numbers, where all is as it should be.

    Args:
        tensors: as they came.
        contract: the model's signature.
        limits: bounds the number of rows.
        booleans: whether a truth value may be anywhere among the values.

    Returns:
        The model's input tensors; None where `v2.read` has to look.
    """
    first = tensors[0] if tensors else None
    if first is None or not first.shape or not 0 < (rows := first.shape[0]) <= limits.rows:
        return None
    if len(tensors) == 1 and first.name == "numbers" and len(contract.names) == first.shape[-1]:
        matrix = len(first.shape) == 2 and not contract.matrices["strings"]
        values = first.quick() if matrix and first.datatype in FLOATS else None
        if values is None:
            return None
        return contract.quick(values, (), rows, by_column=False, booleans=booleans)
    cut, places = len(contract.numbers), contract.places
    shapes = ((rows,), (rows, 1))
    columns: list[Any] = [None] * len(contract.names)
    joined = True
    for tensor in tensors:
        place, raw = places.get(tensor.name), tensor.raw
        if place is None or columns[place] is not None or tensor.shape not in shapes:
            return None
        if tensor.datatype not in FLOATS if place < cut else tensor.datatype != BYTES:
            return None
        if place < cut and raw is not None and tensor.datatype == "FP32" and len(raw) == 4 * rows:
            columns[place] = raw
            continue
        joined = joined and place >= cut
        columns[place] = tensor.quick()
    # By identity: comparing arrays with `in` would compare their elements.
    if any(column is None for column in columns):
        return None
    flat = np.frombuffer(b"".join(columns[:cut]), "<f4") if joined else _flat(columns[:cut])
    if flat is None:
        return None
    return contract.quick(flat, columns[cut:], rows, by_column=True, booleans=booleans)


def _flat(columns: list[Any]) -> Any:
    """Puts columns of numbers one after another: all of them lists, or all of them bytes."""
    lists = [type(column) is list for column in columns]
    if all(lists):
        return list(chain.from_iterable(columns))
    # An array made of both would turn text to numbers.
    return None if any(lists) else np.concatenate([_array(column) for column in columns])


def _array(column: Any) -> NDArray[Any]:
    """Returns a column's numbers; raw ones are FP32."""
    return np.frombuffer(column, "<f4") if type(column) is bytes else column
