"""The CloudEvent that tells the monitor of one answered request."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import orjson
from numpy.typing import NDArray

from components.bundle import Prediction
from components.serve.contract import Tensors
from components.serve.runtime import Model
from components.signature import Feature, Strings

EVENT_TYPE = "io.kubeloop.prediction"
# From so many rows on, numbers are written as bytes: of 100 rows of 20, base64 takes 6 us where
# digits take 50, and half of their bytes.
MANY_ROWS = 8
_OPTIONS = orjson.OPT_UTC_Z


@dataclass(slots=True)
class Answered:
    """One answered request.

    Attributes:
        identity: the request's id.
        model: the model that answered.
        rows: the validated input.
        prediction: the answer.
        protocol: v1, v2 or grpc.
        seconds: what answering took.
        time: when it was answered, in seconds since the epoch.
    """

    identity: str
    model: Model
    rows: Tensors
    prediction: Prediction
    protocol: str
    seconds: float
    time: float


def write_events(answered: Sequence[Answered]) -> bytes:
    """Writes the CloudEvents of answered requests.

    Args:
        answered: requests and their answers, at least one.

    Returns:
        The events as JSON, with commas between them; a missing value is null. From `MANY_ROWS` rows
        on, an event's numeric features are apart from the others as `numbers`, an object with
        `names` and `float32`: in Base64 the little-endian float32 of each column after another, in
        which NaN is a missing value. Its probabilities then are an object with `float32` too, row
        after row.
    """
    return orjson.dumps([_event(one) for one in answered], option=_OPTIONS)[1:-1]


def _event(answered: Answered) -> dict[str, object]:
    model, rows, prediction = answered.model, answered.rows, answered.prediction
    contract = model.contract
    many = len(rows.numbers) >= MANY_ROWS
    # The parts of dates are the columns behind; clients and events know none of them.
    numbers = rows.numbers.T[: len(contract.number_order)]
    data: dict[str, object] = {
        "model": model.name,
        "version": model.version,
        "duration_seconds": answered.seconds,
    }
    features: dict[str, object] = {}
    if many:
        data["numbers"] = {"names": contract.number_order, "float32": _encoded(numbers)}
    else:
        features = dict(zip(contract.number_order, numbers.tolist(), strict=True))
    if contract.strings:
        _add_texts(features, contract.strings, rows.strings)
    if contract.dates:
        _add_texts(features, contract.dates, rows.dates)
    data["features"] = features
    if prediction.probabilities is not None:
        data["labels"] = prediction.labels
        narrow = prediction.probabilities.astype(np.float32)
        data["probabilities"] = {"float32": _encoded(narrow)} if many else narrow.tolist()
    elif prediction.values is not None:
        data["predictions"] = prediction.values.tolist()
    return {
        "specversion": "1.0",
        "id": answered.identity,
        "type": EVENT_TYPE,
        "source": "/kubeloop/serve",
        "time": datetime.fromtimestamp(answered.time, UTC),
        "datacontenttype": "application/json",
        "data": data,
    }


def _encoded(values: NDArray[np.float32]) -> str:
    """Returns the little-endian bytes of an array, the last axis moving fastest, as Base64."""
    return b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _add_texts(features: dict[str, object], inputs: tuple[Feature, ...], texts: Strings) -> None:
    for feature, column in zip(inputs, texts.T.tolist(), strict=True):
        features[feature.name] = [text or None for text in column] if "" in column else column
