"""Our model server under 200,000 requests: its memory stays where it was, and nothing ends it.

Requests of every HTTP protocol, one row and a hundred, take turns with malformed ones of every
kind; events go to a sink. After each round the resident memory is printed. The first rounds fill
what is bounded (the queue of events, kept routes, Python's own arenas); from then on it has to be
flat, within 5 MiB, or the exit status is 1.

Run: `make bench-soak` (3 minutes; `wrk` has to be installed).
"""

import sys
import tempfile
from pathlib import Path

import httpx

from tests.benchmarks.serving.cases import MODEL, all_cases, questions
from tests.benchmarks.serving.frames import write_frames
from tests.benchmarks.serving.load import require_wrk, wrk
from tests.benchmarks.serving.models import build
from tests.benchmarks.serving.servers import Running, running

REQUESTS = 200_000
ROUND_S = 2
SETTLED = 2
MOST_GROWTH = 5 * 2**20
KIND = "mixed"
V1, V2 = f"/v1/models/{MODEL}:predict", f"/v2/models/{MODEL}/infer"
JSON = "application/json"
MALFORMED = (
    (V1, JSON, b"{"),
    (V1, JSON, b'{"instances": [[1]]}'),
    (V1, JSON, b'{"instances": [{"n0": "x"}]}'),
    (V1, "text/plain", b"{}"),
    (V1, JSON, b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}"),
    (V2, JSON, b'{"inputs": [{"name": "n0", "shape": [-1], "datatype": "FP32", "data": []}]}'),
    (V2, JSON, b'{"inputs": []}'),
    (V2, "application/octet-stream", bytes(4000)),
    (f"/v1/models/{'x' * 900}:predict", JSON, b"{}"),
)


def main() -> int:
    """Prints the rounds, and returns the exit status."""
    require_wrk()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        served = build(KIND, scratch / KIND, "hist_gradient_boosting", lean=True)
        with running(["ours"], served, scratch, None) as servers:
            server = servers["ours"]
            loads = {"malformed": scratch / "malformed"}
            write_frames(loads["malformed"], (raw(server.http, *one) for one in MALFORMED))
            for case in (c for c in all_cases() if c.http and c.kind == KIND):
                loads[str(case)] = scratch / str(case)
                asked = questions(case, served, "ours")
                write_frames(loads[str(case)], [q.raw(server.http) for q in asked])
            return soak(server, loads)


def soak(server: Running, loads: dict[str, Path]) -> int:
    """Lets the loads go round until all requests are sent."""
    sent = failed = rounds = settled = 0
    print(f"{'requests':>10}{'refused':>10}{'resident MiB':>14}")
    while sent < REQUESTS or rounds <= SETTLED:
        for name, frames in loads.items():
            found = wrk(server, frames, ROUND_S)
            sent += int(found["requests"])
            if name == "malformed":
                failed += int(found["failed"])
            elif found["failed"]:
                print(f"{name}: {found['failed']:.0f} requests failed")
                return 1
        rounds += 1
        resident = server.process.resident()
        settled = resident if rounds == SETTLED else settled
        print(f"{sent:>10,}{failed:>10,}{resident / 2**20:>14.1f}", flush=True)
    codes = {
        line.split('code="')[1][:3]
        for line in httpx.get(f"http://127.0.0.1:{server.http}/metrics").text.splitlines()
        if line.startswith("kubeloop_requests_total")
    }
    growth = resident - settled
    print(f"status codes {', '.join(sorted(codes))}; growth {growth / 2**20:.1f} MiB")
    return int(growth > MOST_GROWTH or "500" in codes)


def raw(port: int, path: str, kind: str, body: bytes) -> bytes:
    """Writes a request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    sys.exit(main())
