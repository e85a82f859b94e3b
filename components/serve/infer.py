"""A V2 request over HTTP once it is parsed, and what its parameters may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.serve.refusal import shown
from components.serve.tensor import Tensor

_SCALARS = (str, int, float, bool)


@dataclass(slots=True)
class Infer:
    """A parsed V2 request.

    Attributes:
        id: the body's id; over JSON text or None, else not yet validated.
        tensors: the inputs.
        wanted: the outputs asked for, each with whether it is to be binary; empty for all.
        binary: whether all outputs are to be binary where none is asked for.
    """

    id: object
    tensors: Sequence[Tensor]
    wanted: list[tuple[str, bool]] = field(default_factory=list)
    binary: bool = False


def strict_flaw(entry: dict[str, Any]) -> str | None:
    """Says what is wrong with the parameters of a JSON request: plain values by name."""
    parameters = entry.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        return f'"parameters" must be an object, got {shown(parameters)}'
    for value in parameters.values():
        if type(value) is not str and not isinstance(value, _SCALARS):
            return f'"parameters" must hold text, numbers or booleans, got {shown(value)}'
    return None


def loose_flaw(entry: dict[str, Any]) -> str | None:
    """Says what is wrong with the parameters of a request with binary tensors: an object."""
    parameters = entry.get("parameters")
    if parameters and not isinstance(parameters, Mapping):
        return f'"parameters" must be an object, got {shown(parameters)}'
    return None


def parameter(entry: dict[str, Any], name: str) -> object:
    """Returns a parameter of a request or a tensor; None where it has none."""
    parameters = entry.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None
