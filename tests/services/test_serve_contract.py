"""One corpus through the fast path and through KServe's own: what clients see may not differ.

Both paths hold the same model. KServe's own is its application with our model, as it stands behind
the fast path. Wherever it answers 2xx or 4xx, the fast path gives the same status and says the
same; where it fails (500), the fast path refuses (400, or 415 for a content type), and each such
request is listed in `FAILURES`.

What counts as the same: an answer's JSON, but for the nulls that FastAPI writes for what is absent
(the protocol's schema knows none), and for an id that the client left to the server; a refusal's
text, which may go on behind KServe's own words with a hint.
"""

import asyncio
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from components.serve.accounting import Accounting
from components.serve.endpoint import Endpoint
from components.serve.limits import Limits
from components.serve.metrics import Metrics
from components.serve.runtime import Models, open_model
from components.signature import Feature
from tests.bundles import GOLDEN, build, reseal

LIMITS = Limits(body_bytes=64 * 1024, rows=50)
V1, V2 = "/v1/models/churn:predict", "/v2/models/churn/infer"
JSON = {"content-type": "application/json"}
BINARY = {"content-type": "application/octet-stream"}
EVENT = {"specversion": "1.0", "id": "e-1", "source": "here", "type": "t"}
ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
NUMBERS = np.array([[np.nan if v is None else v for v in row[:2]] for row in ROWS], "<f4")
TEXTS = [["" if v is None else v for v in row[2:]] for row in ROWS]


@dataclass(frozen=True)
class Ask:
    """One request of the corpus."""

    path: str = V1
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: JSON)
    method: str = "POST"


def v1(instances: Any, path: str = V1, **headers: str) -> Ask:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ask(path, json.dumps({"instances": instances}).encode(), JSON | named)


def row(**values: Any) -> dict[str, Any]:
    return dict(GOLDEN[0]) | values


def tensor(name: str, datatype: str, shape: Any, data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def columns(rows: list[list[Any]] = ROWS, width: tuple[int, ...] = (1,)) -> list[dict[str, Any]]:
    kinds = {"age": "FP32", "income": "FP32", "city": "BYTES", "plan": "BYTES"}
    return [
        tensor(name, kind, [len(rows), *width], [row[at] for row in rows])
        for at, (name, kind) in enumerate(kinds.items())
    ]


def matrices() -> list[dict[str, Any]]:
    numbers = [None if np.isnan(v) else v for v in NUMBERS.ravel().tolist()]
    texts = [text for row in TEXTS for text in row]
    return [tensor("numbers", "FP32", [4, 2], numbers), tensor("strings", "BYTES", [4, 2], texts)]


def v2(inputs: Any, path: str = V2, headers: dict[str, str] = JSON, **top: Any) -> Ask:
    return Ask(path, json.dumps({"inputs": inputs} | top).encode(), headers)


def changed(at: int, **parts: Any) -> Ask:
    """One matrix with another part."""
    inputs = matrices()
    inputs[at] = {k: v for k, v in (inputs[at] | parts).items() if v is not ...}
    return v2(inputs)


def packed(texts: list[str]) -> bytes:
    raw = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in raw)


