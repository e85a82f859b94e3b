"""Reads every server's answers, and holds them against the pipeline's own before anything is timed.

Labels have to be equal everywhere. Ours, bare ASGI and the loop also answer probabilities in V2;
those have to be within the tolerance that packaging grants.
"""

import json
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.serving.cases import LENGTH, Case, Question
from tests.benchmarks.serving.models import Served
from tests.benchmarks.serving.servers import Running

# components.package.onnx.PROBABILITY_TOLERANCE, and float32's own rounding.
TOLERANCE = 2e-5
_DTYPES = {"INT64": "<i8", "INT32": "<i4", "FP32": "<f4", "FP64": "<f8"}
Given = tuple[list[int], NDArray[np.float64] | None]


def check(server: str, case: Case, served: Served, given: list[Given]) -> None:
    """Holds a server's answers to all questions of a case against the pipeline's.

    Raises:
        SystemExit: an answer differs; the case and the first such request are named.
    """
    for index, (labels, probabilities) in enumerate(given):
        part = slice(index * case.count, (index + 1) * case.count)
        wrong = labels != served.labels[part]
        if probabilities is not None:
            wanted = served.positive[part]
            wrong |= bool(np.abs(probabilities.reshape(-1, 2)[:, 1] - wanted).max() > TOLERANCE)
        if wrong:
            msg = f"{case}: {server} answers request {index} otherwise than the pipeline itself"
            raise SystemExit(msg)


def ask(case: Case, server: Running, asked: list[Question]) -> list[Given]:
    """Sends every question of a case once.

    Raises:
        SystemExit: an answer is none; its status and beginning are shown.
    """
    if not case.http:
        return _ask_grpc(server.grpc, asked)
    given = []
    with httpx.Client(base_url=f"http://127.0.0.1:{server.http}", timeout=30) as client:
        for question in asked:
            answer = client.post(question.path, content=question.body, headers=question.headers)
            if answer.status_code != 200:
                msg = f"{question.path}: {answer.status_code} {answer.text[:300]}"
                raise SystemExit(msg)
            given.append(read_http(answer.content, answer.headers.get(LENGTH)))
    return given


def _ask_grpc(port: int, asked: list[Question]) -> list[Given]:
    import grpc
    from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest
    from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        return [_grpc(stub.ModelInfer(ModelInferRequest.FromString(q.body))) for q in asked]


def read_http(body: bytes, length: str | None) -> Given:
    """Reads a V1 or V2 answer, with binary tensors behind the JSON where a length says so."""
    size = len(body) if length is None else int(length)
    document = json.loads(body[:size])
    if "predictions" in document:
        return [int(label) for label in document["predictions"]], None
    found: dict[str, Any] = {}
    for output in document["outputs"]:
        raw = (output.get("parameters") or {}).get("binary_data_size")
        if raw is not None:
            found[output["name"]] = np.frombuffer(
                body[size : size + raw], _DTYPES[output["datatype"]]
            )
            size += raw
        else:
            found[output["name"]] = np.array(output["data"])
    return _labelled(found)


def _grpc(response: Any) -> Given:
    found = {}
    for index, output in enumerate(response.outputs):
        if response.raw_output_contents:
            raw = response.raw_output_contents[index]
            found[output.name] = np.frombuffer(raw, _DTYPES[output.datatype])
        else:
            field = {"INT64": "int64", "INT32": "int", "FP32": "fp32", "FP64": "fp64"}
            contents = getattr(output.contents, f"{field[output.datatype]}_contents")
            found[output.name] = np.array(contents)
    return _labelled(found)


def _labelled(found: dict[str, NDArray[Any]]) -> Given:
    """The first output of a server of scikit-learn is its labels; ours has names."""
    labels = found.get("label", next(iter(found.values())))
    return [int(label) for label in labels.ravel().tolist()], found.get("probabilities")
