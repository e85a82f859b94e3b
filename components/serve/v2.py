"""KServe's V2 (Open Inference) protocol: named tensors in, named tensors out.

Inputs are one tensor a column, or the matrices `numbers` and `strings`. HTTP's tensors come from
`v2_body`, gRPC's from `model_server`; what they mean is decided here for both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from components.bundle import Manifest, Prediction
from components.serve.at_once import read_at_once
from components.serve.columns import Columns
from components.serve.contract import Contract, Rows, Tensors
from components.serve.infer import Infer
from components.serve.limits import Limits
from components.serve.refusal import Problems, RefusalError, clipped
from components.serve.tensor import BYTES, NUMBERS, Tensor, encoded
from components.signature import Feature, Label

# The same output may be asked for twice, as KServe allows, but not so often that answers explode.
MAX_OUTPUTS = 16
_DTYPES: dict[str, type] = {BYTES: object, "BOOL": bool, "INT64": np.int64}


@dataclass(slots=True)
class Answer:
    """An output tensor."""

    name: str
    datatype: str
    array: NDArray[Any]


def read(
    tensors: Sequence[Tensor], contract: Contract, limits: Limits, *, booleans: bool = True
) -> Tensors:
    """Reads the rows of a V2 request.

    Args:
        tensors: a tensor for each column, or matrices.
        contract: the model's signature.
        limits: bounds the number of rows.
        booleans: whether a truth value may be anywhere among the values.

    Returns:
        The model's input tensors.

    Raises:
        RefusalError: tensors are missing, unknown, of the wrong datatype or shape, or values
            break the signature.
    """
    if isinstance(tensors, Columns):
        found = tensors.read(contract, limits, booleans=booleans)
    else:
        found = read_at_once(tensors, contract, limits, booleans=booleans)
    if found is not None:
        return found
    problems = Problems()
    columns: dict[str, Sequence[object]] = {}
    counts: dict[str, int] = {}
    for tensor in tensors:
        names = _columns_of(tensor, contract, problems)
        if not names:
            continue
        counts[tensor.name] = tensor.shape[0]
        limits.check_rows(tensor.shape[0])
        if any(name in columns for name in names):
            problems.add(f"input {clipped(tensor.name)}: these columns are sent twice")
            continue
        elements = tensor.elements()
        columns |= {name: elements[at :: len(names)] for at, name in enumerate(names)}
    for name in contract.names:
        if name not in columns and not problems.full:
            problems.add(f"field {name!r} is missing", feature=name, reason="missing_field")
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{clipped(name)} {count}" for name, count in list(counts.items())[:20])
        problems.add(f"inputs differ in their number of rows: {said}")
    problems.refuse()
    rows = next(iter(counts.values()), 0)
    if not rows:
        msg = "the inputs hold no row"
        raise RefusalError(msg)
    return contract.read(*split(contract, columns, rows))


def split(contract: Contract, columns: dict[str, Sequence[object]], rows: int) -> tuple[Rows, Rows]:
    """Turns columns by name into the two groups of rows that `Contract.read` takes.

    Args:
        contract: names and orders the inputs.
        columns: n values for every input.
        rows: n, which a group without any input could not tell.

    Returns:
        Rows of numbers, and rows of strings and dates.
    """

    def group(features: Iterable[Feature]) -> Rows:
        chosen = [columns[feature.name] for feature in features]
        return list(zip(*chosen, strict=True)) if chosen else [()] * rows

    return group(contract.numbers), group((*contract.strings, *contract.dates))


def answers(prediction: Prediction) -> list[Answer]:
    """Returns the output tensors: `label` and `probabilities`, or `prediction`."""
    if prediction.labels is None or prediction.probabilities is None:
        return [Answer("prediction", "FP64", np.asarray(prediction.values, dtype=np.float64))]
    datatype = _label_datatype(prediction.labels[0])
    labels: NDArray[Any] = np.array(prediction.labels, dtype=_DTYPES[datatype])
    return [
        Answer("label", datatype, labels),
        Answer("probabilities", "FP32", prediction.probabilities.astype(np.float32)),
    ]


def choose(infer: Infer, outputs: Sequence[Answer]) -> list[tuple[Answer, bool]]:
    """Returns the outputs that a request wants, each with whether it is to be binary.

    Raises:
        RefusalError: an output is asked for that the model does not have, or too many are.
    """
    if not infer.wanted:
        return [(output, infer.binary) for output in outputs]
    if len(infer.wanted) > MAX_OUTPUTS:
        msg = f"the request asks for {len(infer.wanted)} outputs, at most {MAX_OUTPUTS} are given"
        raise RefusalError(msg, status=413)
    have = {output.name: output for output in outputs}
    for name, _ in infer.wanted:
        if name not in have:
            msg = f"unknown output {clipped(name)}; the model answers {', '.join(have)}"
            raise RefusalError(msg)
    return [(have[name], binary) for name, binary in infer.wanted]


def write(
    infer: Infer, outputs: Sequence[Answer], model: str, version: int, identity: str
) -> tuple[bytes, int | None]:
    """Builds a V2 answer.

    Args:
        infer: tells which outputs are wanted, and how.
        outputs: what the model answered.
        model: the model's name.
        version: the model's version.
        identity: the request's id.

    Returns:
        The body, and the bytes of its JSON where binary tensors follow it, else None.

    Raises:
        RefusalError: an output is asked for that the model does not have.
    """
    document: dict[str, object] = {
        "model_name": model,
        "model_version": str(version),
        "id": identity,
    }
    described: list[dict[str, object]] = []
    tails: list[bytes] = []
    for output, binary in choose(infer, outputs):
        array = output.array
        entry: dict[str, object] = {"name": output.name, "shape": list(array.shape)}
        entry["datatype"] = output.datatype
        if binary:
            tails.append(encoded(array))
            entry["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            entry["data"] = array.ravel().tolist()
        described.append(entry)
    document["outputs"] = described
    head = orjson.dumps(document)
    return (head + b"".join(tails), len(head)) if tails else (head, None)


def describe_inputs(contract: Contract) -> list[dict[str, Any]]:
    """Returns V2's metadata of the inputs: a tensor for each column; n is free."""
    return [
        {
            "name": name,
            "datatype": "FP32" if name in contract.number_names else BYTES,
            "shape": [-1],
        }
        for name in contract.names
    ]


