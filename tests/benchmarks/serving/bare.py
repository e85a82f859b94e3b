"""The least that answers: ONNX Runtime behind a bare ASGI application, and in a loop without one.

No check of anything, no metrics, no events, no ids; only the same answers for right requests.

Run: `python -m tests.benchmarks.serving.bare serve|loop ONNX NUMBERS …`.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson

from tests.benchmarks.serving.frames import read_frames

# A body and the bytes of its JSON where binary tensors follow it; in and out alike.
Body = tuple[bytes, int | None]
Answer = Callable[[bytes, int | None], Body]
_LENGTH = b"inference-header-content-length"
_HEADERS = [(b"content-type", b"application/json")]


class Bare:
    """One model: a body in, a body out, for each of the three forms over HTTP."""

    def __init__(self, model: Path, numbers: int) -> None:
        """Opens the model on one thread.

        Args:
            model: the `.onnx` file.
            numbers: how many of a row's values are numbers.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(model), options, providers=providers)
        self._numbers = numbers
        self._mixed = len(self._session.get_inputs()) > 1

    def v1(self, body: bytes, length: int | None = None) -> Body:
        rows = orjson.loads(body)["instances"]
        cut = self._numbers
        if not self._mixed:
            labels, _ = self._run(np.array(rows, dtype=np.float32), None)
        else:
            numbers = np.array([row[:cut] for row in rows], dtype=np.float32)
            labels, _ = self._run(numbers, np.array([row[cut:] for row in rows], dtype=object))
        return orjson.dumps({"predictions": labels.tolist()}), None

    def v2(self, body: bytes, length: int | None = None) -> Body:
        inputs = orjson.loads(body)["inputs"]
        if not self._mixed:
            numbers = np.array(inputs[0]["data"], dtype=np.float32).reshape(inputs[0]["shape"])
            labels, scores = self._run(numbers, None)
        else:
            cut = self._numbers
            columns = [entry["data"] for entry in inputs]
            numbers = np.array(columns[:cut], dtype=np.float32).T
            labels, scores = self._run(numbers, np.array(columns[cut:], dtype=object).T)
        outputs = [
            _described("label", "INT64", labels),
            _described("probabilities", "FP32", scores),
        ]
        for output, array in zip(outputs, (labels, scores), strict=True):
            output["data"] = array.ravel().tolist()
        return orjson.dumps({"model_name": "bench", "outputs": outputs}), None

    def v2_binary(self, body: bytes, length: int | None = None) -> Body:
        at = length or 0
        inputs = orjson.loads(body[:at])["inputs"]
        columns: list[Any] = []
        for entry in inputs:
            size = entry["parameters"]["binary_data_size"]
            piece = body[at : at + size]
            at += size
            is_number = entry["datatype"] == "FP32"
            columns.append(np.frombuffer(piece, np.float32) if is_number else _texts(piece))
        if not self._mixed:
            labels, scores = self._run(columns[0].reshape(inputs[0]["shape"]), None)
        else:
            cut = self._numbers
            strings = np.array(columns[cut:], dtype=object).T
            labels, scores = self._run(np.stack(columns[:cut], axis=1), strings)
        outputs = [
            _described("label", "INT64", labels),
            _described("probabilities", "FP32", scores),
        ]
        tails = [labels.tobytes(), scores.tobytes()]
        for output, tail in zip(outputs, tails, strict=True):
            output["parameters"] = {"binary_data_size": len(tail)}
        head = orjson.dumps({"model_name": "bench", "outputs": outputs})
        return head + b"".join(tails), len(head)

    def _run(self, numbers: Any, strings: Any) -> tuple[Any, Any]:
        feed = {"numbers": numbers} if strings is None else {"numbers": numbers, "strings": strings}
        labels, scores = self._session.run(None, feed)
        return labels, scores


def _described(name: str, datatype: str, array: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(array.shape)}


def _texts(piece: bytes) -> list[str]:
    texts, at = [], 0
    while at < len(piece):
        end = at + 4 + int.from_bytes(piece[at : at + 4], "little")
        texts.append(piece[at + 4 : end].decode())
        at = end
    return texts


def application(model: Bare) -> Any:
    """Returns the ASGI application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        headers = _HEADERS
        if scope["path"].startswith("/v1"):
            content, _ = model.v1(body)
        elif (length := dict(scope["headers"]).get(_LENGTH)) is None:
            content, _ = model.v2(body) if body else (b"{}", None)
        else:
            content, head = model.v2_binary(body, int(length))
            headers = [
                (b"content-type", b"application/octet-stream"),
                (_LENGTH, b"%d" % (head or 0)),
            ]
        headers = [*headers, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


def serve(model: Bare, port: int) -> None:
    """Serves until it is told to stop."""
    import uvicorn

    uvicorn.run(
        application(model),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


def loop(model: Bare, protocol: str, frames: list[bytes], seconds: float) -> None:
    """Answers bodies in turn, as fast as it goes, and prints the CPU seconds of one.

    Args:
        model: answers.
        protocol: v1, v2 or v2-binary.
        frames: for each body the bytes of its JSON as text, empty for all of it, and the body.
        seconds: how long to go on.
    """
    answer: Answer = {"v1": model.v1, "v2": model.v2, "v2-binary": model.v2_binary}[protocol]
    lengths = [int(text) if text else None for text in frames[::2]]
    bodies = list(zip(frames[1::2], lengths, strict=True))
    times = []
    for body, length in bodies:
        answer(body, length)
    began, until = _cpu(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for body, length in bodies:
            start = time.perf_counter()
            answer(body, length)
            times.append(time.perf_counter() - start)
    spent = _cpu() - began
    times.sort()
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    print(json.dumps({"cpu": spent / len(times), "p50": middle, "p99": late}))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    verb, onnx, count, *rest = sys.argv[1:]
    bare = Bare(Path(onnx), int(count))
    if verb == "serve":
        serve(bare, int(rest[0]))
    else:
        loop(bare, rest[0], read_frames(Path(rest[1])), float(rest[2]))
