"""The body of a V2 request over HTTP: JSON, or the binary tensor extension.

In the extension, elements follow the JSON as bytes, each input's piece as long as its parameter
`binary_data_size` says. Only the protocol's form is checked here, as loosely as KServe checks it;
`v2` knows the model.
"""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from components.serve.document import parse_loosely, parse_object
from components.serve.infer import Infer, loose_flaw, parameter, strict_flaw
from components.serve.refusal import MAX_SHOWN, Problems, RefusalError, shown
from components.serve.tensor import Tensor
from components.serve.usual import usual_binary, usual_json

# KServe's model of a JSON request takes 2.0 and "2" for a size too.
_SIZES = TypeAdapter(list[int])


def parse_json(body: bytes) -> Infer:
    """Parses a V2 body of JSON alone.

    Args:
        body: the document.

    Returns:
        The request; values are not validated yet.

    Raises:
        RefusalError: the document does not have the protocol's form; all such places are named.
    """
    document, loose = parse_loosely(body)
    if not loose and (found := usual_json(document)) is not None:
        return found
    problems = Problems()
    tensors = []
    for index, entry in enumerate(_inputs(document)):
        flaw = _flaw(entry) or _shape_flaw(entry) or strict_flaw(entry)
        if flaw is None and not isinstance(entry.get("data"), list):
            flaw = f'"data" must be a list, got {shown(entry.get("data"))}'
        if flaw is not None:
            problems.add(f"inputs[{index}]: {flaw}")
            continue
        if entry["datatype"] == "FP16" and entry["data"]:
            msg = "Sending FP16 data via JSON is not supported. "
            msg += f"Please use the binary data format for input {entry['name'][:MAX_SHOWN]}"
            raise RefusalError(msg)
        tensor = Tensor(entry["name"], entry["datatype"].upper(), _shape(entry), entry["data"])
        if loose:
            tensor.check_text()
        tensors.append(tensor)
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        problems.add(f"the request id must be text, got {shown(identity)}")
    if (flaw := strict_flaw(document)) is not None:
        problems.add(flaw)
    wanted = _wanted(document.get("outputs"), problems, strict=True)
    problems.refuse()
    return Infer(identity, tensors, wanted, bool(parameter(document, "binary_data_output")))


def parse_binary(body: bytes, header_length: str, model: str) -> Infer:
    """Parses a V2 body with the binary tensor extension.

    Args:
        body: JSON, followed by the binary tensors if there are any.
        header_length: the header `Inference-Header-Content-Length`: bytes of the JSON.
        model: the model's name, for messages.

    Returns:
        The request; values are not validated yet.

    Raises:
        RefusalError: the document does not have the protocol's form; all such places are named.
    """
    try:
        length = int(header_length[:20])
    except ValueError as exc:
        msg = f"Inference-Header-Content-Length must be 0 to {len(body)}, the bytes of the JSON"
        raise RefusalError(msg) from exc
    document = parse_object(body[:length])
    if (found := usual_binary(document, body, length)) is not None:
        return found
    tail = memoryview(body)[length if length >= 0 else len(body) :]
    problems = Problems()
    tensors, at = [], 0
    for index, entry in enumerate(_inputs(document)):
        if (flaw := _flaw(entry) or _shape_flaw(entry, exact=True)) is not None:
            problems.add(f"inputs[{index}]: {flaw}")
            continue
        values, raw = entry.get("data"), None
        if values is None:
            size = _size(entry, model)
            if type(size) is int and size >= 0:
                # Where the body is shorter, the piece will not fit its shape.
                raw = bytes(tail[at : at + size])
                at += size
            else:
                flaw = f"binary_data_size must be a whole number of bytes, got {shown(size)}"
                problems.add(f"inputs[{index}]: {flaw}")
        elif not isinstance(values, list):
            problems.add(f'inputs[{index}]: "data" must be a list, got {shown(values)}')
        elif entry["datatype"].upper() == "FP16":
            msg = "Receiving FP16 data via JSON is not supported. "
            msg += f"Please use the binary data format for input {entry['name'][:MAX_SHOWN]}"
            raise RefusalError(msg)
        tensors.append(
            Tensor(entry["name"], entry["datatype"].upper(), tuple(entry["shape"]), values, raw)
        )
    if (flaw := loose_flaw(document)) is not None:
        problems.add(flaw)
    wanted = _wanted(document.get("outputs"), problems, strict=False)
    problems.refuse()
    binary = bool(parameter(document, "binary_data_output"))
    return Infer(document.get("id"), tensors, wanted, binary)


