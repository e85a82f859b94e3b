"""Reads what KServe's agent logs: requests and responses of the V1 and V2 protocols.

The agent names the InferenceService and no version, so there is no signature to hold a column
against: features are counted and never stored. A response keeps its labels where they are scalars.
Source: KServe 0.21, payload logger; its events arrive in any order and without a retry.
"""

from typing import Any, Final

from components.monitor.events import Event
from components.monitor.predictions import Record
from components.monitor.refusal import Review
from components.monitor.wire import is_name, write_json

KINDS: Final = {
    "org.kubeflow.serving.inference.request": "request",
    "org.kubeflow.serving.inference.response": "response",
}
_ANSWERS: Final = ("label", "probabilities", "prediction")


def read_exchange(event: Event, received: int, review: Review) -> Record | None:
    """Reads one request or response that the agent logged.

    Args:
        event: of one of the types in `KINDS`.
        received: microseconds since 1970, UTC; stands in for a missing time.
        review: notes every problem.

    Returns:
        The record, without features; None when there are problems.
    """
    kind = KINDS[event.type]
    model = event.attributes.get("inferenceservicename")
    if not is_name(model):
        review.note("inferenceservicename", "1 to 512 printable characters")
    data = event.data if isinstance(event.data, dict) else {}
    rows, outputs = _read_request(data) if kind == "request" else _read_response(data)
    if rows is None:
        keys = "instances or inputs" if kind == "request" else "predictions or outputs"
        review.note("data", f"a V1 or V2 {kind}, an object with {keys}")
    if review.problems or not is_name(model) or rows is None:
        return None
    return Record(
        id=event.id,
        kind=kind,
        model=model,
        version=0,
        registered=False,
        time=received if event.time is None else event.time,
        received=received,
        rows=rows,
        duration=None,
        features=None,
        outputs=outputs,
    )


def _read_request(data: dict[str, Any]) -> tuple[int | None, None]:
    instances = data.get("instances")
    if isinstance(instances, list):
        return len(instances), None
    return _rows(data.get("inputs")), None


def _read_response(data: dict[str, Any]) -> tuple[int | None, str | None]:
    predictions = data.get("predictions")
    if isinstance(predictions, list):
        return len(predictions), _scalars({"predictions": predictions})
    outputs = data.get("outputs")
    rows = _rows(outputs)
    if rows is None or not isinstance(outputs, list):
        return None, None
    return rows, _scalars({o["name"]: o.get("data") for o in outputs if o.get("name") in _ANSWERS})


def _rows(tensors: object) -> int | None:
    """Rows of a V2 list of tensors: the first dimension, on which all must agree."""
    if not isinstance(tensors, list) or not tensors:
        return None
    shapes = [tensor.get("shape") if isinstance(tensor, dict) else None for tensor in tensors]
    firsts = [shape[0] if isinstance(shape, list) and shape else None for shape in shapes]
    first = firsts[0]
    agreed = type(first) is int and 0 <= first < 2**31 and firsts == [first] * len(firsts)
    return first if agreed else None


def _scalars(columns: dict[str, Any]) -> str | None:
    """The columns that are flat lists of scalars, as JSON; anything else may hold a whole row."""
    kept = {
        name: values
        for name, values in columns.items()
        if isinstance(values, list) and all(type(v) in (str, int, float, bool) for v in values)
    }
    return write_json(kept) if kept else None
