"""A pod's model server: readiness, V1, V2 and /metrics, as components/serve answers them."""

import asyncio
import json
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from tests.kubernetes_api.answers import Answers, other
from tests.kubernetes_api.conduct import Conduct
from tests.kubernetes_api.http_server import CutError, Exchange

BOUNDS = (
    *(50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
# What an answer takes where nobody made it slow.
_QUICK_S = 0.0004


class ModelServer:
    """What answers in one pod's container, from its start to its end.

    Attributes:
        ready: whether the model is loaded.
    """

    def __init__(
        self, name: str, version: int, answers: Answers, conduct: Callable[[], Conduct]
    ) -> None:
        """Starts with nothing counted.

        Args:
            name: the model's.
            version: the model's.
            answers: what it gives.
            conduct: says how it behaves now.
        """
        self.ready = False
        self.name, self.version = name, version
        self._answers, self._conduct = answers, conduct
        self._started = time.time()
        self._requests: dict[tuple[str, int], int] = {}
        self._rows = 0
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._in_flight = self._shown = 0
        self._owed = [0.0, 0.0]
        # The traffic that came since the last scrape: requests, asked when it is scraped.
        self.traffic: Callable[[], float] = lambda: 0.0

    async def handle(self, exchange: Exchange) -> None:
        """Answers a request."""
        path, conduct = exchange.request.path, self._conduct()
        if path in ("/v2/health/live", "/v2/health/ready", "/v2"):
            await exchange.answer(200, {"live": True})
        elif path == "/metrics":
            await self._show(exchange, conduct)
        elif path == f"/v2/models/{self.name}/ready":
            state = {"name": self.name, "ready": self.ready}
            await exchange.answer(200 if self.ready else 503, state)
        elif path == f"/v2/models/{self.name}":
            platform = {"platform": "kubeloop", "inputs": [], "outputs": []}
            await exchange.answer(
                200, {"name": self.name, "versions": [str(self.version)], **platform}
            )
        elif path == f"/v1/models/{self.name}:predict":
            await self._infer(exchange, "v1", self._v1)
        elif path == f"/v2/models/{self.name}/infer":
            await self._infer(exchange, "v2", self._v2)
        else:
            await exchange.answer(404, {"error": f"nothing is at {path}"})

    def count(self, protocol: str, code: int, seconds: float) -> None:
        """Counts a request."""
        key = (protocol, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    async def _show(self, exchange: Exchange, conduct: Conduct) -> None:
        """Answers /metrics."""
        if conduct.behaviour == "metrics_gone":
            await exchange.answer(404, {"error": "Not Found"})
            return
        if conduct.behaviour == "metrics_garbage":
            await exchange.garble()
        self._take_traffic(conduct)
        text = self._metrics()
        if conduct.behaviour == "metrics_cut":
            self._shown += 1
            # Where the total would be: what is read without it makes the next one look like a jump.
            total = text.index(text.splitlines()[-3])
            exchange.cut_after = total if self._shown % 2 == 0 else None
        await exchange.answer(200, text)

    async def _infer(self, exchange: Exchange, protocol: str, answer: Callable[[Any], Any]) -> None:
        conduct = self._conduct()
        begin = time.perf_counter()
        if conduct.behaviour == "slow_answers":
            await asyncio.sleep(conduct.seconds)
        if not self.ready:
            status, body = 503, {"error": f"model {self.name!r} is not ready"}
        elif conduct.behaviour == "erring" and self.traffic() and self._due(1, conduct.ratio):
            status, body = 500, {"error": "the model failed"}
        else:
            try:
                status, body = 200, answer(json.loads(exchange.request.body))
            except (ValueError, KeyError, TypeError) as exc:
                status, body = 400, {"error": f"{type(exc).__name__} in the request"}
        self.count(protocol, status, time.perf_counter() - begin)
        await exchange.answer(status, body, {"Ce-Id": "0"})

    def _given(self, rows: list[Any]) -> list[tuple[Any, tuple[float, ...] | None]]:
        self._rows += len(rows)
        given = self._answers.give(rows)
        if self._conduct().behaviour != "wrong":
            return given
        return [(other(answer), chances) for answer, chances in given]

    def _v1(self, body: Any) -> Any:
        return {"predictions": [answer for answer, _ in self._given(body["instances"])]}

    def _v2(self, body: Any) -> Any:
        columns = {tensor["name"]: tensor["data"] for tensor in body["inputs"]}
        rows = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
        given = self._given(rows)
        labels = [answer for answer, _ in given]
        name, datatype = _described(labels)
        outputs = [{"name": name, "shape": [len(rows)], "datatype": datatype, "data": labels}]
        if given and given[0][1]:
            chances = [chance for _, likely in given for chance in likely or ()]
            shape = [len(rows), len(given[0][1])]
            likely = {"name": "probabilities", "shape": shape, "datatype": "FP32", "data": chances}
            outputs.append(likely)
        about = {"model_name": self.name, "model_version": str(self.version)}
        return {**about, "id": body.get("id", "0"), "outputs": outputs}

    def _due(self, requests: float, ratio: float) -> int:
        """How many of some requests fail, so that in the long run it is the ratio."""
        self._owed[1] += requests * ratio
        failed = int(self._owed[1] + 1e-9)
        self._owed[1] -= failed
        return failed

    def _take_traffic(self, conduct: Conduct) -> None:
        """Counts the requests that came through the model's entrance since the last scrape."""
        self._owed[0] += self.traffic()
        requests = int(self._owed[0] + 1e-9)
        self._owed[0] -= requests
        if conduct.behaviour == "hanging":
            hanging = self._due(requests, conduct.ratio)
            self._in_flight += hanging
            requests -= hanging
        failed = self._due(requests, conduct.ratio) if conduct.behaviour == "erring" else 0
        slow = conduct.behaviour in ("slow_under_traffic", "slow_answers")
        for index in range(requests):
            code = 500 if index < failed else 200
            self._rows += code == 200
            self.count("v1", code, conduct.seconds if slow else _QUICK_S)

    def _metrics(self) -> str:
        of = f'model_name="{self.name}",model_version="{self.version}"'
        lines = [
            "# TYPE kubeloop_requests_total counter",
            *(
                f'kubeloop_requests_total{{{of},protocol="{protocol}",code="{code}"}} {count}.0'
                for (protocol, code), count in self._requests.items()
            ),
            "# TYPE kubeloop_rows_total counter",
            f"kubeloop_rows_total{{{of}}} {self._rows}.0",
            "# TYPE kubeloop_requests_in_flight gauge",
            f"kubeloop_requests_in_flight{{{of}}} {self._in_flight}.0",
            "# TYPE kubeloop_model_info gauge",
            f'kubeloop_model_info{{{of},task="binary",runtime="onnx"}} 1.0',
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self._started}",
            "# TYPE kubeloop_request_duration_seconds histogram",
        ]
        total = 0
        for bound, count in zip((*BOUNDS, "+Inf"), self._buckets, strict=True):
            total += count
            label = f'{{{of},protocol="v1",le="{bound}"}}'
            lines.append(f"kubeloop_request_duration_seconds_bucket{label} {total}.0")
        name, v1 = "kubeloop_request_duration_seconds", f'{{{of},protocol="v1"}}'
        lines += [f"{name}_count{v1} {total}.0", f"{name}_sum{v1} {self._seconds}", ""]
        return "\n".join(lines)


def _described(labels: list[Any]) -> tuple[str, str]:
    """Returns name and datatype of the answers' tensor."""
    if any(isinstance(label, bool) for label in labels):
        return "label", "BOOL"
    if any(isinstance(label, float) for label in labels):
        return "prediction", "FP64"
    return "label", "INT64" if all(isinstance(label, int) for label in labels) else "BYTES"


async def refuse(exchange: Exchange) -> None:
    """Ends a connection without an answer: there is nobody behind the address."""
    raise CutError
