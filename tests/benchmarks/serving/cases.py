"""The benchmark's cases, and the request that each server is sent in each of them.

Every server gets the same body wherever they read the same one. Only V1 rows of mixed columns
differ: ours reads them as lists in the signature's order, scikit-learn's stock server as one object
of columns, from which it makes one data frame. That is the cheapest of its forms: of 100 objects of
one row it makes 100 frames, for five times the CPU, and lists of mixed values become an array of
text, with which its pipeline cannot compute.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.serving.models import KINDS, Row, Served

PROTOCOLS = ("v1", "v2", "v2-binary", "grpc")
COUNTS = (1, 100)
MODEL = "bench"
# So many different bodies go round, so that neither a cache nor a branch predictor knows the next.
BODIES = 64
LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Case:
    """One protocol, kind of columns, and number of rows."""

    protocol: str
    kind: str
    count: int

    def __str__(self) -> str:
        """The case's name in tables and results."""
        return f"{self.protocol}-{self.kind}-{self.count}"

    @property
    def http(self) -> bool:
        """Whether wrk asks; else the gRPC client does."""
        return self.protocol != "grpc"


@dataclass(frozen=True)
class Question:
    """One request: for HTTP its path, headers and body; for gRPC the message."""

    path: str
    headers: dict[str, str]
    body: bytes

    def raw(self, port: int) -> bytes:
        """Returns the HTTP request as it goes over the wire."""
        head = {"Host": f"127.0.0.1:{port}", **self.headers, "Content-Length": str(len(self.body))}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {text}" for name, text in head.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


def all_cases() -> list[Case]:
    """Returns every case, those of one kind together."""
    return [Case(p, kind, n) for kind in KINDS for p in PROTOCOLS for n in COUNTS]


def questions(case: Case, served: Served, server: str) -> list[Question]:
    """Builds the requests that go round.

    Args:
        case: protocol, kind and rows.
        served: the model, and the rows to ask about, from the first on.
        server: whose form of V1 rows it is.

    Returns:
        `BODIES` requests, each about rows of its own.
    """
    build = {"v1": _v1, "v2": _v2, "v2-binary": _v2_binary, "grpc": _grpc}[case.protocol]
    return [build(rows, served, server) for rows in _parts(served.rows, case.count)]


def _parts(rows: list[Row], count: int) -> Iterator[list[Row]]:
    for at in range(BODIES):
        yield rows[at * count : (at + 1) * count]


def _v1(rows: list[Row], served: Served, server: str) -> Question:
    instances: list[Any] = list(rows)
    if served.kind == "mixed" and server == "stock":
        instances = [{name: [row[at] for row in rows] for at, name in enumerate(served.names)}]
    body = json.dumps({"instances": instances}).encode()
    return Question(f"/v1/models/{MODEL}:predict", {"Content-Type": "application/json"}, body)


def _v2(rows: list[Row], served: Served, server: str) -> Question:
    document: dict[str, Any] = {"inputs": [t | {"data": v} for t, v in _tensors(rows, served)]}
    if served.kind == "mixed":
        document["parameters"] = {"content_type": "pd"}
    body = json.dumps(document).encode()
    return Question(f"/v2/models/{MODEL}/infer", {"Content-Type": "application/json"}, body)


def _v2_binary(rows: list[Row], served: Served, server: str) -> Question:
    """Numbers and texts as bytes behind the JSON, and the answer asked for in that form too."""
    inputs, tails = [], []
    for tensor, values in _tensors(rows, served):
        tails.append(_encoded(values))
        parameters = tensor.get("parameters", {}) | {"binary_data_size": len(tails[-1])}
        inputs.append(tensor | {"parameters": parameters})
    parameters = {"binary_data_output": True}
    if served.kind == "mixed":
        parameters["content_type"] = "pd"
    head = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    return Question(f"/v2/models/{MODEL}/infer", headers, head + b"".join(tails))


def _grpc(rows: list[Row], served: Served, server: str) -> Question:
    """Raw contents for the matrix; typed ones for columns, as the stock server frames no others."""
    from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest

    request = ModelInferRequest(model_name=MODEL)
    if served.kind == "mixed":
        request.parameters["content_type"].string_param = "pd"
    for tensor, values in _tensors(rows, served):
        entry = request.inputs.add(
            name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"]
        )
        for name, text in tensor.get("parameters", {}).items():
            entry.parameters[name].string_param = text
        if served.kind == "numeric":
            request.raw_input_contents.append(_encoded(values))
        elif tensor["datatype"] == "FP32":
            entry.contents.fp32_contents.extend(values)
        else:
            entry.contents.bytes_contents.extend(value.encode() for value in values)
    return Question("", {}, request.SerializeToString())


def _tensors(rows: list[Row], served: Served) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Describes the inputs: one matrix of numbers, or a tensor for each of the mixed columns."""
    if served.kind == "numeric":
        flat = [value for row in rows for value in row]
        shape = [len(rows), served.numbers]
        yield {"name": "numbers", "datatype": "FP32", "shape": shape}, flat
        return
    for at, name in enumerate(served.names):
        tensor: dict[str, Any] = {"name": name, "datatype": "FP32", "shape": [len(rows), 1]}
        if at >= served.numbers:
            # MLServer hands a pipeline bytes unless it is told that they are text.
            tensor |= {"datatype": "BYTES", "parameters": {"content_type": "str"}}
        yield tensor, [row[at] for row in rows]


def _encoded(values: list[Any]) -> bytes:
    if values and isinstance(values[0], str):
        texts = [value.encode() for value in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return np.array(values, dtype="<f4").tobytes()
