"""The body of a V2 request over HTTP: JSON, or the binary tensor extension.

In the extension, elements follow the JSON as bytes, each input's piece as long as its parameter
`binary_data_size` says. Only the protocol's form is checked here; `v2` knows the model.
"""

from dataclasses import dataclass
from typing import Any

from components.serve.document import parse_object
from components.serve.refusal import Problems, RefusalError, shown
from components.serve.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Infer:
    """A parsed V2 request.

    Attributes:
        id: the body's id, not yet validated.
        tensors: the inputs.
        wanted: the outputs asked for with whether each is to be binary; None for all.
        binary: whether outputs are binary unless `wanted` says otherwise.
    """

    id: object
    tensors: list[Tensor]
    wanted: dict[str, bool] | None = None
    binary: bool = False


def parse(body: bytes, header_length: str | None) -> Infer:
    """Parses a V2 body.

    Args:
        body: JSON, followed by the binary tensors if there are any.
        header_length: the header `Inference-Header-Content-Length`: bytes of the JSON.

    Returns:
        The request; values are not validated yet.

    Raises:
        RefusalError: the document does not have the protocol's form; all such places are named.
    """
    length = len(body)
    if header_length is not None:
        plain = header_length.isascii() and header_length.isdigit() and len(header_length) < 12
        length = int(header_length) if plain else -1
        if not 0 <= length <= len(body):
            msg = f"Inference-Header-Content-Length must be 0 to {len(body)}, the body's bytes"
            raise RefusalError(msg)
    document = parse_object(body[:length])
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        msg = 'the body has no "inputs"; expected a list of tensors'
        raise RefusalError(msg)
    problems = Problems()
    tensors = _tensors(inputs, memoryview(body)[length:], problems)
    binary = _parameter(document, "binary_data_output") is True
    wanted = _wanted(document.get("outputs"), binary, problems)
    problems.refuse()
    return Infer(document.get("id"), tensors, wanted, binary)


def _tensors(inputs: list[Any], tail: memoryview, problems: Problems) -> list[Tensor]:
    """Reads the descriptions of the inputs, and gives each binary one its piece of the tail."""
    tensors: list[Tensor] = []
    at = 0
    for index, entry in enumerate(inputs):
        if (flaw := _flaw(entry)) is not None:
            problems.add(f"inputs[{index}]: {flaw}")
            continue
        size = _parameter(entry, "binary_data_size")
        values, raw = entry.get("data"), None
        if values is None and type(size) is int and 0 <= size <= len(tail) - at:
            raw = bytes(tail[at : at + size])
            at += size
        elif values is None and size is not None:
            problems.add(f"inputs[{index}]: binary_data_size {shown(size)} exceeds the body")
        elif not isinstance(values, list):
            problems.add(f'inputs[{index}]: "data" must be a list, got {shown(values)}')
        shape = tuple(entry["shape"])
        tensors.append(Tensor(entry["name"], entry["datatype"].upper(), shape, values, raw))
    if at != len(tail):
        problems.add(f"{len(tail) - at} bytes follow the JSON that no input describes")
    return tensors


def _flaw(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"expected an object, got {shown(entry)}"
    for key in ("name", "datatype"):
        if not isinstance(entry.get(key), str):
            return f'"{key}" must be text, got {shown(entry.get(key))}'
    shape = entry.get("shape")
    if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
        return f'"shape" must be a list of whole numbers, got {shown(shape)}'
    return None


def _parameter(entry: dict[str, Any], name: str) -> object:
    parameters = entry.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _wanted(outputs: Any, binary: bool, problems: Problems) -> dict[str, bool] | None:
    if not outputs and (outputs is None or isinstance(outputs, list)):
        return None
    wanted: dict[str, bool] = {}
    for entry in outputs if isinstance(outputs, list) else [outputs]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            problems.add(f'"outputs" must list objects with a name, got {shown(entry)}')
            continue
        own = _parameter(entry, "binary_data")
        wanted[entry["name"]] = own if isinstance(own, bool) else binary
    return wanted
