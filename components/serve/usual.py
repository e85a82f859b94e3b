"""The V2 bodies that nearly all clients send, parsed in one pass.

Whatever else is in a document is left to `v2_body`, which says what is wrong.
"""

from typing import Any

from components.serve.columns import json_columns, raw_columns
from components.serve.infer import Infer, loose_flaw, parameter, strict_flaw
from components.serve.tensor import Tensor

_USUAL = frozenset(("FP32", "FP64", "BYTES"))


def usual_json(document: dict[str, Any]) -> Infer | None:
    """Reads a document that is as most are; None for any other, right or wrong."""
    inputs, identity = document.get("inputs"), document.get("id")
    if type(inputs) is not list or "outputs" in document:
        return None
    if identity is not None and type(identity) is not str:
        return None
    if "parameters" in document and strict_flaw(document) is not None:
        return None
    tensors = json_columns(inputs) or _tensors(inputs)
    if tensors is None:
        return None
    return Infer(identity, tensors, [], bool(parameter(document, "binary_data_output")))


def _tensors(inputs: list[Any]) -> list[Tensor] | None:
    tensors = []
    for entry in inputs:
        if type(entry) is not dict:
            return None
        get = entry.get
        name, datatype, shape, values = get("name"), get("datatype"), get("shape"), get("data")
        if type(name) is not str or type(datatype) is not str or datatype not in _USUAL:
            return None
        if type(shape) is not list or type(values) is not list or not shape:
            return None
        if type(shape[0]) is not int or type(shape[-1]) is not int or len(shape) > 2:
            return None
        if "parameters" in entry and strict_flaw(entry) is not None:
            return None
        tensors.append(Tensor(name, datatype, tuple(shape), values))
    return tensors


def usual_binary(document: dict[str, Any], body: bytes, at: int) -> Infer | None:
    """Reads a document whose inputs are all binary, and as most are; None for any other."""
    inputs = document.get("inputs")
    if type(inputs) is not list or "outputs" in document or at < 0:
        return None
    tensors = raw_columns(inputs, body, at) or _raw_tensors(inputs, body, at)
    if tensors is None or loose_flaw(document) is not None:
        return None
    return Infer(document.get("id"), tensors, [], bool(parameter(document, "binary_data_output")))


def _raw_tensors(inputs: list[Any], body: bytes, at: int) -> list[Tensor] | None:
    tensors, end = [], len(body)
    for entry in inputs:
        if type(entry) is not dict or "data" in entry:
            return None
        get = entry.get
        name, datatype, shape, parameters = (
            get("name"),
            get("datatype"),
            get("shape"),
            get("parameters"),
        )
        if type(name) is not str or type(datatype) is not str or datatype not in _USUAL:
            return None
        if type(shape) is not list or type(parameters) is not dict or not shape:
            return None
        size = parameters.get("binary_data_size")
        if type(shape[0]) is not int or type(shape[-1]) is not int or len(shape) > 2:
            return None
        if type(size) is not int or not 0 <= size <= end - at:
            return None
        tensors.append(Tensor(name, datatype, tuple(shape), None, body[at : at + size]))
        at += size
    return tensors
