"""The typed contract between clients and a model, and the tensors that rows become.

Training, packaging, batch scoring and serving all build a model's input here, so a row means the
same everywhere: numbers are float32 with NaN for a missing value, categories are text with the
empty string for a missing one. A date is text to a client and several numbers to a model.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from components.dates.parts import date_numbers
from components.dates.reading import Moments, parse

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
        dtype: `float32` for numbers, `string` for categories, `date` for dates, which are sent as
            text.
        nullable: whether null (a missing value) is accepted.
        categories: the known categories, sorted; None for others. Unseen ones are answered too.
        missing: texts that read as null.
        boolean: whether its texts are truth values, read in any of their spellings.
        formats: of a date, tried in order by `components.dates.reading.parse`.
        parts: of a date, the numbers that `components.dates.parts.date_numbers` makes of it.
    """

    name: str
    dtype: Literal["float32", "string", "date"]
    nullable: bool = True
    categories: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    boolean: bool = False
    formats: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


class Output(Frozen):
    """One tensor that the model answers."""

    name: Literal["label", "probabilities", "prediction"]
    dtype: Literal["string", "int64", "bool", "float32", "float64"]


class Signature(Frozen):
    """The typed contract between clients and the model.

    Attributes:
        inputs: the features: numbers, then strings, then dates, in the order of the model's
            tensors.
        outputs: `label` and `probabilities`, or `prediction`.
        ignored: columns of the source that are no features; dropped when a client sends them.
        clock: the date input that is a row's own timestamp, from which ages count; else None.
    """

    inputs: tuple[Feature, ...]
    outputs: tuple[Output, ...]
    ignored: tuple[str, ...] = ()
    clock: str | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the float32 inputs: the first columns of the number tensor."""
        return tuple(f.name for f in self.inputs if f.dtype == "float32")

    @property
    def strings(self) -> tuple[str, ...]:
        """Names of the string inputs, in tensor order."""
        return tuple(f.name for f in self.inputs if f.dtype == "string")

    @property
    def dates(self) -> tuple[Feature, ...]:
        """The date inputs, whose parts are the last columns of the number tensor."""
        return tuple(f for f in self.inputs if f.dtype == "date")

    @property
    def number_columns(self) -> tuple[str, ...]:
        """Names of all columns of the number tensor: numbers, then dates as `name.part`."""
        parts = (f"{date.name}.{part}" for date in self.dates for part in date.parts)
        return (*self.numbers, *parts)


def tensors(
    signature: Signature, rows: Sequence[Mapping[str, float | str | None]]
) -> tuple[Numbers, Strings]:
    """Builds the model's two input tensors from rows that already keep the signature.

    Args:
        signature: names and orders the inputs.
        rows: n mappings from input name to number, text or None.

    Returns:
        float32 (n, number_columns) with NaN for None, and object (n, strings) with "" for None.
    """
    numbers = [[row[name] for name in signature.numbers] for row in rows]
    strings = [[row[name] for name in signature.strings] for row in rows]
    number_array = np.array(numbers, dtype=np.float32).reshape(len(rows), len(signature.numbers))
    string_array = np.empty((len(rows), len(signature.strings)), dtype=object)
    for index, row in enumerate(strings):
        string_array[index] = ["" if value is None else value for value in row]
    moments = [
        parse((_text(row[date.name]) for row in rows), date.formats) for date in signature.dates
    ]
    return with_dates(signature, number_array, moments), string_array


def with_dates(signature: Signature, numbers: Numbers, moments: Sequence[Moments]) -> Numbers:
    """Completes the number tensor by what the dates tell.

    Args:
        signature: names the dates, their parts and the clock.
        numbers: float32 (n, numbers).
        moments: datetime64[us] (n,) for each date of the signature, in order.

    Returns:
        float32 (n, number_columns).
    """
    if not moments:
        return numbers
    named = dict(zip((date.name for date in signature.dates), moments, strict=True))
    clock = named.get(signature.clock or "")
    parts = [date_numbers(named[date.name], date.parts, clock) for date in signature.dates]
    return np.concatenate([numbers, *parts], axis=1)


def _text(value: float | str | None) -> str | None:
    return None if value is None else str(value)