def binary(
    numbers: bytes = NUMBERS.tobytes(),
    texts: bytes = packed([text for row in TEXTS for text in row]),
    *,
    datatype: str = "FP32",
    headers: dict[str, str] = BINARY,
    **top: Any,
) -> Ask:
    inputs = [
        {"name": "numbers", "datatype": datatype, "shape": [4, 2]},
        {"name": "strings", "datatype": "BYTES", "shape": [4, 2]},
    ]
    for entry, raw in zip(inputs, (numbers, texts), strict=True):
        entry["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps({"inputs": inputs} | top).encode()
    length = {"inference-header-content-length": str(len(head))}
    return Ask(V2, head + numbers + texts, length | headers)


def spliced(inputs: list[Any], tail: bytes = b"", **top: Any) -> Ask:
    """The binary extension with any inputs."""
    head = json.dumps({"inputs": inputs} | top).encode()
    length = {"inference-header-content-length": str(len(head))}
    return Ask(V2, head + tail, BINARY | length)


def with_length(length: str, ask: Ask | None = None) -> Ask:
    ask = ask or binary()
    return replace(ask, headers=ask.headers | {"inference-header-content-length": length})


def typed(ask: Ask, content_type: str | None) -> Ask:
    headers = {k: v for k, v in ask.headers.items() if k != "content-type"}
    return replace(
        ask, headers=headers | ({} if content_type is None else {"content-type": content_type})
    )


def raw(body: bytes, path: str = V1) -> Ask:
    return Ask(path, body)


TYPES = (
    *("application/json", "application/json; charset=utf-8", "Application/JSON", "text/plain"),
    *("application/octet-stream", "application/ld+json", "application/vnd.x+json", "text/json"),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "*/*", "", "json"),
    *("application/json;", "application/octet-stream; x=y", "application/cloudevents+json"),
)
FIELDS: tuple[Any, ...] = (
    *(None, 5, 0, -1, 1e30, 1e39, 10**30, -(10**400), True, "", " ", "?", "5", "Bern", "Atlantis"),
    *("NaN", "é😀", "x" * 200, [], [1], {}, {"a": 1}),
)
BODIES = {
    "empty": b"",
    "blank": b" ",
    "cut": b'{"instances": [[1, 2, "a"',
    "list": b"[1]",
    "null": b"null",
    "number": b"5",
    "true": b"true",
    "object": b"{}",
    "two": b"{}{}",
    "deep": b'{"instances": ' + b"[" * 5_000,
    "nested": b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}",
    "no text": b"\xff\xfe\x00",
    "gzip": b"\x1f\x8b\x08\x00",
    "mark": b"\xef\xbb\xbf{}",
    "quote": b"{'instances': []}",
    "comma": b'{"instances": [],}',
    "digits": b'{"instances": ' + b"9" * 5_000 + b"}",
    "control": b'{"instances": "\x01"}',
}


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def corpus() -> Iterator[tuple[str, Ask]]:
    yield from v1_corpus()
    yield from v2_corpus()
    yield from binary_corpus()
    for content_type in (None, *TYPES):
        yield f"v1 type {content_type}", typed(v1(ROWS), content_type)
        yield f"v2 type {content_type}", typed(v2(matrices()), content_type)
        yield f"binary type {content_type}", typed(binary(), content_type)
        yield f"v2 type {content_type} of {{}}", typed(raw(b"{}", V2), content_type)
    for name, body in BODIES.items():
        yield f"v1 body {name}", raw(body)
        yield f"v2 body {name}", raw(body, V2)
        yield f"binary body {name}", with_length(str(len(body)), Ask(V2, body, BINARY))
        yield f"unknown model v1 body {name}", raw(body, "/v1/models/nope:predict")
        yield f"unknown model v2 body {name}", raw(body, "/v2/models/nope/infer")
    for verb in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        yield f"v1 {verb}", Ask(V1, method=verb)
        yield f"v2 {verb}", Ask(V2, method=verb)


def v1_corpus() -> Iterator[tuple[str, Ask]]:
    yield "v1 lists", v1(ROWS)
    yield "v1 one list", v1(ROWS[:1])
    yield "v1 objects", v1([dict(row) for row in GOLDEN])
    yield "v1 lists and objects", v1([ROWS[0], row()])
    yield "v1 private columns", v1([row(email="a@b.c", customerID={"deep": [1]})])
    yield "v1 unknown column", v1([row(incom=1)])
    yield "v1 missing column", v1([{"age": 1}])
    yield "v1 no rows", v1([])
    yield "v1 row too short", v1([ROWS[0], ROWS[0][:3]])
    yield "v1 row too long", v1([[*ROWS[0], 1]])
    for value in FIELDS:
        yield f"v1 number {str(value)[:20]!r} {type(value).__name__}", v1([row(income=value)])
        yield f"v1 text {str(value)[:20]!r} {type(value).__name__}", v1([row(city=value)])
        yield f"v1 rows {str(value)[:20]!r} {type(value).__name__}", v1([value])
        yield f"v1 instances {str(value)[:20]!r} {type(value).__name__}", v1(value)
    yield "v1 null where none may be", v1([row(age=None)])
    yield "v1 token where none may be", v1([row(age="?")])
    yield "v1 number for a token", v1([row(age=-999)])
    yield "v1 NaN", raw(b'{"instances": [[1, NaN, "Bern", "basic"]]}')
    yield "v1 Infinity", raw(b'{"instances": [[1, Infinity, "Bern", "basic"]]}')
    yield "v1 1e999", raw(b'{"instances": [[1, 1e999, "Bern", "basic"]]}')
    yield "v1 surrogate", raw(b'{"instances": [[1, 1, "\\ud800", "basic"]]}')
    yield "v1 twice", raw(b'{"instances": 5, "instances": [[1, 1, "Bern", "basic"]]}')
    yield "v1 key twice", raw(b'{"instances": [{"age":1,"age":2,"income":3,"city":"","plan":"x"}]}')
    yield "v1 more keys", raw(b'{"a": 1, "instances": [[1, 1, "Bern", "basic"]], "id": []}')
    yield "v1 most rows", v1(ROWS[:1] * 50)
    yield "v1 too many rows", v1(ROWS[:1] * 51)
    yield "v1 too large", raw(b" " * (64 * 1024 + 1))
    yield "v1 large", raw(b" " * 60_000 + v1(ROWS).body)
    yield "v1 encoded", v1(ROWS, content_encoding="gzip")
    yield from v1_urls_and_ids()


