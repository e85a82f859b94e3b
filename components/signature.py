"""The typed contract between clients and a model, and the tensors that rows become.

Training, packaging, batch scoring and serving all build a model's input here, so a row means the
same everywhere: numbers are float32 with NaN for a missing value, categories are text with the
empty string for a missing one.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

Label = StrictBool | StrictInt | StrictStr
Numbers = NDArray[np.float32]
Strings = NDArray[np.object_]


class Frozen(BaseModel):
    """Base of what crosses a boundary: immutable, and nothing unknown gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(Frozen):
    """One input that clients send.

    Attributes:
        name: the column's name in the source.
        dtype: `float32` for numbers, `string` for categories.
        nullable: whether null (a missing value) is accepted.
        categories: the known categories, sorted; None for numbers. Unseen ones are answered too.
        missing: texts that read as null.
    """

    name: str
    dtype: Literal["float32", "string"]
    nullable: bool = True
    categories: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()


class Output(Frozen):
    """One tensor that the model answers."""

    name: Literal["label", "probabilities", "prediction"]
    dtype: Literal["string", "int64", "bool", "float32", "float64"]


class Signature(Frozen):
    """The typed contract between clients and the model.

    Attributes:
        inputs: the features, numbers first, in the order of the model's tensors.
        outputs: `label` and `probabilities`, or `prediction`.
        ignored: columns of the source that are no features; dropped when a client sends them.
    """

    inputs: tuple[Feature, ...]
    outputs: tuple[Output, ...]
    ignored: tuple[str, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the float32 inputs, in tensor order."""
        return tuple(f.name for f in self.inputs if f.dtype == "float32")

    @property
    def strings(self) -> tuple[str, ...]:
        """Names of the string inputs, in tensor order."""
        return tuple(f.name for f in self.inputs if f.dtype == "string")


def tensors(
    signature: Signature, rows: Sequence[Mapping[str, float | str | None]]
) -> tuple[Numbers, Strings]:
    """Builds the model's two input tensors from rows that already keep the signature.

    Args:
        signature: names and orders the inputs.
        rows: n mappings from input name to number, text or None.

    Returns:
        float32 (n, numbers) with NaN for None, and object (n, strings) with "" for None.
    """
    numbers = [[row[name] for name in signature.numbers] for row in rows]
    strings = [[row[name] for name in signature.strings] for row in rows]
    number_array = np.array(numbers, dtype=np.float32).reshape(len(rows), len(signature.numbers))
    string_array = np.empty((len(rows), len(signature.strings)), dtype=object)
    for index, row in enumerate(strings):
        string_array[index] = ["" if value is None else value for value in row]
    return number_array, string_array
