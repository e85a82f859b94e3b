import asyncio
from collections.abc import AsyncIterator

import pytest

from components.monitor.intake import Intake, Limits
from components.monitor.refusal import RefusedError

LIMITS = Limits(body_bytes=10, held_bytes=15, body_seconds=0.05)


async def chunks(*parts: bytes, pause: float = 0) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(pause)
        yield part


async def read(intake: Intake, *parts: bytes, declared: str | None = None) -> bytes:
    async with intake.body(chunks(*parts), declared) as body:
        return body


def test_body_within_limits_whole_and_released() -> None:
    intake = Intake(LIMITS)
    assert asyncio.run(read(intake, b"abc", b"def", declared="6")) == b"abcdef"
    assert intake.held == 0


@pytest.mark.parametrize(("parts", "declared"), [((b"x" * 6, b"x" * 6), None), ((), "11")])
def test_body_too_large_refused_413(parts: tuple[bytes, ...], declared: str | None) -> None:
    intake = Intake(LIMITS)
    with pytest.raises(RefusedError, match="larger than 10 bytes") as caught:
        asyncio.run(read(intake, *parts, declared=declared))
    assert caught.value.status == 413
    assert intake.held == 0


def test_body_budget_reached_refused_503_until_released() -> None:
    intake = Intake(LIMITS)

    async def scenario() -> bytes:
        async with intake.body(chunks(b"x" * 10), None):
            with pytest.raises(RefusedError, match="15 bytes held") as caught:
                await read(intake, b"x" * 6)
            assert (caught.value.status, caught.value.retry_after) == (503, 1)
            assert intake.held == 10
        return await read(intake, b"x" * 6)

    assert asyncio.run(scenario()) == b"xxxxxx"
    assert intake.held == 0


def test_body_too_slow_refused_408() -> None:
    intake = Intake(LIMITS)

    async def scenario() -> None:
        async with intake.body(chunks(b"x", b"x", pause=0.04), None):
            pass

    with pytest.raises(RefusedError, match="did not arrive within 0.05 seconds") as caught:
        asyncio.run(scenario())
    assert caught.value.status == 408
    assert intake.held == 0


def test_body_failing_block_released() -> None:
    intake = Intake(LIMITS)

    async def scenario() -> None:
        async with intake.body(chunks(b"abc"), None):
            message = "inside"
            raise KeyError(message)

    with pytest.raises(KeyError, match="inside"):
        asyncio.run(scenario())
    assert intake.held == 0