def v1_urls_and_ids() -> Iterator[tuple[str, Ask]]:
    for path in (
        *("/v1/models/nope:predict", "/v1/models/churn:predict/", "//v1/models/churn:predict"),
        *("/v1/models/churn%3Apredict", "/v1/models/a%2Fb:predict", "/v1/models/churn:predict%0A"),
        *("/v1/models/churn:predict?x=1", "/v1/models/churn:explain", "/v1/models/churn:regress"),
        *("/v1/models/%C3%A9:predict", "/v1/models/churn/:predict", "/v1/models/:predict"),
        *("/v1/models/" + "n" * 300 + ":predict", "/v1/models/churn", "/V1/models/churn:predict"),
    ):
        yield f"v1 url {path[:40]}", v1(ROWS, path)
    yield "v1 ce-id", v1(ROWS, ce_id="mine")
    yield "v1 x-request-id", v1(ROWS, x_request_id="mine")
    yield "v1 both ids", v1(ROWS, ce_id="mine", x_request_id="other")
    yield "v1 empty id", v1(ROWS, ce_id="")
    yield "v1 longest id", v1(ROWS, ce_id="x" * 128)
    yield "v1 too long an id", v1(ROWS, ce_id="x" * 129)
    yield "v1 odd id", v1(ROWS, ce_id="a\tb")
    yield "v1 odd id of an unknown model", v1(ROWS, "/v1/models/nope:predict", ce_id="a\tb")
    event = {f"ce_{name}": value for name, value in EVENT.items()}
    yield "v1 event in headers", v1(ROWS, **event)
    whole = EVENT | {"time": "2026-11-20T12:00:00Z"}
    for name, data in (("rows", {"instances": ROWS}), ("a list", [1]), ("nothing", None)):
        body = json.dumps(whole | {"data": data}).encode()
        yield f"v1 event of {name}", raw(body)
        yield f"v1 event of {name} by type", typed(raw(body), "application/cloudevents+json")
    yield "v1 event without time", raw(json.dumps(EVENT | {"data": {"instances": ROWS}}).encode())


def v2_corpus() -> Iterator[tuple[str, Ask]]:
    yield "v2 columns", v2(columns())
    yield "v2 flat columns", v2(columns(width=()))
    yield "v2 matrices", v2(matrices())
    yield "v2 mixed", v2([matrices()[0], *columns()[2:]])
    yield "v2 other order", v2(columns()[::-1])
    yield "v2 nested", changed(0, data=[[1, 2]] * 4)
    yield "v2 nested wrong", changed(0, data=[[1, 2], [3]])
    yield "v2 private columns", v2([*columns(), tensor("email", "BYTES", [4], ["a"] * 4)])
    yield "v2 unknown column", v2([*columns(), tensor("incom", "FP32", [4], [1] * 4)])
    yield "v2 missing column", v2(columns()[:3])
    yield "v2 column twice", v2([*columns(), columns()[0]])
    yield "v2 rows differ", v2([*columns()[:3], columns(ROWS[:2])[3]])
    yield "v2 no inputs", v2([])
    yield "v2 too many rows", v2(columns(ROWS[:1] * 51))
    yield "v2 huge shape", changed(0, shape=[10**15, 2])
    for kind in ("INT8", "INT64", "UINT16", "FP64", "fp32", "FP16", "fp16", "BOOL", "BYTES", "X"):
        yield f"v2 numbers as {kind}", changed(0, datatype=kind, data=[1, 2, 3, 4, 5, 6, 7, 8])
        yield f"v2 texts as {kind}", changed(1, datatype=kind)
    yield "v2 half a number as INT8", changed(0, datatype="INT8", data=[1.5] * 8)
    for part in ("name", "shape", "datatype", "data", "parameters"):
        for value in (None, 5, -1, "x", True, [], [[]], {}, [None], ["a", 1], 1e300, ...):
            said = "left out" if value is ... else f"{value!r} {type(value).__name__}"
            yield f"v2 {part} {said}", changed(0, **{part: value})
    for shape in (["4", "2"], [4.0, 2], [4.5, 2], [True, 2], [-4, 2], [8], [2, 2, 2], [0, 2]):
        yield f"v2 shape {shape}", changed(0, shape=shape)
    for value in (None, 5, "x", [1], {}, True, 1e300):
        yield f"v2 id {value!r}", v2(matrices(), id=value)
        yield f"v2 outputs {value!r}", v2(matrices(), outputs=value)
        yield f"v2 parameters {value!r}", v2(matrices(), parameters=value)
        yield f"v2 inputs {value!r}", v2(value)
        yield f"v2 number {value!r}", changed(0, data=[value] + [1] * 7)
        yield f"v2 text {value!r}", changed(1, data=[value] + ["basic"] * 7)
    yield from v2_outputs_urls_and_ids()