def describe_outputs(manifest: Manifest) -> list[dict[str, Any]]:
    """Returns V2's metadata of the outputs; n is free."""
    classes = manifest.classes
    if classes is None:
        return [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    return [
        {"name": "label", "datatype": _label_datatype(classes[0]), "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(classes)]},
    ]


def _label_datatype(label: Label) -> str:
    if isinstance(label, str):
        return BYTES
    return "BOOL" if isinstance(label, bool) else "INT64"


def _columns_of(tensor: Tensor, contract: Contract, problems: Problems) -> tuple[str, ...]:
    """Returns the columns that a tensor holds; none where it is ignored or refused."""
    if tensor.name in contract.ignored:
        return ()
    one = tensor.name in contract.known
    names = (tensor.name,) if one else contract.matrices.get(tensor.name, ())
    if not names:
        problems.add("" if problems.full else contract.unknown(tensor.name))
        return ()
    number = names[0] in contract.number_names
    if not (tensor.datatype in NUMBERS if number else tensor.datatype == BYTES):
        wanted = "a number's datatype such as FP32" if number else BYTES
        said = f"expected {wanted}, got {clipped(tensor.datatype)}"
        feature = tensor.name if one else None
        problems.add(f"field {tensor.name!r}: {said}", feature=feature, reason="type")
        return ()
    if tensor.shape[1:] != (len(names),) and not (one and len(tensor.shape) == 1):
        form = "[n] or [n, 1]" if one else f"[n, {len(names)}]"
        said = f"expected shape {form}, got {list(tensor.shape)[:8]}"
        problems.add(f"field {tensor.name!r}: {said}")
        return ()
    return names
