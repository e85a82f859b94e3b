import asyncio
from collections.abc import Iterable

import pytest

from components.serve.limits import Limits, Waiting
from components.serve.refusal import RefusalError
from components.serve.wire import Message, Receive, check_type, holds_json, read_body


def receiving(pieces: Iterable[bytes | None], *, ends: bool = True) -> Receive:
    """A client that sends pieces; None is where it leaves, and without an end it falls silent."""
    messages: list[Message] = [
        {"type": "http.disconnect"}
        if piece is None
        else {"type": "http.request", "body": piece, "more_body": True}
        for piece in pieces
    ]
    if ends:
        messages[-1]["more_body"] = False

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return receive


def read(
    pieces: Iterable[bytes | None], limits: Limits, *, ends: bool = True, **headers: str
) -> object:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(named, receiving(pieces, ends=ends), limits))


def refused(
    pieces: Iterable[bytes | None], limits: Limits, *, ends: bool = True, **headers: str
) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        read(pieces, limits, ends=ends, **headers)
    assert limits.waiting.bytes == 0
    return caught.value


def test_read_body_in_pieces_is_whole() -> None:
    limits = Limits()
    assert read([b"ab"], limits) == b"ab"
    assert read([b"ab", b"", b"cd"], limits) == b"abcd"
    assert limits.waiting.bytes == 0


@pytest.mark.parametrize("pieces", [[None], [b"ab", None]])
def test_read_body_of_a_client_that_left_is_none(pieces: list[bytes | None]) -> None:
    assert read(pieces, Limits()) is None


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"x"] * 11])
def test_read_body_over_the_limit_is_refused(pieces: list[bytes | None]) -> None:
    error = refused(pieces, Limits(body_bytes=10))
    assert (error.status, str(error)) == (
        413,
        "the body is larger than 10 bytes; send the rows in parts",
    )


def test_read_body_that_declares_too_much_is_refused_before_it_is_read() -> None:
    assert refused([b"x"], Limits(body_bytes=10), ends=False, content_length="11").status == 413
    assert refused([b"x"], Limits(body_bytes=10), content_length="9" * 5000).status == 413


def test_read_body_that_does_not_come_is_refused() -> None:
    error = refused([b"x"], Limits(body_seconds=0.02), ends=False)
    assert (error.status, "did not come within 0.02 seconds" in str(error)) == (408, True)


def test_read_body_beside_too_many_others_is_refused() -> None:
    limits = Limits(waiting=Waiting(10))
    with limits.waiting.hold() as other:
        other.grow_to(8)
        with pytest.raises(RefusalError, match="too many large bodies") as caught:
            read([b"ab", b"c", b"d"], limits)
        assert caught.value.status == 503
        assert read([b"abcdef"], limits) == b"abcdef"
        assert limits.waiting.bytes == 8
    assert read([b"ab", b"c", b"d"], limits) == b"abcd"
    assert limits.waiting.bytes == 0


@pytest.mark.parametrize("given", ["text/plain", "", "application/jsonx", "application/cbor; x"])
def test_check_type_of_another_type_is_refused(given: str) -> None:
    with pytest.raises(RefusalError, match="expected application/json") as caught:
        check_type(given)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("given", "json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.a+json", True),
        ("text/json", False),
        ("application/octet-stream", False),
        ("", False),
        ("a\nb", False),
    ],
)
def test_holds_json_is_decided_as_fastapi_does(given: str, json: bool) -> None:
    assert holds_json(given) is json
