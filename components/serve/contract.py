"""The strict reading of a request's values against a model's signature.

Rows arrive from either protocol as plain values, numbers apart from strings; tensors leave, or one
refusal that names every problem with its row and field. Nothing is guessed: text is no number, a
number is no category, and what is missing is null, or one of the contract's `missing` tokens. Dates
and truth values are text, read by the same functions as in training.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.dates.reading import Moments, parse
from components.serve.quick import plain_numbers, text_table
from components.serve.refusal import MAX_SHOWN, Problems, clipped
from components.serve.values import absent, as_text, number, refuse, strange
from components.signature import Feature, Numbers, Signature, Strings, with_dates
from components.truth import truth

Rows = Sequence[Sequence[object]]
_Texts = Sequence[Sequence[object]]


@dataclass(slots=True)
class Tensors:
    """Validated input.

    Attributes:
        numbers: float32 (n, number_columns), parts of dates included; NaN is missing.
        strings: object (n, strings) of str; the empty string is missing.
        unseen: how many values of each category feature training never saw.
        dates: object (n, dates) of str, as the client wrote them; the empty string is missing.
    """

    numbers: Numbers
    strings: Strings
    unseen: dict[str, int]
    dates: Strings


class Contract:
    """A signature, prepared once for reading many requests."""

    def __init__(self, signature: Signature) -> None:
        """Prepares the look-ups of one model's signature."""
        self.names = tuple(feature.name for feature in signature.inputs)
        self.numbers = tuple(f for f in signature.inputs if f.dtype == "float32")
        self.strings = tuple(f for f in signature.inputs if f.dtype == "string")
        self.dates = signature.dates
        self._signature = signature
        self.number_order = signature.numbers
        self.number_names = frozenset(signature.numbers)
        texts = (*signature.strings, *(date.name for date in self.dates))
        self.matrices = {"numbers": signature.numbers, "strings": texts}
        self.known = frozenset(self.names)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.ignored = frozenset(signature.ignored) - self.known
        self._nullable = np.array([f.nullable for f in self.numbers], dtype=bool)
        self._missing = {
            f.name: frozenset(t.strip() for t in f.missing) | {""} for f in signature.inputs
        }
        # A token such as -999 reads as missing in training, as the number that it also is.
        found = [(index, _numeric_tokens(f)) for index, f in enumerate(self.numbers)]
        self._tokens = [(index, tokens) for index, tokens in found if tokens.size]
        self._tables = [
            text_table(feature, self._missing[feature.name]) for feature in self.strings
        ]
        self._seen = [None if f.categories is None else set(f.categories) for f in self.strings]

    def read(self, numbers: Rows, strings: Rows) -> Tensors:
        """Reads n rows of values.

        Args:
            numbers: n sequences, one value for each float32 input in order.
            strings: n sequences, one value for each string input in order, then for each date.

        Returns:
            The model's input tensors.

        Raises:
            RefusalError: a value breaks the signature; every such value is counted.
        """
        problems = Problems()
        unseen: dict[str, int] = {}
        number_tensor = self._read_numbers(numbers, problems)
        string_tensor = self._read_strings(strings, problems, unseen)
        dates, moments = self._read_dates(strings, problems)
        problems.refuse()
        complete = with_dates(self._signature, number_tensor, moments)
        return Tensors(complete, string_tensor, unseen, dates)

    def quick(
        self,
        numbers: Sequence[object] | NDArray[Any],
        texts: _Texts,
        rows: int,
        *,
        by_column: bool,
        booleans: bool,
    ) -> Tensors | None:
        """Reads rows in which nothing is wrong, missing or unseen; most are such.

        Args:
            numbers: the values of all float32 inputs one after another, or an array of them.
            texts: the values of each string input, then of each date.
            rows: n.
            by_column: whether numbers come column by column; else row by row.
            booleans: whether a truth value may be among the numbers.

        Returns:
            What `read` would return; None where `read` has to look.
        """
        if self._tokens:
            return None
        tensor = plain_numbers(numbers, rows, by_column=by_column, booleans=booleans)
        if tensor is None:
            return None
        strings: Strings = np.empty((rows, 0), dtype=object)
        none = strings
        if self._tables:
            try:
                # Column by column: of each only its own part, for dates follow.
                pairs = zip(self._tables, texts, strict=False)
                read = [table[value] for table, column in pairs for value in column]
            except (KeyError, TypeError):
                return None
            columns = np.array(read, dtype=object).reshape(-1, rows)
            strings = np.ascontiguousarray(columns.T)
        if not self.dates:
            return Tensors(tensor, strings, {}, none)
        problems = Problems()
        dates, moments = self._read_dates(list(zip(*texts, strict=True)), problems)
        problems.refuse()
        return Tensors(with_dates(self._signature, tensor, moments), strings, {}, dates)

    def unknown(self, name: str) -> str:
        """Returns what to say about a field that the signature does not have."""
        near = get_close_matches(name, self.names, n=1) if len(name) <= MAX_SHOWN else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown field {clipped(name)}{hint}"

    def _read_numbers(self, rows: Rows, problems: Problems) -> Numbers:
        shape = (len(rows), len(self.numbers))
        # A bool's type is bool, so that this one pass over the values also keeps bools out.
        if set(map(type, chain.from_iterable(rows))) <= {float, int, type(None)}:
            try:
                with np.errstate(over="ignore"):
                    tensor = np.array(rows, dtype=np.float64).reshape(shape).astype(np.float32)
            except OverflowError:
                return self._check_numbers(rows, problems)
            self._blank_tokens(tensor)
            fine = np.isfinite(tensor) | (np.isnan(tensor) & self._nullable)
            if fine.all():
                return tensor
        return self._check_numbers(rows, problems)

    def _check_numbers(self, rows: Rows, problems: Problems) -> Numbers:
        tensor = np.empty((len(rows), len(self.numbers)), dtype=np.float32)
        for index, row in enumerate(rows):
            for column, (feature, value) in enumerate(zip(self.numbers, row, strict=True)):
                tensor[index, column] = number(feature, value, index, problems)
        self._refuse_tokens(tensor, problems)
        self._blank_tokens(tensor)
        return tensor

    def _refuse_tokens(self, tensor: Numbers, problems: Problems) -> None:
        """A number that stands for a missing value is one, where a value has to be there too."""
        for column, tokens in self._tokens:
            feature = self.numbers[column]
            if not feature.nullable:
                for index in np.flatnonzero(np.isin(tensor[:, column], tokens)).tolist():
                    refuse(feature, index, None, "null", problems)

    def _blank_tokens(self, tensor: Numbers) -> None:
        for column, tokens in self._tokens:
            tensor[np.isin(tensor[:, column], tokens), column] = np.nan

    def _read_strings(self, rows: Rows, problems: Problems, unseen: dict[str, int]) -> Strings:
        tensor = np.empty((len(rows), len(self.strings)), dtype=object)
        for column, feature in enumerate(self.strings):
            missing, seen = self._missing[feature.name], self._seen[column]
            for index, row in enumerate(rows):
                value = row[column]
                if type(value) is not str:
                    value = as_text(value, feature)
                if type(value) is str:
                    value = value.strip()
                if type(value) is not str or value in missing:
                    value = absent(feature, value, index, problems)
                elif feature.boolean:
                    value = truth(value) or strange(feature, value, index, problems)
                elif seen is not None and value not in seen:
                    unseen[feature.name] = unseen.get(feature.name, 0) + 1
                tensor[index, column] = value
        return tensor

    def _read_dates(self, rows: Rows, problems: Problems) -> tuple[Strings, list[Moments]]:
        texts = np.empty((len(rows), len(self.dates)), dtype=object)
        moments = []
        for column, feature in enumerate(self.dates):
            missing, place = self._missing[feature.name], column + len(self.strings)
            for index, row in enumerate(rows):
                value = as_text(row[place], feature)
                if not isinstance(value, str) or value.strip() in missing:
                    value = absent(feature, value, index, problems)
                texts[index, column] = value
            read = parse(texts[:, column], feature.formats)
            for index in np.flatnonzero(np.isnat(read) & (texts[:, column] != "")).tolist():
                strange(feature, texts[index, column], index, problems)
            moments.append(read)
        return texts, moments


def _numeric_tokens(feature: Feature) -> Numbers:
    """Returns the missing tokens of a feature that are numbers themselves."""
    tokens = []
    for token in feature.missing:
        with contextlib.suppress(ValueError):
            tokens.append(float(token))
    numbers = np.array(tokens, dtype=np.float32)
    return numbers[np.isfinite(numbers)]