def v2_outputs_urls_and_ids() -> Iterator[tuple[str, Ask]]:
    label, scores = {"name": "label"}, {"name": "probabilities"}
    for name, outputs in {
        "none": [],
        "one": [label],
        "other order": [scores, label],
        "the same twice": [label, label],
        "unknown": [{"name": "zzz"}],
        "no name": [{}],
        "too many": [label] * 17,
        "binary": [scores | {"parameters": {"binary_data": True}}],
        "binary text": [label | {"parameters": {"binary_data": True}}],
        "partly binary": [label, scores | {"parameters": {"binary_data": True}}],
        "plain": [scores | {"parameters": {"binary_data": False}}],
        "binary by 1": [scores | {"parameters": {"binary_data": 1}}],
        "odd parameters": [scores | {"parameters": 5}],
        "odd parameter": [scores | {"parameters": {"binary_data": [1]}}],
    }.items():
        yield f"v2 outputs {name}", v2(matrices(), outputs=outputs)
        yield f"binary outputs {name}", binary(outputs=outputs)
    yield "v2 all binary", v2(matrices(), parameters={"binary_data_output": True})
    yield "v2 all binary by text", v2(matrices(), parameters={"binary_data_output": "yes"})
    all_but = {"parameters": {"binary_data_output": True}, "outputs": [label]}
    yield "v2 all binary but asked plainly", v2(matrices(), **all_but)
    text = json.dumps({"inputs": matrices()})
    yield "v2 NaN", raw(text.replace("null", "NaN").encode(), V2)
    yield "v2 Infinity", raw(text.replace("null", "Infinity").encode(), V2)
    yield "v2 utf-16", raw(text.encode("utf-16"), V2)
    yield "v2 surrogate", raw(text.replace("Bern", "\\ud800").encode(), V2)
    yield "v2 long number", raw(text.replace("1500.0", "1" * 30).encode(), V2)
    yield "v2 too large", raw(b" " * (64 * 1024 + 1), V2)
    for path in (
        *("/v2/models/nope/infer", "/v2/models/churn/infer/", "/v2/models/churn/infer%0A"),
        *("/v2/models/churn%2Finfer", "/v2/models/churn/versions//infer", "/v2/models//infer"),
        *("/v2/models/churn/versions/3/infer", "/v2/models/churn/versions/9/infer"),
        *("/v2/models/nope/versions/3/infer", "/v2/models/churn/explain", "/v2/models/churn"),
    ):
        yield f"v2 url {path}", v2(matrices(), path)
    yield "v2 header before body's id", v2(matrices(), headers=JSON | {"ce-id": "h"}, id="b")
    yield "v2 second header before id", v2(matrices(), headers=JSON | {"x-request-id": "h"}, id="b")
    yield "v2 body's id", v2(matrices(), id="body")
    yield "v2 odd id", v2(matrices(), id="a\nb")
    yield "v2 too long an id", v2(matrices(), id="x" * 129)
    yield "v2 empty id", v2(matrices(), id="")
    event = {f"ce-{name}": value for name, value in EVENT.items()}
    yield "v2 event in headers", v2(matrices(), headers=JSON | event)


