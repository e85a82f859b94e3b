from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serve.document import MAX_VALUES
from components.serve.grpc_message import MAX_FIELDS, bounded, fields
from components.serve.refusal import RefusalError


@pytest.fixture(scope="module")
def pb() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["server"])
        from kserve.protocol.grpc import grpc_predict_v2_pb2

        return grpc_predict_v2_pb2


@pytest.fixture(scope="module")
def read(pb: Any) -> Any:
    return bounded(pb.ModelInferRequest.FromString)


def test_bounded_of_a_large_request_is_the_request(pb: Any, read: Any) -> None:
    request = pb.ModelInferRequest(model_name="churn", raw_input_contents=[b"x" * 2_000_000])
    tensor = request.inputs.add(name="numbers", datatype="INT64", shape=[1, 2])
    tensor.contents.int64_contents.extend(range(100_000))
    assert read(request.SerializeToString()) == request


@pytest.mark.parametrize("key", [b"\x22\x00", b"\x2a\x00", b"\x32\x00", b"\x3a\x00"])
def test_bounded_of_too_many_tensors_is_a_refusal(read: Any, key: bytes) -> None:
    refusal = read(key * 40_000)
    assert isinstance(refusal, RefusalError)
    assert refusal.status == 413
    assert str(refusal).startswith(f"the message has more than {MAX_FIELDS} tensors")


def test_bounded_of_too_many_parameters_in_a_tensor_is_a_refusal(pb: Any, read: Any) -> None:
    inner = b"\x22\x00" * 40_000
    request = pb.ModelInferRequest.FromString(b"\x2a\x80\xf1\x04" + inner)
    assert len(request.inputs) == 1
    assert read(b"\x2a\x80\xf1\x04" + inner).status == 413


@pytest.mark.parametrize("kind", ["int64_contents", "bool_contents", "bytes_contents"])
def test_bounded_of_too_many_values_is_a_refusal(pb: Any, read: Any, kind: str) -> None:
    request = pb.ModelInferRequest()
    contents = request.inputs.add().contents
    value = b"" if kind == "bytes_contents" else 1
    getattr(contents, kind).extend([value] * (MAX_VALUES + 100_000))
    refusal = read(request.SerializeToString())
    assert (refusal.status, str(refusal)[:30]) == (413, "the message holds 1100000 valu")


@given(message=st.binary(max_size=200))
def test_bounded_of_any_bytes_is_a_request_or_a_refusal(read: Any, message: bytes) -> None:
    assert read(message) is not None
    for number, start, end in fields(message, 0, len(message)):
        assert number >= 0
        assert end <= len(message)
        assert start >= 0


@given(piece=st.binary(min_size=1, max_size=40))
def test_bounded_of_any_large_bytes_is_a_request_or_a_refusal(read: Any, piece: bytes) -> None:
    assert read(piece * (70_000 // len(piece))) is not None
