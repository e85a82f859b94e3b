"""The load generator for gRPC: messages from a file in turn, over one connection.

Run: `python -m tests.benchmarks.serving.grpc_client ADDRESS FRAMES SECONDS CONNECTIONS`.
"""

import asyncio
import json
import sys
import time
from itertools import cycle
from pathlib import Path

from grpc import RpcError, aio

from tests.benchmarks.serving.frames import read_frames

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


async def main(address: str, messages: list[bytes], seconds: float, at_once: int) -> None:
    """Keeps some requests under way until time is up, and prints one line of JSON."""
    turn = cycle(messages)
    times: list[float] = []
    failed = 0
    async with aio.insecure_channel(address) as channel:
        # Messages stay bytes: the client's own work is none of the servers'.
        infer = channel.unary_unary(_METHOD)
        until = time.perf_counter() + seconds

        async def client() -> None:
            nonlocal failed
            while (began := time.perf_counter()) < until:
                try:
                    await infer(next(turn))
                except RpcError:
                    failed += 1
                times.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(at_once)))
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(json.dumps({"requests": len(times), "failed": failed, "p50": p50, "p99": p99}))


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], read_frames(Path(sys.argv[2])), float(sys.argv[3]), int(sys.argv[4]))
    )