def binary_corpus() -> Iterator[tuple[str, Ask]]:
    yield "binary", binary()
    for kind, dtype in {"FP16": "<f2", "FP64": "<f8", "INT64": "<i8", "UINT8": "<u1"}.items():
        values = np.array([[30, 15], [61, 2], [44, 90], [18, 30]], dtype)
        yield f"binary {kind}", binary(values.tobytes(), datatype=kind)
    yield "binary id", binary(id="body")
    yield "binary odd id", binary(id=5)
    yield "binary header id", replace(binary(id=5), headers=binary(id=5).headers | {"ce-id": "h"})
    yield "binary all binary", binary(parameters={"binary_data_output": True})
    yield "binary parameters 5", binary(parameters=5)
    yield "binary outputs 5", binary(outputs=5)
    yield "binary JSON alone", spliced(matrices())
    yield "binary JSON with a longer length", with_length("9999", spliced(matrices()))
    yield "binary more bytes", spliced(matrices(), b"rest")
    yield "binary too few numbers", binary(NUMBERS.tobytes()[:-4])
    yield "binary too many numbers", binary(NUMBERS.tobytes() + b"\0\0\0\0")
    yield "binary cut number", binary(NUMBERS.tobytes()[:-1])
    yield "binary no numbers", binary(b"")
    yield "binary cut text", binary(texts=packed(["Bern"] * 8)[:-1])
    yield "binary too few texts", binary(texts=packed(["Bern"] * 7))
    yield "binary text longer than all", binary(texts=struct.pack("<I", 2**32 - 1) + b"x")
    yield "binary no text", binary(texts=packed(["Bern"] * 7) + struct.pack("<I", 1) + b"\xff")
    yield "binary unknown datatype", binary(datatype="FP8")
    yield "binary booleans", binary(b"\1" * 8, datatype="BOOL")
    for length in ("x", "", "1.5", "-1", "0", "5", " 12 ", "9999", "9" * 30):
        yield f"binary length {length!r}", with_length(length)
    yield "binary length 5 of JSON", with_length("5", v2(matrices()))
    numbers = {"name": "numbers", "datatype": "FP32", "shape": [4, 2]}
    for size in (None, 5, -1, 10**12, "32", True, 32.0, []):
        entry = numbers | {"parameters": {"binary_data_size": size}}
        yield f"binary size {size!r}", spliced([entry, matrices()[1]], NUMBERS.tobytes())
    yield "binary no size", spliced([numbers, matrices()[1]])
    yield "binary FP16 in JSON", spliced([matrices()[0] | {"datatype": "FP16"}, matrices()[1]])
    for part in ("name", "shape", "datatype", "data"):
        for value in (None, 5, "x", [[]], {}, ["a", 1]):
            inputs = [matrices()[0] | {part: value}, matrices()[1]]
            yield f"binary {part} {value!r}", spliced(inputs)
    for value in (None, 5, "x", {}, [1]):
        yield f"binary inputs {value!r}", spliced(value)


CORPUS = dict(corpus())


@dataclass(frozen=True)
class Paths:
    """The fast path, KServe's own, and KServe's own as it stands behind the fast path."""

    fast: Callable[..., Any]
    own: Callable[..., Any]
    guarded: Callable[..., Any]

    def ask(self, ask: Ask) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        return asyncio.run(self._ask(ask))

    async def _ask(self, ask: Ask) -> Any:
        replies = []
        for app in (self.fast, self.own, self.guarded):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                given = [(k.encode(), v.encode("latin-1")) for k, v in ask.headers.items()]
                replies.append(
                    await client.request(ask.method, ask.path, headers=given, content=ask.body)
                )
        return replies


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    with pytest.MonkeyPatch.context() as patch:
        # kserve parses the command line when it is imported.
        patch.setattr("sys.argv", ["server"])
        from kserve.protocol.model_repository_extension import ModelRepositoryExtension

        from components.serve import kserve_app
        from components.serve.model_server import Plane, Registry

        root = tmp_path_factory.mktemp("bundles")
        fitted = build(root / "first", "binary")
        inputs = fitted.manifest.signature.inputs
        age = Feature(name="age", dtype="float32", nullable=False, missing=("-999", "?"))
        signature = fitted.manifest.signature.model_copy(update={"inputs": (age, *inputs[1:])})
        models = Models()
        models.put(open_model(reseal(fitted, root / "second", signature=signature), 3))
        accounting = Accounting(Metrics(CollectorRegistry()), None)
        registry = Registry(models, accounting, LIMITS)
        app, _ = kserve_app.build(Plane(registry), ModelRepositoryExtension(registry), 8080, 1)
        guard = kserve_app.Guard(app, LIMITS)
        yield Paths(Endpoint(guard, models, accounting, limits=LIMITS), app, guard)


