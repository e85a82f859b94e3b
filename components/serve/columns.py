"""V2 columns that lie as they should, read all at once instead of one by one.

A tensor for each column is what most V2 clients send, and twenty of them, each looked at by itself
twice, cost more than the model. Here each question is asked of all of them together.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any, overload

import numpy as np

from components.serve.contract import Contract, Tensors
from components.serve.infer import strict_flaw
from components.serve.limits import Limits
from components.serve.tensor import BYTES, FLOATS, Tensor, split_texts

_IN_JSON = itemgetter("name", "datatype", "shape", "data")
_IN_BYTES = itemgetter("name", "datatype", "shape", "parameters")
_SIZE = itemgetter("binary_data_size")
_FEW = 3
_DATATYPES = frozenset(("FP32", "FP64", "BYTES"))


class Columns(Sequence[Tensor]):
    """The inputs of a request, all of one shape, [n] or [n, 1]; as tensors where one is wanted."""

    def __init__(self, members: Sequence[Sequence[Any]], shape: Sequence[int]) -> None:
        """Keeps names, datatypes and values, each of all inputs.

        Args:
            members: names, datatypes, and what holds the values.
            shape: of every input.
        """
        self._names, self._datatypes, self._values = members
        self._shape = tuple(shape)

    def __len__(self) -> int:
        """Returns how many inputs there are."""
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        """Returns one input as a tensor, or several."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return self._tensor(self._names[index], self._datatypes[index], self._values[index])

    def read(self, contract: Contract, limits: Limits, *, booleans: bool) -> Tensors | None:
        """Reads the rows; None where they are not as the signature has them, or perhaps not.

        Args:
            contract: the model's signature.
            limits: bounds the number of rows.
            booleans: whether a truth value may be anywhere among the values.
        """
        rows, names = self._shape[0], contract.names
        if not 0 < rows <= limits.rows:
            return None
        values, datatypes = self._values, self._datatypes
        if self._names != names:
            places = {name: at for at, name in enumerate(self._names)}
            if len(places) != len(self._names) or places.keys() != contract.known:
                return None
            at = itemgetter(*map(places.__getitem__, names), 0)
            values, datatypes = at(values)[:-1], at(datatypes)[:-1]
        cut = len(contract.numbers)
        if any(map(BYTES.__ne__, datatypes[cut:])):
            return None
        flat = self._numbers(values[:cut], set(datatypes[:cut]), rows)
        texts = None if flat is None else self._texts(values[cut:], rows)
        if flat is None or texts is None:
            return None
        return contract.quick(flat, texts, rows, by_column=True, booleans=booleans)

    @abstractmethod
    def _tensor(self, name: str, datatype: str, values: Any) -> Tensor: ...

    @abstractmethod
    def _numbers(self, columns: Sequence[Any], datatypes: set[str], rows: int) -> Any: ...

    @abstractmethod
    def _texts(self, columns: Sequence[Any], rows: int) -> Any: ...


class JsonColumns(Columns):
    """Columns whose values are lists."""

    def _tensor(self, name: str, datatype: str, values: Any) -> Tensor:
        return Tensor(name, datatype, self._shape, values)

    def _numbers(self, columns: Sequence[Any], datatypes: set[str], rows: int) -> Any:
        if not FLOATS.keys() >= datatypes or not set(map(len, columns)) <= {rows}:
            return None
        return list(chain.from_iterable(columns))

    def _texts(self, columns: Sequence[Any], rows: int) -> Any:
        return columns if set(map(len, columns)) <= {rows} else None


class RawColumns(Columns):
    """Columns whose values are bytes."""

    def _tensor(self, name: str, datatype: str, values: Any) -> Tensor:
        return Tensor(name, datatype, self._shape, None, values)

    def _numbers(self, columns: Sequence[Any], datatypes: set[str], rows: int) -> Any:
        if not datatypes <= {"FP32"} or not set(map(len, columns)) <= {4 * rows}:
            return None
        return np.frombuffer(b"".join(columns), "<f4")

    def _texts(self, columns: Sequence[Any], rows: int) -> Any:
        texts = [split_texts(column, rows) for column in columns]
        return None if None in texts else texts


def json_columns(inputs: list[Any]) -> Columns | None:
    """Takes the inputs of a JSON document that are columns, all of one length; None for others."""
    members = _members(inputs, _IN_JSON)
    if members is None or set(map(type, members[3])) != {list}:
        return None
    if any(strict_flaw(entry) for entry in inputs if "parameters" in entry):
        return None
    names, datatypes, shapes, values = members
    return JsonColumns((names, datatypes, values), shapes[0])


def raw_columns(inputs: list[Any], body: bytes, at: int) -> Columns | None:
    """Takes binary inputs that are columns, all of one length; None for others.

    Args:
        inputs: their descriptions.
        body: the whole body.
        at: where the first input's bytes begin.
    """
    # With these four members and no other, an input has no values in the JSON.
    members = _members(inputs, _IN_BYTES)
    if members is None or set(map(len, inputs)) != {4} or set(map(type, members[3])) != {dict}:
        return None
    try:
        sizes = list(map(_SIZE, members[3]))
    except KeyError:
        return None
    if set(map(type, sizes)) != {int} or min(sizes) < 0 or at + sum(sizes) > len(body):
        return None
    ends = list(accumulate(sizes, initial=at))
    names, datatypes, shapes, _ = members
    pieces = [body[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]
    return RawColumns((names, datatypes, pieces), shapes[0])


def _members(
    inputs: list[Any], wanted: Callable[[Any], tuple[Any, ...]]
) -> list[tuple[Any, ...]] | None:
    """Returns names, datatypes, shapes and a fourth member, each of all inputs; None if unusual."""
    # One or two are read by themselves: most such are matrices.
    if len(inputs) < _FEW or set(map(type, inputs)) != {dict}:
        return None
    try:
        members = list(zip(*map(wanted, inputs), strict=True))
    except KeyError:
        return None
    names, datatypes, shapes, _ = members
    texts = set(map(type, chain(names, datatypes))) == {str}
    if not texts or not _DATATYPES.issuperset(datatypes) or set(map(type, shapes)) != {list}:
        return None
    shape = shapes[0]
    # By their types too: true is equal to 1.
    whole = set(map(type, chain.from_iterable(shapes))) == {int}
    if not whole or shapes.count(shape) != len(shapes) or shape[1:] not in ([], [1]):
        return None
    return members