def check_tensor(index: int, tensor: Any) -> None:
    """Refuses a tensor of KServe's own class whose parts are of the wrong type.

    Args:
        index: its place among the inputs.
        tensor: a `kserve.InferInput`.

    Raises:
        RefusalError: a part is of the wrong type; said as for a tensor that came as JSON.
    """
    values = tensor.data
    entry = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    flaw = _flaw(entry) or _shape_flaw(entry, exact=True)
    if flaw is None and values is not None and not isinstance(values, list):
        flaw = f'"data" must be a list, got {shown(values)}'
    if flaw is not None:
        msg = f"inputs[{index}]: {flaw}"
        raise RefusalError(msg)


def check_parameters(parameters: object) -> None:
    """Refuses a request's parameters that are no object, which KServe's own class takes."""
    if (flaw := loose_flaw({"parameters": parameters})) is not None:
        raise RefusalError(flaw)


def _inputs(document: dict[str, Any]) -> list[Any]:
    inputs = document.get("inputs")
    if not isinstance(inputs, list):
        msg = f'the body has no "inputs": expected a list of tensors, got {shown(inputs)}'
        raise RefusalError(msg)
    return inputs


def _flaw(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"expected an object, got {shown(entry)}"
    for key in ("name", "datatype"):
        if not isinstance(entry.get(key), str):
            return f'"{key}" must be text, got {shown(entry.get(key))}'
    return None


def _shape_flaw(entry: dict[str, Any], *, exact: bool = False) -> str | None:
    shape = entry.get("shape")
    if isinstance(shape, list):
        if all(type(size) is int for size in shape):
            return None
        if not exact:
            try:
                _SIZES.validate_python(shape)
            except ValidationError:
                pass
            else:
                return None
    return f'"shape" must be a list of whole numbers, got {shown(shape)}'


def _shape(entry: dict[str, Any]) -> tuple[int, ...]:
    shape = entry["shape"]
    if all(type(size) is int for size in shape):
        return tuple(shape)
    return tuple(_SIZES.validate_python(shape))


def _size(entry: dict[str, Any], model: str) -> object:
    """Returns the bytes of a binary tensor, as it was stated."""
    parameters = entry.get("parameters")
    if not isinstance(parameters, dict) or "binary_data_size" not in parameters:
        msg = f"'data' field is missing for input '{entry['name'][:MAX_SHOWN]}' for model '{model}'"
        raise RefusalError(msg)
    size = parameters["binary_data_size"]
    if size is None:
        msg = f"'binary_data_size' is not specified for input '{entry['name'][:MAX_SHOWN]}' "
        msg += f"for model '{model}'"
        raise RefusalError(msg)
    return size


def _wanted(outputs: Any, problems: Problems, *, strict: bool) -> list[tuple[str, bool]]:
    if outputs is None:
        return []
    wanted: list[tuple[str, bool]] = []
    for entry in outputs if isinstance(outputs, list) else [outputs]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            problems.add(f'"outputs" must list objects with a name, got {shown(entry)}')
            continue
        flaw = strict_flaw(entry) if strict else loose_flaw(entry)
        if flaw is not None:
            problems.add(f'"outputs": {flaw}')
        wanted.append((entry["name"], bool(parameter(entry, "binary_data"))))
    return wanted