# KServe's own code fails at these, before or after it asks the model; ours refuses them with 400.
# (A V1 body of an unknown content type, at which KServe's own models fail, reaches ours unread and
# is refused with 415 on both paths.)
FAILURES = {
    *(f"binary body {name}" for name in ("list", "nested", "null", "number", "object", "true")),
    *(f"binary length {length!r}" for length in ("", "1.5", "x")),
    *("binary datatype 5", "binary datatype None", "binary datatype ['a', 1]"),
    *("binary datatype [[]]", "binary datatype {}"),
    *("binary inputs 'x'", "binary inputs 5", "binary inputs None", "binary inputs [1]"),
    *("binary outputs 5", "binary outputs no name", "binary outputs odd parameters"),
    *("binary no numbers", "binary cut number", "binary cut text"),
    *("binary too few numbers", "binary too many numbers", "binary too few texts"),
    *("binary text longer than all", "binary no text"),
    *(f"binary size {size}" for size in ("'32'", "-1", "32.0", "5", "True", "[]")),
}
# KServe knows no versions (501); ours answers for the one in service alone.
VERSIONS = {
    "v2 url /v2/models/churn/versions/3/infer": 200,
    "v2 url /v2/models/churn/versions/9/infer": 404,
    "v2 url /v2/models/nope/versions/3/infer": 404,
}
# Both refuse with the same status, in other words.
WORDS = {"binary inputs {}", "binary unknown datatype"}


def meaning(reply: httpx.Response) -> Any:
    """What an answer says: its JSON, and the bytes of the binary tensors behind it."""
    length = int(reply.headers.get("inference-header-content-length", len(reply.content)))
    head, tail = reply.content[:length], reply.content[length:]
    if not head:
        return b""
    return _plain(json.loads(head)), tail


def _plain(value: Any) -> Any:
    """Leaves out nulls, times, and ids that were made by the server."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _plain(v) for k, v in value.items() if v is not None and k != "time"}
    if UUID.fullmatch(str(kept.get("id"))):
        kept["id"] = "made by the server"
    return kept


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_both_paths_answer_alike(paths: Paths, name: str) -> None:
    fast, own, guarded = paths.ask(CORPUS[name])
    assert guarded.status_code < 500 or guarded.status_code == own.status_code == 501
    if guarded.status_code == 413:
        # Only before KServe's application can a body be refused for its size.
        own = guarded
    assert (own.status_code == 500) == (name in FAILURES)
    assert (own.status_code == 501) == (name in VERSIONS or name.endswith(":explain"))
    if name in FAILURES:
        for reply in (fast, guarded):
            assert (reply.status_code, reply.json().keys()) == (400, {"error"})
        return
    if name in VERSIONS:
        assert fast.status_code == VERSIONS[name]
        return
    assert fast.status_code == own.status_code
    if own.status_code < 400:
        assert meaning(fast) == meaning(own)
        if "content-type" in own.headers:
            assert fast.headers["content-type"] == own.headers["content-type"]
    elif own.content:
        ((key, said),) = own.json().items()
        ((same, says),) = fast.json().items()
        assert key == same
        assert name in WORDS or says.startswith(said)


def test_the_corpus_holds_requests_of_every_outcome(paths: Paths) -> None:
    assert len(CORPUS) > 500
    assert CORPUS.keys() >= FAILURES | VERSIONS.keys() | WORDS
    statuses = {paths.ask(CORPUS[name])[0].status_code for name in CORPUS}
    assert statuses == {200, 307, 400, 404, 405, 413, 415, 501}


@pytest.mark.parametrize("name", ["v1 too large", "v2 too large", "v1 too many rows"])
def test_limits_hold_on_both_paths(paths: Paths, name: str) -> None:
    fast, _, guarded = paths.ask(CORPUS[name])
    assert (fast.status_code, guarded.status_code) == (413, 413)
    assert fast.json() == guarded.json()


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_no_answer_tells_more_than_a_sentence(paths: Paths, name: str) -> None:
    fast, _, guarded = paths.ask(CORPUS[name])
    for reply in (fast, guarded):
        if reply.status_code >= 400:
            assert len(reply.content) < 3000
            assert b"Traceback" not in reply.content
            assert b'.py"' not in reply.content
