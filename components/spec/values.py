"""The single values that a spec is made of, each with its limits and its words for them.

A type here says what it expects in the sentence that a user reads; the models in
`components.spec.sections` and `components.spec` are built of them.
"""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from components.dates.formats import check_format
from components.spec.problems import refusal
from components.spec.sources import check_source

MAX_NAME: Final = 40
"""KServe makes one DNS label, of at most 63 characters, of name, version and namespace: this leaves
6 for the namespace where there are 1000 versions or more. `components.deploy.hosts` holds the two
against each other, where the namespace is known."""

_NAME = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_CPU = re.compile(r"([0-9]+)m|[0-9]+(\.[0-9]{1,3})?")
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS: Final = {
    **{"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40},
    **{"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12},
}
_LEAST_MEMORY = 16 * 2**20


def expecting(expected: str) -> WrapValidator:
    """Replace whatever a type finds wrong with a value by one phrase for what it expects."""

    def check(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            if isinstance(value, str):
                # Half a surrogate pair, from a JSON escape or the command line, fits in no file.
                value.encode()
            return handler(value)
        except (ValidationError, UnicodeEncodeError):
            hint = ""
            if "text" in expected and isinstance(value, int | float):
                hint = f'put it in quotes: "{value}"'
            raise refusal(expected, hint) from None

    return WrapValidator(check)


def _name(value: str) -> str:
    if re.fullmatch(_NAME, value) and len(value) <= MAX_NAME:
        return value
    expected = f"at most {MAX_NAME} of a-z, 0-9 and '-', first a letter, last no '-' (a DNS label)"
    near = re.sub(r"[^a-z0-9]+", "-", value.lower()).lstrip("-0123456789")[:MAX_NAME].strip("-")
    raise refusal(expected, f"did you mean {near!r}?" if near else "")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _number_as_text(value: object) -> object:
    """Accept `cpu: 2` and `memory: 1073741824`, as Kubernetes does."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return value


def _cpu(value: str) -> str:
    if not _CPU.fullmatch(value) or not re.search("[1-9]", value):
        expected = "an amount of CPU, such as '500m' or '2'"
        raise refusal(expected)
    return value


def _memory(value: str) -> str:
    expected = "an amount of memory of at least 16Mi, such as '512Mi' or '2Gi'"
    match = _MEMORY.fullmatch(value)
    if match and float(match[1]) * _UNITS[match[2] or ""] >= _LEAST_MEMORY:
        return value
    number = re.match(r"([0-9]+)\s*([kmgt]?)", value.lower())
    unit = f"{(number[2] or 'm').upper()}i" if number else ""
    near = f"{number[1]}{unit.replace('KI', 'Ki')}" if number else ""
    raise refusal(expected, f"did you mean {near!r}?" if near and near != value else "")


def _mark(value: str) -> str:
    if len(value) == 1 and not value.isalnum() and value not in '"\r\n\0':
        return value
    expected = "one character that is no letter, digit, quote or line end"
    raise refusal(expected)


def _date_format(value: str) -> str:
    if (problem := check_format(value)) is None:
        return value
    raise refusal(*problem)


def _quantiles(value: list[float]) -> list[float]:
    if len(value) == 2 and 0 <= value[0] < value[1] <= 1:
        return value
    expected = "two numbers from 0 to 1, the lower first, such as [0.01, 0.99]"
    raise refusal(expected)


Text = Annotated[StrictStr, expecting("text")]
Mark = Annotated[StrictStr, expecting("one character, as text"), AfterValidator(_mark)]
DateFormat = Annotated[StrictStr, expecting("a date format, as text"), AfterValidator(_date_format)]
Quantiles = Annotated[
    list[StrictFloat],
    expecting("two numbers from 0 to 1, such as [0.01, 0.99]"),
    AfterValidator(_quantiles),
]
ColumnName = Annotated[StrictStr, Field(min_length=1), expecting("a column's name, as text")]
Scalar = Annotated[
    StrictBool | StrictInt | StrictFloat | StrictStr, expecting("text, a number, true or false")
]
Name = Annotated[
    StrictStr,
    Field(json_schema_extra={"pattern": f"^{_NAME}$", "maxLength": MAX_NAME}),
    expecting("a name, as text"),
    AfterValidator(_name),
]
Source = Annotated[
    StrictStr, expecting("a path, a glob or a URI, as text"), AfterValidator(check_source)
]
Sources = Annotated[
    list[Source],
    Field(min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]
Cpu = Annotated[
    StrictStr,
    expecting("an amount of CPU, such as '500m' or '2'"),
    AfterValidator(_cpu),
    BeforeValidator(_number_as_text, json_schema_input_type=str | int | float),
]
Memory = Annotated[
    StrictStr,
    expecting("an amount of memory, such as '512Mi' or '2Gi'"),
    AfterValidator(_memory),
    BeforeValidator(_number_as_text, json_schema_input_type=str | int | float),
]

Number = Annotated[StrictFloat, expecting("a number")]
Fraction = Annotated[StrictFloat, Field(gt=0, lt=1), expecting("a number above 0 and below 1")]
Ratio = Annotated[StrictFloat, Field(ge=0, le=1), expecting("a number from 0 to 1")]
Positive = Annotated[StrictFloat, Field(gt=0), expecting("a number above 0")]
Count = Annotated[StrictInt, Field(ge=1), expecting("a whole number, 1 or more")]
Window = Annotated[StrictInt, Field(ge=10), expecting("a whole number, 10 or more")]
Seconds = Annotated[StrictFloat, Field(ge=0), expecting("a number of seconds, 0 or more")]
# What NumPy and scikit-learn take as a seed.
Seed = Annotated[StrictInt, Field(ge=0, lt=2**32), expecting("a whole number from 0 to 4294967295")]
Percent = Annotated[StrictInt, Field(ge=1, le=99), expecting("a whole number from 1 to 99")]
