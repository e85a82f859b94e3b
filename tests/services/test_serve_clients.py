"""KServe's own clients talk to the server: V1, V2 and gRPC, bundles of every task and runtime."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from tests.bundles import GOLDEN, Fitted, Task, build
from tests.serving import ServerProcess, skops_bundle

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
TASKS: dict[str, Task] = {"churn": "binary", "wine": "multiclass", "fares": "regression"}
NAMES = [f"{name}{suffix}" for name in TASKS for suffix in ("", "-skops")]
VERSIONS = {name: number for number, name in enumerate(NAMES, start=1)}
LABELS: dict[str, list[object]] = {
    "churn": ["No", "Yes", "Yes", "No"],
    "wine": [0, 2, 1, 0],
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    root = tmp_path_factory.mktemp("bundles")
    made = {}
    for name, task in TASKS.items():
        made[name] = build(root / name, task, name=name)
        named = build(root / f"{name}-named", task, name=f"{name}-skops")
        folder = skops_bundle(named, root / f"{name}-skops")
        made[f"{name}-skops"] = Fitted(folder, named.manifest, named.pipeline)
    return made


@pytest.fixture(scope="module")
def server(
    bundles: dict[str, Fitted], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    server = ServerProcess("--state", str(tmp_path_factory.mktemp("state")))
    for name, fitted in bundles.items():
        answer = server.load(name, fitted.folder, VERSIONS[name])
        assert answer.status_code == 200, answer.text
    yield server
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.log)


@pytest.fixture(scope="module")
def kserve() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        # kserve parses the command line when it is imported.
        patch.setattr(sys, "argv", ["client"])
        import kserve

        yield kserve


@pytest.fixture
def ask(server: ServerProcess, kserve: Any) -> Callable[..., Any]:
    """Runs a coroutine with KServe's clients: REST of a protocol, and gRPC."""

    @asynccontextmanager
    async def clients(protocol: str) -> AsyncIterator[tuple[Any, Any]]:
        rest = kserve.InferenceRESTClient(kserve.RESTConfig(protocol=protocol))
        grpc = kserve.InferenceGRPCClient(server.grpc)
        async with rest, grpc:
            yield rest, grpc

    def run(work: Callable[[Any, Any], Awaitable[Any]], protocol: str = "v2") -> Any:
        async def whole() -> Any:
            async with clients(protocol) as (rest, grpc):
                return await work(rest, grpc)

        return asyncio.run(whole())

    return run


def request(kserve: Any, name: str, *, binary: bool) -> Any:
    numbers = np.array([[np.nan if v is None else v for v in row[:2]] for row in ROWS], "f4")
    strings = np.array([["" if v is None else v for v in row[2:]] for row in ROWS], object)
    inputs = [
        kserve.InferInput("numbers", [4, 2], "FP32"),
        kserve.InferInput("strings", [4, 2], "BYTES"),
    ]
    inputs[0].set_data_from_numpy(numbers, binary_data=binary)
    inputs[1].set_data_from_numpy(strings, binary_data=binary)
    return kserve.InferRequest(name, inputs, request_id=f"{name}-{binary}")


@pytest.mark.parametrize("name", NAMES)
def test_the_v1_client_gets_labels_or_numbers(
    server: ServerProcess, bundles: dict[str, Fitted], ask: Any, name: str
) -> None:
    url = str(server.client.base_url)
    body = {"instances": ROWS}
    answer = ask(lambda rest, _: rest.infer(url, body, model_name=name), "v1")
    base = name.removesuffix("-skops")
    if base in LABELS:
        assert answer == {"predictions": LABELS[base]}
    else:
        scores = bundles[name].scores(GOLDEN)
        assert np.allclose(answer["predictions"], scores, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("binary", [False, True])
def test_the_v2_and_grpc_clients_get_named_tensors(
    server: ServerProcess,
    bundles: dict[str, Fitted],
    kserve: Any,
    ask: Any,
    *,
    name: str,
    binary: bool,
) -> None:
    url = str(server.client.base_url)

    async def both(rest: Any, grpc: Any) -> list[Any]:
        return [
            await rest.infer(url, request(kserve, name, binary=binary), model_name=name),
            await grpc.infer(request(kserve, name, binary=binary)),
        ]

    scores = bundles[name].scores(GOLDEN)
    for answer in ask(both):
        assert (answer.id, answer.model_name) == (f"{name}-{binary}", name)
        assert answer.model_version in (None, str(VERSIONS[name]))
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        base = name.removesuffix("-skops")
        if base in LABELS:
            assert list(outputs) == ["label", "probabilities"]
            texts = [v.decode() if isinstance(v, bytes) else v for v in outputs["label"].tolist()]
            assert texts == LABELS[base]
            assert np.allclose(outputs["probabilities"], scores, atol=1e-6)
        else:
            assert list(outputs) == ["prediction"]
            assert np.allclose(outputs["prediction"], scores, rtol=1e-5)


def test_the_clients_read_health_readiness_and_metadata(
    server: ServerProcess, ask: Any, kserve: Any
) -> None:
    url = str(server.client.base_url)

    async def work(rest: Any, grpc: Any) -> None:
        assert await rest.is_server_live(url)
        assert await rest.is_server_ready(url)
        assert await rest.is_model_ready(url, "churn")
        assert await grpc.is_server_live()
        assert await grpc.is_server_ready()
        assert await grpc.is_model_ready("wine-skops")

    ask(work)


def test_metadata_names_the_columns_over_both_transports(
    server: ServerProcess, kserve: Any
) -> None:
    import grpc  # type: ignore[import-untyped]
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

    inputs = [("age", "FP32", [-1]), ("income", "FP32", [-1]), ("city", "BYTES", [-1])]
    inputs += [("plan", "BYTES", [-1])]
    outputs = {
        "churn": [("label", "BYTES", [-1]), ("probabilities", "FP32", [-1, 2])],
        "wine": [("label", "INT64", [-1]), ("probabilities", "FP32", [-1, 3])],
        "fares": [("prediction", "FP64", [-1])],
    }
    with grpc.insecure_channel(server.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)
        for name in NAMES:
            document = server.client.get(f"/v2/models/{name}").json()
            message = stub.ModelMetadata(pb.ModelMetadataRequest(name=name))
            assert document["name"] == message.name == name
            wanted = {"inputs": inputs, "outputs": outputs[name.removesuffix("-skops")]}
            for key, expected in wanted.items():
                named = [(t["name"], t["datatype"], t["shape"]) for t in document[key]]
                assert named == expected
                tensors = getattr(message, key)
                assert [(t.name, t.datatype, list(t.shape)) for t in tensors] == expected


def test_the_index_lists_what_is_loaded(server: ServerProcess, bundles: dict[str, Fitted]) -> None:
    url = "/v2/repository/index"
    ready = {"state": "READY", "reason": ""}
    loaded = [{"name": name, "version": str(VERSIONS[name])} | ready for name in sorted(VERSIONS)]
    assert server.client.post(url).json() == loaded
    assert server.client.post("/v2/repository/models/index", json={}).json() == loaded
    assert server.client.post(url, content=b"{").status_code == 400
    unloaded = server.client.post("/v2/repository/models/wine/unload")
    assert unloaded.json() == {"name": "wine", "unload": True}
    names = [entry["name"] for entry in server.client.post(url).json()]
    assert names == sorted(VERSIONS.keys() - {"wine"})
    assert server.load("wine", bundles["wine"].folder, VERSIONS["wine"]).status_code == 200
    assert server.client.post(url).json() == loaded
