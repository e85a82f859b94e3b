"""Who may ask, and what is written down about it: the bearer token and the access log."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bundles import GOLDEN, Fitted, build
from tests.serving import ServerProcess, wait_for

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
SECRET = "s3cret-Token.1"  # noqa: S105
SHOWN = {"authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "token"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture(scope="module")
def server(
    bundle: Fitted, token_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    state = str(tmp_path_factory.mktemp("state"))
    arguments = ("--bundle", str(bundle.folder), "--state", state)
    server = ServerProcess(*arguments, "--token-file", str(token_file), "--access-log")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def grpc_call(server: ServerProcess) -> Iterator[Any]:
    """Asks a method of gRPC with metadata; returns its code and its answer or text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["client"])
        import grpc  # type: ignore[import-untyped]
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

        with grpc.insecure_channel(server.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)

            def call(method: str, metadata: tuple[Any, ...] = (), **parts: Any) -> tuple[str, Any]:
                request = getattr(pb, f"{method}Request")(**parts)
                try:
                    return "OK", getattr(stub, method)(request, metadata=metadata)
                except grpc.RpcError as error:
                    return error.code().name, error.details()

            yield call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/churn:predict"),
        ("POST", "/v2/models/churn/infer"),
        ("POST", "/v2/models/churn/versions/1/infer"),
        ("POST", "/v2/models/churn/infer%0A"),
        ("POST", "/v2/repository/models/churn/load"),
        ("POST", "/v2/repository/models/churn/unload"),
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/models/churn/ready"),
        ("GET", "/v2/models/churn"),
        ("GET", "/v2/models"),
        ("GET", "/v1/models"),
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
        ("GET", "/v2/health/../models"),
    ],
)
def test_a_request_without_the_token_is_refused(
    server: ServerProcess, method: str, path: str
) -> None:
    refused = server.client.request(method, path, content=b"{}" if method == "POST" else None)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="kubeloop"'
    assert refused.json()["error"].startswith("the server asks for a bearer token: send the header")


@pytest.mark.parametrize("given", ["Bearer wrong", "Basic x", "Bearer", f"Token {SECRET}"])
def test_a_request_with_another_token_is_refused(server: ServerProcess, given: str) -> None:
    refused = server.predict("churn", ROWS, authorization=given)
    assert refused.status_code == 401
    challenge = 'Bearer realm="kubeloop", error="invalid_token"'
    assert refused.headers["www-authenticate"] == challenge
    assert SECRET not in refused.text


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/metrics", "/v2/health/live", "/v2/health/ready", "/v1/models/churn"),
        *("/v2/models/churn/ready",),
    ],
)
def test_health_and_metrics_stay_open(server: ServerProcess, path: str) -> None:
    assert server.client.get(path).status_code == 200


def test_a_request_with_the_token_is_answered_and_both_are_counted(server: ServerProcess) -> None:
    sample = (
        'kubeloop_requests_total{{code="{}",model_name="churn",model_version="1",protocol="v1"}}'
    )
    before = {code: server.metric(sample.format(code)) for code in (200, 401)}
    assert server.predict("churn", ROWS, **SHOWN).json()["predictions"][0] == "No"
    assert server.predict("churn", ROWS).status_code == 401
    assert {code: server.metric(sample.format(code)) - before[code] for code in before} == {
        200: 1,
        401: 1,
    }


def test_grpc_asks_for_the_token_too(grpc_call: Any) -> None:
    shown = (("authorization", f"Bearer {SECRET}"),)
    assert grpc_call("ModelInfer", model_name="churn")[0] == "UNAUTHENTICATED"
    assert grpc_call("ModelMetadata", name="churn")[0] == "UNAUTHENTICATED"
    wrong = (("authorization", "Bearer wrong"),)
    assert grpc_call("ModelMetadata", wrong, name="churn")[0] == "UNAUTHENTICATED"
    assert grpc_call("ModelMetadata", shown, name="churn")[0] == "OK"
    assert grpc_call("ModelInfer", shown, model_name="churn")[0] == "INVALID_ARGUMENT"
    assert grpc_call("ServerLive")[1].live
    assert grpc_call("ServerReady")[1].ready
    assert grpc_call("ModelReady", name="churn")[1].ready


def test_a_new_token_counts_once_it_is_in_the_file(server: ServerProcess, token_file: Path) -> None:
    other = token_file.with_name("other")
    other.write_text("another")
    os.replace(other, token_file)
    try:
        assert server.predict("churn", ROWS, **SHOWN).status_code == 401
        assert server.predict("churn", ROWS, authorization="Bearer another").status_code == 200
        token_file.unlink()
        assert server.predict("churn", ROWS, authorization="Bearer another").status_code == 401
    finally:
        token_file.write_text(SECRET)
    assert server.predict("churn", ROWS, **SHOWN).status_code == 200
    assert wait_for(lambda: any("admits nobody" in line for line in server.log))


def test_the_access_log_has_a_line_for_each_request_and_never_a_row(
    server: ServerProcess, grpc_call: Any
) -> None:
    url = "/v1/models/churn:predict?row=Atlantis"
    headers = SHOWN | {"ce-id": "logged-1"}
    row = ["Atlantis", 1, "Bern", "basic"]
    refused = server.client.post(url, json={"instances": [row]}, headers=headers)
    assert refused.status_code == 400
    server.client.get("/" + "x" * 500)
    grpc_call("ModelInfer", (("authorization", f"Bearer {SECRET}"),), model_name="nope")
    assert wait_for(lambda: any('"NOT_FOUND"' in line for line in server.out))
    lines = [json.loads(line) for line in server.out]
    mine = next(line for line in lines if line.get("id") == "logged-1")
    assert mine.pop("time").endswith("Z")
    assert 0 < mine.pop("seconds") < 5
    assert mine == {
        "protocol": "http",
        "method": "POST",
        "path": "/v1/models/churn:predict",
        "status": 400,
        "bytes": len(refused.content),
        "id": "logged-1",
    }
    assert max(len(line.get("path", "")) for line in lines) == 200
    grpc = next(line for line in lines if line.get("status") == "NOT_FOUND")
    assert (grpc["protocol"], grpc["method"]) == ("grpc", "ModelInfer")
    for text in ("Atlantis", "Bern", "basic", SECRET):
        assert text not in "".join(server.out)
        assert text not in "".join(server.log)


def test_without_the_flags_all_are_admitted_and_nothing_is_written(bundle: Fitted) -> None:
    server = ServerProcess("--bundle", str(bundle.folder))
    try:
        assert server.predict("churn", ROWS).status_code == 200
    finally:
        assert server.stop() == 0
    assert server.out == []


def test_a_token_file_that_is_not_there_ends_the_server_with_a_sentence(
    bundle: Fitted, tmp_path: Path
) -> None:
    with pytest.raises(TimeoutError, match=r"token file '.*' cannot be used: No such file"):
        ServerProcess("--bundle", str(bundle.folder), "--token-file", str(tmp_path / "none"))
