"""V2 columns in JSON that lie as they should, read all at once instead of one by one.

A tensor for each column is what most V2 clients send, and twenty of them, each looked at by itself
twice, cost more than the model. Here each question is asked of all of them together.
"""

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, overload

from components.serve.contract import Contract, Tensors
from components.serve.infer import strict_flaw
from components.serve.limits import Limits
from components.serve.tensor import BYTES, FLOATS, Tensor

_MEMBERS = itemgetter("name", "datatype", "shape", "data")
_DATATYPES = frozenset(("FP32", "FP64", "BYTES"))


class Columns(Sequence[Tensor]):
    """The inputs of a request, all of one shape, [n] or [n, 1]; as tensors where one is wanted."""

    def __init__(self, members: list[tuple[Any, ...]], shape: tuple[int, ...]) -> None:
        """Keeps names, datatypes, shapes and lists of values, each of all inputs."""
        self._names, self._datatypes, _, self._values = members
        self._shape = shape

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
        return Tensor(self._names[index], self._datatypes[index], self._shape, self._values[index])

    def read(self, contract: Contract, limits: Limits, *, booleans: bool) -> Tensors | None:
        """Reads the rows; None where they are not as the signature has them, or perhaps not.

        Args:
            contract: the model's signature.
            limits: bounds the number of rows.
            booleans: whether a truth value may be anywhere among the values.
        """
        rows, names = self._shape[0], contract.names
        if not 0 < rows <= limits.rows or set(map(len, self._values)) != {rows}:
            return None
        values, datatypes = self._values, self._datatypes
        if self._names != names:
            places = {name: at for at, name in enumerate(self._names)}
            if len(places) != len(self._names) or places.keys() != contract.known:
                return None
            at = itemgetter(*map(places.__getitem__, names), 0)
            values, datatypes = at(values)[:-1], at(datatypes)[:-1]
        cut = len(contract.numbers)
        if not FLOATS.keys() >= set(datatypes[:cut]) or any(map(BYTES.__ne__, datatypes[cut:])):
            return None
        flat = list(chain.from_iterable(values[:cut]))
        return contract.quick(flat, values[cut:], rows, by_column=True, booleans=booleans)


def plain_columns(inputs: list[Any]) -> Columns | None:
    """Takes the inputs of a JSON document that are columns, all of one length; None for others."""
    if set(map(type, inputs)) != {dict}:
        return None
    if any(strict_flaw(entry) for entry in inputs if "parameters" in entry):
        return None
    try:
        members = list(zip(*map(_MEMBERS, inputs), strict=True))
    except KeyError:
        return None
    names, datatypes, shapes, values = members
    texts = set(map(type, names)) == set(map(type, datatypes)) == {str}
    if not texts or not _DATATYPES.issuperset(datatypes):
        return None
    if not set(map(type, shapes)) == set(map(type, values)) == {list}:
        return None
    shape = shapes[0]
    # By their types too: true is equal to 1.
    whole = set(map(type, chain.from_iterable(shapes))) == {int}
    if not whole or shapes.count(shape) != len(shapes) or shape[1:] not in ([], [1]):
        return None
    return Columns(members, tuple(shape))
