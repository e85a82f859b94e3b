"""Reads our own server's events, `io.kubeloop.prediction`, into records that may be stored.

Privacy comes first: only columns that are inputs of the registered signature leave this module.
Events of a version that nobody registered keep id, time, labels and probabilities, and lose all
features, since nobody has said which of them are private.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.monitor.events import Event
from components.monitor.packed import unpack
from components.monitor.refusal import Review
from components.monitor.versions import Version, Versions, is_label
from components.monitor.wire import is_name, is_number, is_positive_integer, write_json

TYPE: Final = "io.kubeloop.prediction"
KIND: Final = "prediction"

_ESCAPED: Final = r"\ud"
"""How JSON writes halves of characters beyond 16 bits, rightly by two or wrongly by one."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it is stored.

    Attributes:
        id: the event's id; with `kind` the key under which it is stored once.
        kind: `prediction`, or the agent's `request` and `response`.
        model: the model's name.
        version: 1 or more; 0 where the event does not say.
        registered: whether the version was registered when the event came.
        time: microseconds since 1970, UTC, by the sender's clock.
        received: the same by the monitor's clock.
        rows: answers that the event holds.
        duration: seconds the server took; None where the event does not say.
        features: JSON object of one list a column, each of `rows` values; None when left out.
        outputs: JSON object of labels and probabilities, or predictions; None where there are none.
    """

    id: str
    kind: str
    model: str
    version: int
    registered: bool
    time: int
    received: int
    rows: int
    duration: float | None
    features: str | None
    outputs: str | None


def read_prediction(
    event: Event, versions: Versions, received: int, review: Review
) -> Record | None:
    """Reads one prediction event.

    Args:
        event: of type `io.kubeloop.prediction`.
        versions: the registered versions.
        received: microseconds since 1970, UTC; stands in for a missing time.
        review: notes every problem.

    Returns:
        The record, its private and unknown columns dropped; None when there are problems.
    """
    data = event.data
    if not isinstance(data, dict):
        review.note("data", "a JSON object")
        return None
    subject = _read_subject(data, review)
    if subject is None:
        return None
    version = versions.get(subject)
    data = unpack(data, review)
    outputs = _read_outputs(data, version, review)
    rows = len(next(iter(outputs.values()))) if outputs else 0
    features = _read_features(data.get("features"), version, rows, review) if outputs else None
    text = None if features is None else write_json(features)
    if features and text and _ESCAPED in text:
        _review_unicode(features, review)
    if review.problems or outputs is None:
        return None
    return Record(
        id=event.id,
        kind=KIND,
        model=subject[0],
        version=subject[1],
        registered=version is not None,
        time=received if event.time is None else event.time,
        received=received,
        rows=rows,
        duration=data.get("duration_seconds"),
        features=text,
        outputs=write_json(outputs),
    )


def subject(event: Event) -> tuple[str, int] | None:
    """Returns the model and version that an event names; None where it is no prediction of one."""
    data = event.data
    if event.type != TYPE or not isinstance(data, dict):
        return None
    model, number = data.get("model"), data.get("version")
    return (model, number) if is_name(model) and is_positive_integer(number) else None


def _read_subject(data: Mapping[str, Any], review: Review) -> tuple[str, int] | None:
    """The model and version that answered."""
    model, number, duration = data.get("model"), data.get("version"), data.get("duration_seconds")
    if not is_name(model):
        review.note("data.model", "1 to 512 printable characters")
    if not is_positive_integer(number):
        review.note("data.version", "a positive integer")
    if duration is not None and not (is_number(duration) and duration >= 0):
        review.note("data.duration_seconds", "seconds, 0 or more")
    if review.problems or not is_name(model) or not is_positive_integer(number):
        return None
    return model, number


def _read_outputs(
    data: Mapping[str, Any], version: Version | None, review: Review
) -> dict[str, list[Any]] | None:
    labels, predictions = data.get("labels"), data.get("predictions")
    if (labels is None) == (predictions is None):
        review.note("data", "either labels or predictions")
        return None
    if version is not None and (version.classes is None) == (predictions is None):
        review.note("data", f"the answers of a {version.task} model")
        return None
    if predictions is not None:
        if not _is_list_of_numbers(predictions):
            review.note("data.predictions", "a list of at least one finite number")
            return None
        return {"predictions": predictions}
    if not isinstance(labels, list) or not labels or not all(map(_is_class, labels)):
        review.note(
            "data.labels", "a list of at least one class, a string, an integer or a boolean"
        )
        return None
    if version is not None and any(version.match(label) is None for label in labels):
        review.note("data.labels", version.expectation)
    outputs = {"labels": labels}
    if (probabilities := data.get("probabilities")) is not None:
        outputs["probabilities"] = probabilities
        _review_probabilities(probabilities, len(labels), version, review)
    return outputs


def _review_probabilities(
    value: object, rows: int, version: Version | None, review: Review
) -> None:
    matrix = value if isinstance(value, list) else []
    width = len(version.classes) if version is not None and version.classes else None
    if matrix and width is None:
        width = len(matrix[0]) if isinstance(matrix[0], list) else 0
    if len(matrix) != rows or not all(
        _is_list_of_numbers(row) and len(row) == width for row in matrix
    ):
        review.note("data.probabilities", f"{rows} lists, one finite number a class in each")


def _read_features(
    value: object, version: Version | None, rows: int, review: Review
) -> dict[str, list[Any]] | None:
    if value is not None and not isinstance(value, dict):
        review.note("data.features", "an object with one list a column")
        return None
    if version is None or value is None:
        return None
    kept = {name: column for name, column in value.items() if name in version.inputs}
    for name, column in kept.items():
        number = version.inputs[name] == "float32"
        fits = _is_number_or_null if number else _is_text_or_null
        if not isinstance(column, list) or len(column) != rows or not all(map(fits, column)):
            kind = "numbers" if number else "strings"
            review.note(f"data.features.{name}", f"a list of {rows} {kind} or nulls")
    return kept


def _review_unicode(features: Mapping[str, list[Any]], review: Review) -> None:
    """Refuses half a character: no table of labelled rows could ever be written with it."""
    for name, column in features.items():
        try:
            "".join(value for value in column if isinstance(value, str)).encode()
        except UnicodeEncodeError:
            review.note(f"data.features.{name}", "text of whole Unicode characters")


def _is_class(value: object) -> bool:
    return type(value) is not float and is_label(value)


def _is_list_of_numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_number, value))


def _is_number_or_null(value: object) -> bool:
    return value is None or is_number(value)


def _is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)
